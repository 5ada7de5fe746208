/** Whether objects are in the store, whole and unchanged; none of them is decrypted. */

import type { OffsiteError } from '../../contract/errors.ts';
import type { Manifest, ObjectLine } from '../../contract/manifest.ts';
import { confirmObject, fetchObject, isDamage } from '../../repository/objects.ts';
import type { ObjectStore } from '../../store/port.ts';
import type { Breath } from './breath.ts';
import { Window } from './window.ts';

/** Objects asked about at once. */
const MAX_IN_FLIGHT = 16;

/** What was found out already; handed from run to run, because the runs of a chain share most objects. */
export class Verified {
  /** By object key: what is wrong with it, or null. */
  readonly objects = new Map<string, OffsiteError | null>();
  /** Chunks whose content was held against their digests; see verify-content.ts. */
  readonly chunks = new Set<string>();
}

/** All objects that a manifest names, its key objects among them. */
export function linesOf(manifest: Manifest): ObjectLine[] {
  const keyObjects = manifest.keyObjects.map(([attempt, key, size, sha]): ObjectLine => [key, size, sha, attempt]);
  return [...keyObjects, ...manifest.objects];
}

/**
 * Checks presence, size and SHA-256 of each object that was not checked before. What the store knows a SHA-256 of is
 * not read; everything else is. `memory`: bytes of objects in memory at once.
 */
export async function verifyObjects(
  lines: readonly ObjectLine[],
  ports: { store: ObjectStore; verified: Verified; breath: Breath; onObject: (size: number) => void },
  memory: number,
): Promise<void> {
  const { store, verified, breath, onObject } = ports;
  const window = new Window({ bytes: memory, count: MAX_IN_FLIGHT });
  const check = async (line: ObjectLine) => {
    const [key, size] = line;
    let damage: OffsiteError | null = null;
    try {
      if (!(await confirmObject(store, line))) await fetchObject(store, line);
    } catch (error) {
      if (!isDamage(error)) throw error;
      damage = error;
    }
    verified.objects.set(key, damage);
    onObject(size);
  };
  try {
    for (const line of lines) {
      breath.check();
      if (!verified.objects.has(line[0])) await window.start(line[1], () => check(line));
    }
  } finally {
    await window.settled();
  }
}
