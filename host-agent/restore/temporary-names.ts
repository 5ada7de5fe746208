/**
 * Names under which things are made before they are complete. Each names the process that uses it, so that what a
 * killed restore left behind can be told from what another one is writing at this moment. Of a process in another container,
 * on another machine, or before this one was started again, nothing can be told: what it made is left alone.
 */

import { hash } from 'node:crypto';
import type { BytePath } from '../../contract/byte-path.ts';
import { isRunning, pidSpace, thisProcess } from '../../system/process.ts';
import { secureRandom } from '../../system/random.ts';

const PATTERN = /^\.offsite-restore-(\d+)-(\d*)-(?:([0-9a-f]{8})-)?[0-9a-f]{16}-[0-9a-f]+$/;

/** Of where pids mean the same. */
const mark = () => hash('sha256', pidSpace()).slice(0, 8);

export class TemporaryNames {
  readonly #beginning: string;
  #count = 0;

  constructor() {
    const { pid, started } = thisProcess();
    this.#beginning = `.offsite-restore-${pid}-${started}-${mark()}-${secureRandom(8).toString('hex')}`;
  }

  next(): BytePath {
    return `${this.#beginning}-${(this.#count++).toString(16)}` as BytePath;
  }
}

/** True for a name that a restore has made whose process certainly runs no more. */
export function isLeftOver(name: string): boolean {
  const [, pid, started, where] = PATTERN.exec(name) ?? [];
  if (where !== undefined && where !== mark()) return false;
  return pid !== undefined && !isRunning({ pid: Number(pid), started: started ?? '', boot: '' });
}
