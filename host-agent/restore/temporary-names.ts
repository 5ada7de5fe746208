/**
 * Names under which things are made before they are complete. Each names the process that uses it, so that what a
 * killed restore left behind can be told from what another one is writing at this moment.
 */

import type { BytePath } from '../../contract/byte-path.ts';
import { isRunning, thisProcess } from '../../system/process.ts';
import { secureRandom } from '../../system/random.ts';

const PATTERN = /^\.offsite-restore-(\d+)-(\d*)-[0-9a-f]{16}-[0-9a-f]+$/;

export class TemporaryNames {
  readonly #beginning: string;
  #count = 0;

  constructor() {
    const { pid, started } = thisProcess();
    this.#beginning = `.offsite-restore-${pid}-${started}-${secureRandom(8).toString('hex')}`;
  }

  next(): BytePath {
    return `${this.#beginning}-${(this.#count++).toString(16)}` as BytePath;
  }
}

/** True for a name that a restore has made whose process certainly runs no more. */
export function isLeftOver(name: string): boolean {
  const [, pid, started] = PATTERN.exec(name) ?? [];
  return pid !== undefined && !isRunning({ pid: Number(pid), started: started ?? '', boot: '' });
}
