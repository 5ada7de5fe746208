/** Memory that the collector would free only later. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What a library may have taken more than it gave out, to see the end of it. */
const SLACK = 1;

/**
 * Gives memory back at once, where nothing else lies in it; who has it finds it empty. Whoever asks for as much next
 * then gets the same, warm in the cache and without the kernel's help; the collector would take its time.
 */
export function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength - byteLength <= SLACK) buffer.transfer(0);
}

type Collect = (options: { type: 'minor' }) => void;
let collect: Collect | undefined;

/**
 * Frees what died young, such as compressed frames that have been copied into a part. Without it such buffers, which
 * lie outside the collector's own heap, pile up to hundreds of megabytes before it takes notice. A few milliseconds.
 */
export function collectYoungGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
  }
  collect({ type: 'minor' });
}

/** So much garbage is left lying about. */
const MAX_DISCARDED = 6 * 2 ** 20;
let discarded = 0;

/** Tells that so many bytes outside the heap, which were allocated just before, are of no more use. */
export function discard(bytes: number): void {
  discarded += bytes;
  if (discarded < MAX_DISCARDED) return;
  discarded = 0;
  collectYoungGarbage();
}
