/** The entries that a restore asks for: what was named, all beneath it, and the directories above it. */

import { type BytePath, displayPath } from '../../contract/byte-path.ts';
import type { Entry } from '../../contract/entry.ts';
import { OffsiteError } from '../../contract/errors.ts';
import type { ListingDamage } from '../../repository/listing.ts';
import type { RunReader } from '../../repository/run-reader.ts';
import { ancestorsOf, nestedPaths } from './paths.ts';

export interface Selected {
  readonly entries: readonly Entry[];
  /** True for directories that were not asked for and only lead to something that was. */
  readonly isAncestor: boolean;
}

/**
 * The selected entries in the listing's order, some at a time; all of them where no path is named. Throws `path-not-found` at the end,
 * naming every path that is not in the listing.
 */
export async function* selectEntries(
  reader: RunReader,
  paths: readonly BytePath[],
  onDamage: (damage: ListingDamage) => void,
): AsyncGenerator<Selected, void, void> {
  const requested = paths.length === 0 ? [{ path: '' as BytePath, within: [] }] : nestedPaths(paths);
  const missing: BytePath[] = [];
  const given = new Set<BytePath>();
  let damaged = false;
  const note = (damage: ListingDamage) => {
    damaged = true;
    onDamage(damage);
  };
  for (const { path, within } of requested) {
    for (const above of ancestorsOf(path).filter((one) => !given.has(one))) {
      given.add(above);
      // One that cannot be read is made without its attributes.
      const entry = await reader.entry(above, () => {});
      if (entry !== null) yield { entries: [entry], isAncestor: true };
    }
    const wanted = new Set(path === '' ? within : [path, ...within]);
    for await (const batch of reader.batches(path, note)) {
      const entries = [...batch];
      for (const entry of entries) {
        if (wanted.size === 0) break;
        for (const one of [entry.path, ...ancestorsOf(entry.path)]) wanted.delete(one);
      }
      yield { entries, isAncestor: false };
    }
    // Where the listing is damaged they may have been there, and the damage is told anyway.
    if (!damaged) missing.push(...wanted);
  }
  if (missing.length > 0) {
    const names = missing.map(displayPath).join(', ');
    throw new OffsiteError('path-not-found', `not in run ${reader.signed.manifest.run}: ${names}`);
  }
}
