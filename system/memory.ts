/** Memory that the collector would free only later. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

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
