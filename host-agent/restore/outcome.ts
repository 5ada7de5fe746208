/** What has become of each entry of a plan, while it is being restored. */

import type { RestorePlan } from './plan.ts';
import { type Failure, fatalError, NotSetCounts, type RestoreError, restoreError } from './report.ts';

const PENDING = 0;
const DONE = 1;
/** It was in the target already, with the same content. */
const KEPT = 2;
/** It cannot be restored here, which is no error: a socket, a device without the rights for it. */
const LEFT_OUT = 3;
const FAILED = 4;

/** What `restore --json` prints, and a little more. */
export interface RestoreReport {
  readonly run: string;
  /** Files restored and verified, those that were there already included. */
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  /** Apparent bytes of those files; a file with several names counts once. */
  readonly bytes: number;
  /** How many of all of them were in the target already, with the same content. */
  readonly kept: number;
  /** True where everything that was asked for is there, and its content has the hash that the host signed. */
  readonly verified: boolean;
  readonly notSet: { what: string; count: number }[];
  readonly errors: RestoreError[];
}

export class Outcome {
  readonly notSet = new NotSetCounts();
  readonly #plan: RestorePlan;
  readonly #states: Uint8Array;
  readonly #errors: RestoreError[];
  #files = 0;
  #bytes = 0;
  #onSettled: (index: number) => void = () => {};

  constructor(plan: RestorePlan) {
    this.#plan = plan;
    this.#states = new Uint8Array(plan.table.length);
    this.#errors = [...plan.problems];
  }

  /** `each` is told of every entry that is settled from now on, whatever becomes of it. */
  whenSettled(each: (index: number) => void): void {
    this.#onSettled = each;
  }

  isPending(index: number): boolean {
    return this.#states[index] === PENDING;
  }

  hasFailed(index: number): boolean {
    return this.#states[index] === FAILED;
  }

  done(index: number): void {
    this.#settle(index, DONE);
  }

  kept(index: number): void {
    this.#settle(index, KEPT);
  }

  leftOut(index: number): void {
    this.#settle(index, LEFT_OUT);
  }

  /** The first failure of an entry counts. Throws `target-unusable` where the failure stops everything. */
  fail(index: number, failure: Failure): void {
    if (failure.fatal) throw fatalError(failure);
    if (!this.isPending(index)) return;
    this.#states[index] = FAILED;
    this.#errors.push(restoreError(this.#plan.table.path(index), failure));
    this.#onSettled(index);
  }

  isDone(index: number): boolean {
    return this.#states[index] === DONE;
  }

  /** What was done turned out to be in vain. */
  revoke(index: number, failure: Failure): void {
    if (!this.isDone(index)) return;
    this.#count(index, -1);
    this.#states[index] = PENDING;
    this.fail(index, failure);
  }

  /** Files and bytes that are complete. */
  get progress(): { files: number; bytes: number } {
    return { files: this.#files, bytes: this.#bytes };
  }

  report(): RestoreReport {
    const { table, summary } = this.#plan;
    const count = { directory: 0, symlink: 0, kept: 0 };
    for (const [index, state] of this.#states.entries()) {
      const type = table.types[index];
      const isSelected = !table.ancestors.has(index) && !table.implied.has(index);
      if (!isSelected || (state !== DONE && state !== KEPT)) continue;
      if (state === KEPT) count.kept++;
      if (type === 'directory' || type === 'symlink') count[type]++;
    }
    return {
      run: summary.run,
      files: this.#files,
      directories: count.directory,
      symlinks: count.symlink,
      bytes: this.#bytes,
      kept: count.kept,
      verified: this.#errors.length === 0,
      notSet: this.notSet.list(),
      errors: this.#errors,
    };
  }

  #settle(index: number, state: number): void {
    if (!this.isPending(index)) return;
    this.#states[index] = state;
    if (state !== LEFT_OUT) this.#count(index, 1);
    this.#onSettled(index);
  }

  #count(index: number, times: 1 | -1): void {
    const { table } = this.#plan;
    if (table.types[index] !== 'file') return;
    this.#files += times;
    if (!table.links.has(index)) this.#bytes += times * (table.sizes[index] ?? 0);
  }
}
