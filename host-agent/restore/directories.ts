/** Directories: made first and closed to others, given their attributes last. */

import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  unlinkSync,
} from 'node:fs';
import { type BytePath, pathFromBytes } from '../../contract/byte-path.ts';
import { errno } from '../../system/errno.ts';
import { O_PATH } from './attributes.ts';
import { TOP } from './entry-table.ts';
import type { Outcome } from './outcome.ts';
import type { Placer } from './placer.ts';
import type { RestorePlan } from './plan.ts';
import { type Failure, failureOf } from './report.ts';
import type { Staging } from './staging.ts';
import { isLeftOver } from './temporary-names.ts';

const { W_OK, X_OK, O_DIRECTORY, O_NOFOLLOW } = constants;

export class Directories {
  readonly #plan: RestorePlan;
  readonly #placer: Placer;
  readonly #outcome: Outcome;
  readonly #staging: Staging;
  /** Directories that this restore has made, so that nothing else can be in them. */
  readonly #made = new Set<number>();
  /** Directories that had to be opened up to be written, with the modes they had. */
  readonly #loosened = new Map<number, number>();
  #umaskIsStrict: boolean | undefined;

  constructor(plan: RestorePlan, ports: { placer: Placer; outcome: Outcome; staging: Staging }) {
    this.#plan = plan;
    this.#placer = ports.placer;
    this.#outcome = ports.outcome;
    this.#staging = ports.staging;
  }

  /** True where something may be in the directory that this restore has not put there. */
  mayHold(directory: number): boolean {
    return !this.#made.has(directory);
  }

  /** Makes all directories. What lies in one that cannot be made has failed with it. */
  makeAll(isNewTarget: boolean): void {
    const { table } = this.#plan;
    if (isNewTarget) this.#made.add(TOP);
    else this.#prepareExisting(TOP, '' as BytePath);
    for (let index = 0; index < table.length; index++) {
      const parent = table.parents[index] ?? TOP;
      if (parent !== TOP && this.#outcome.hasFailed(parent)) {
        this.#outcome.fail(index, { code: 'target-exists', message: 'its directory is not in the target' });
      } else if (table.types[index] === 'directory') {
        const failure = this.#make(index);
        if (failure !== null) this.#outcome.fail(index, failure);
      }
    }
  }

  /** Brings all directories to their places and sets their attributes, the deepest first: a directory may forbid what it was needed for. */
  finishAll(): void {
    const { table } = this.#plan;
    this.#staging.publishAll();
    for (let index = table.length - 1; index >= 0; index--) {
      if (table.types[index] !== 'directory' || this.#outcome.hasFailed(index)) continue;
      if (this.#staging.place(index).isHidden) continue;
      try {
        this.#finish(index);
        this.#outcome.done(index);
      } catch (error) {
        this.#outcome.fail(index, failureOf(error));
      }
    }
    const mode = this.#loosened.get(TOP);
    if (mode !== undefined) fchmodSync(this.#placer.handles.get('' as BytePath), mode);
  }

  #finish(index: number): void {
    const { table } = this.#plan;
    const handle = this.#placer.handles.get(table.path(index));
    const isLeftAlone = table.implied.has(index) || (table.ancestors.has(index) && !this.#made.has(index));
    const mode = this.#loosened.get(index);
    if (!isLeftAlone) this.#placer.attributes.setOpen(handle, table.attributes(index), { isDirectory: true });
    else if (mode !== undefined) fchmodSync(handle, mode);
  }

  #make(index: number): Failure | null {
    const { table } = this.#plan;
    const parent = table.parents[index] ?? TOP;
    try {
      const path = this.#placer.handles.at(this.#staging.directory(index), table.name(index));
      if (this.#placer.overwrite && this.mayHold(parent)) removeUnlessDirectory(path);
      try {
        mkdirSync(path, 0o700);
        this.#openUp(path);
        this.#made.add(index);
        this.#staging.made(index);
        return null;
      } catch (error) {
        if (errno(error) !== 'EEXIST') throw error;
      }
      if (this.#made.has(parent)) {
        return { code: 'target-exists', message: 'the file system of the target takes two names for the same' };
      }
      this.#prepareExisting(index, table.path(index));
      return null;
    } catch (error) {
      return failureOf(error);
    }
  }

  /** A umask may have taken the owner's own rights away; the first directory shows it. */
  #openUp(path: string | Buffer): void {
    this.#umaskIsStrict ??= (lstatSync(path).mode & 0o700) !== 0o700;
    if (!this.#umaskIsStrict) return;
    const handle = openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    chmodSync(`/proc/self/fd/${handle}`, 0o700);
    closeSync(handle);
  }

  /** Removes what earlier attempts left in a directory, and sees to it that it can be written. */
  #prepareExisting(index: number, path: BytePath): void {
    const handle = this.#placer.handles.get(path);
    const opened = `/proc/self/fd/${handle}`;
    try {
      accessSync(opened, W_OK | X_OK);
    } catch {
      const mode = fstatSync(handle).mode & 0o7777;
      try {
        fchmodSync(handle, mode | 0o700);
        this.#loosened.set(index, mode);
      } catch {
        // It is not ours: each file in it will say that it cannot be written.
      }
    }
    for (const name of readdirSync(opened, { encoding: 'buffer' })) {
      if (!isLeftOver(name.toString('latin1')) || this.#isPlanned(index, pathFromBytes(name))) continue;
      this.#placer.discardDirectory(path, pathFromBytes(name));
    }
  }

  /** True for an entry of the plan itself: the host that was backed up had something left over too. */
  #isPlanned(directory: number, name: BytePath): boolean {
    const { parents, names } = this.#plan.table;
    return parents.some((parent, index) => parent === directory && names[index] === name);
  }
}

/** With `overwrite` a file or link makes way for a directory; a directory never makes way for anything. */
function removeUnlessDirectory(path: string | Buffer): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isDirectory()) unlinkSync(path);
}
