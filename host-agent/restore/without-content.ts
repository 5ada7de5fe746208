/** Everything that needs no part: empty files, symbolic links, FIFOs and devices, and further names of files. */

import { spawnSync } from 'node:child_process';
import { closeSync, constants, linkSync, lstatSync, openSync, readSync, symlinkSync, writeSync } from 'node:fs';
import { type BytePath, pathForFs } from '../../contract/byte-path.ts';
import { errno } from '../../system/errno.ts';
import type { Breath } from './breath.ts';
import { type EntryTable, TOP } from './entry-table.ts';
import { DIFFERS, type Existing } from './existing.ts';
import { createFile } from './file-writer.ts';
import type { Outcome } from './outcome.ts';
import type { Placer } from './placer.ts';
import { type Failure, failureOf, type NotSet } from './report.ts';
import type { Staging } from './staging.ts';

const { O_RDONLY, O_NOFOLLOW } = constants;

/** What says that a file cannot have another name here. */
const NO_MORE_LINKS = new Set(['EPERM', 'EMLINK', 'EXDEV', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS']);

const NOT_COPIED: Failure = { code: 'content-damaged', message: 'a copy of its other name has other content' };

export class WithoutContent {
  readonly #table: EntryTable;
  readonly #placer: Placer;
  readonly #outcome: Outcome;
  readonly #staging: Staging;
  readonly #breath: Breath;

  constructor(table: EntryTable, ports: { placer: Placer; outcome: Outcome; staging: Staging; breath: Breath }) {
    this.#table = table;
    this.#placer = ports.placer;
    this.#outcome = ports.outcome;
    this.#staging = ports.staging;
    this.#breath = ports.breath;
  }

  /** Empty files, symbolic links, FIFOs and devices. Sockets cannot be restored by anybody. */
  async placeAll(): Promise<void> {
    for (const [index, type] of this.#table.types.entries()) {
      const isPiecewise = this.#table.endOfChunks(index) > (this.#table.firstChunks[index] ?? 0);
      if (type === 'directory' || isPiecewise || this.#table.links.has(index)) continue;
      if (!this.#outcome.isPending(index)) continue;
      await this.#breath.take();
      this.#try(index, () => {
        if (type === 'file') this.#placeEmpty(index);
        else if (type === 'symlink') this.#placeSymlink(index);
        else return this.#placeSpecial(index);
        return true;
      });
    }
  }

  /** Further names of files that are in the target now. */
  async linkAll(existing: Existing): Promise<void> {
    for (const [index, first] of this.#table.links) {
      if (!this.#outcome.isPending(index)) continue;
      await this.#breath.take();
      if (this.#outcome.hasFailed(first)) {
        this.#outcome.fail(index, { code: 'restore-incomplete', message: 'another name of the same file failed' });
        continue;
      }
      try {
        await this.#link(index, first, existing);
      } catch (error) {
        this.#outcome.fail(index, failureOf(error));
      }
    }
  }

  async #link(index: number, first: number, existing: Existing): Promise<void> {
    const { handles, overwrite } = this.#placer;
    const found = lstatSync(handles.at(this.#directory(index), this.#table.name(index)), { throwIfNoEntry: false });
    const wanted = lstatSync(handles.at(this.#directory(first), this.#table.name(first)));
    if (found !== undefined) {
      if (found.ino === wanted.ino && found.dev === wanted.dev) return this.#outcome.kept(index);
      if (!overwrite) {
        if (!(await existing.isSameFile(index, first, true))) return this.#outcome.fail(index, DIFFERS);
        this.#outcome.notSet.add('hard-link');
        return this.#outcome.kept(index);
      }
    }
    try {
      this.#placer.placeAtOnce(this.#directory(index), this.#table.name(index), (path) => {
        linkSync(handles.at(this.#directory(first), this.#table.name(first), this.#directory(index)), path);
      });
    } catch (error) {
      if (!NO_MORE_LINKS.has(errno(error) ?? '')) throw error;
      await this.#copy(index, first);
      if (!(await existing.isSameFile(index, first, false))) return this.#outcome.fail(index, NOT_COPIED);
      this.#outcome.notSet.add('hard-link');
    }
    this.#outcome.done(index);
  }

  /** Where the file system has no further link, the name becomes a file of its own. */
  async #copy(index: number, first: number): Promise<void> {
    const directory = this.#directory(index);
    const from = openSync(
      this.#placer.handles.at(this.#directory(first), this.#table.name(first)),
      O_RDONLY | O_NOFOLLOW,
    );
    try {
      const { handle, temporary } = this.#placer.create(directory);
      try {
        const piece = Buffer.alloc(2 ** 20);
        for (let read = readSync(from, piece); read > 0; read = readSync(from, piece)) {
          await this.#breath.take();
          for (let done = 0; done < read; ) done += writeSync(handle, piece, done, read - done);
        }
        this.#placer.attributes.setOpen(handle, this.#table.attributes(index));
        this.#placer.publish(directory, temporary, this.#table.name(index));
      } finally {
        closeSync(handle);
        this.#placer.discard(directory, temporary);
      }
    } finally {
      closeSync(from);
    }
  }

  #placeEmpty(index: number): void {
    const { path: directory, isHidden } = this.#staging.place(this.#table.parents[index] ?? TOP);
    const name = this.#table.name(index);
    const [size, extents] = [this.#table.sizes[index] ?? 0, this.#table.extents.get(index) ?? null];
    const { handle, temporary } = createFile(this.#placer, { directory, isHidden, name, size, extents });
    try {
      this.#placer.attributes.setOpen(handle, this.#table.attributes(index));
      if (!isHidden) this.#placer.publish(directory, temporary, name);
    } catch (error) {
      this.#placer.discard(directory, temporary);
      throw error;
    } finally {
      closeSync(handle);
    }
  }

  #placeSymlink(index: number): void {
    const target = pathForFs(this.#table.targets.get(index) ?? ('' as BytePath));
    this.#placer.placeAtOnce(this.#directory(index), this.#table.name(index), (path) => {
      symlinkSync(target, path);
      this.#placer.attributes.setLink(path, this.#table.attributes(index));
    });
  }

  /** False where it cannot be made here. */
  #placeSpecial(index: number): boolean {
    const type = this.#table.types[index];
    if (type === 'socket') return this.#leaveOut(index, 'socket');
    const device = this.#table.devices.get(index) ?? [0, 0];
    const [program, ...numbers] = type === 'fifo' ? ['mkfifo'] : ['mknod', type === 'char' ? 'c' : 'b', ...device];
    const directory = this.#directory(index);
    let isMade = false;
    this.#placer.placeSlowly(directory, this.#table.name(index), (temporary, path) => {
      // In the directory itself, so that the program needs no path; the temporary name is plain ASCII.
      const cwd = `/proc/self/fd/${this.#placer.handles.get(directory)}`;
      const made = spawnSync(program ?? '', ['-m', '600', temporary, ...numbers.map(String)], { cwd, stdio: 'ignore' });
      isMade = made.status === 0;
      if (isMade) this.#placer.attributes.setSpecial(path, this.#table.attributes(index));
      return isMade;
    });
    return isMade || this.#leaveOut(index, type === 'fifo' ? 'fifo' : 'device');
  }

  #leaveOut(index: number, what: NotSet): false {
    this.#outcome.notSet.add(what);
    this.#outcome.leftOut(index);
    return false;
  }

  #try(index: number, place: () => boolean): void {
    try {
      if (place()) this.#outcome.done(index);
    } catch (error) {
      this.#outcome.fail(index, failureOf(error));
    }
  }

  #directory(index: number): BytePath {
    return this.#staging.directory(index);
  }
}
