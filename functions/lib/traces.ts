/** What a host left of a run beside a manifest: believed for nothing but explaining a silence. */

import type { RunId } from '../../contract/ids.ts';
import { objectKey, parseObjectKey, runFolder } from '../../contract/keys.ts';
import { skippedKind } from '../../contract/run-notes.ts';
import type { RunPlace } from '../../repository/manifests.ts';
import type { ObjectStore } from '../../store/port.ts';
import { readDocument } from './documents.ts';

export interface Traces {
  /** Where a manifest lies. */
  readonly manifests: readonly RunPlace[];
  /** When the store received the first sign of life, and the last one; null where there is none. */
  readonly started: Date | null;
  readonly alive: Date | null;
  /** Another run held the set. A note that cannot be read still says so. */
  readonly skipped: { readonly by: string | null; readonly since: string | null } | null;
}

/** Looks under each prefix of the node: one listing each, however many runs there are. */
export async function tracesOf(
  store: ObjectStore,
  prefixes: readonly string[],
  { set, run }: { set: string; run: RunId },
): Promise<Traces> {
  const manifests: RunPlace[] = [];
  const skipped: RunPlace[] = [];
  const signs: Date[] = [];
  for (const prefix of prefixes) {
    const place = { prefix, set, run };
    for await (const { key, lastModified } of store.list(runFolder(place))) {
      const kind = parseObjectKey(key)?.kind;
      if (kind === 'manifest') manifests.push(place);
      if (kind === 'skipped') skipped.push(place);
      if (kind === 'started' || kind === 'alive') signs.push(lastModified);
    }
  }
  signs.sort((one, other) => +one - +other);
  const [note] = skipped;
  // A run that started all the same, after an earlier attempt was skipped, is under way.
  const isSkipped = note !== undefined && signs.length === 0;
  return {
    manifests,
    started: signs[0] ?? null,
    alive: signs.at(-1) ?? null,
    skipped: isSkipped ? await readSkipped(store, note) : null,
  };
}

async function readSkipped(store: ObjectStore, place: RunPlace): Promise<Traces['skipped']> {
  const { document } = await readDocument(store, objectKey({ kind: 'skipped', ...place }), skippedKind);
  return { by: document?.by ?? null, since: document?.since ?? null };
}
