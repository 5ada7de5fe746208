/**
 * What is in the target already: entries that are the same count as restored, whether an interrupted restore or
 * somebody else put them there; others are kept, unless they are to be overwritten.
 */

import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { type BytePath, pathFromBytes } from '../../contract/byte-path.ts';
import { errno } from '../../system/errno.ts';
import type { Breath } from './breath.ts';
import type { Directories } from './directories.ts';
import { type EntryTable, TOP } from './entry-table.ts';
import { eachStretch, holesOf } from './extents.ts';
import type { Outcome } from './outcome.ts';
import type { Placer } from './placer.ts';
import { type Failure, failureOf } from './report.ts';
import type { Staging } from './staging.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const STEP = 4 * 2 ** 20;

export class Existing {
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

  /** Looks at everything that may be there, links to other names of a file aside. */
  async survey(directories: Directories): Promise<void> {
    const { parents, types, links } = this.#table;
    for (const [index, type] of types.entries()) {
      if (type === 'directory' || links.has(index) || !this.#outcome.isPending(index)) continue;
      if (!directories.mayHold(parents[index] ?? TOP)) continue;
      await this.#breath.take();
      try {
        await this.#look(index);
      } catch (error) {
        this.#outcome.fail(index, failureOf(error));
      }
    }
  }

  async #look(index: number): Promise<void> {
    const path = this.#path(index);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    const attributes = this.#table.attributes(index);
    if (this.#table.types[index] === 'file') {
      if (!found.isFile() || !(await this.isSameFile(index, index, true))) return this.#differs(index, found);
    } else {
      if (!this.#isSameAsFound(index, found, path)) return this.#differs(index, found);
      if (found.isSymbolicLink()) this.#placer.attributes.setLink(path, attributes);
      else this.#placer.attributes.setSpecial(path, attributes);
    }
    this.#outcome.kept(index);
  }

  /**
   * True where the file under the name of `index` has the content of the entry `content` (another name of it). With
   * `setAttributes` it then gets the attributes.
   */
  async isSameFile(index: number, content: number, setAttributes: boolean): Promise<boolean> {
    let handle: number;
    try {
      handle = openSync(this.#path(index), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if (errno(error) === undefined) throw error;
      return false;
    }
    try {
      const found = fstatSync(handle);
      if (!found.isFile() || found.size !== this.#table.sizes[content]) return false;
      if (!(await this.#hasContent(handle, content))) return false;
      if (setAttributes) this.#placer.attributes.setOpen(handle, this.#table.attributes(index));
      return true;
    } finally {
      closeSync(handle);
    }
  }

  async #hasContent(handle: number, index: number): Promise<boolean> {
    const { chunkLengths, chunkPositions, extents, sizes } = this.#table;
    const places = extents.get(index) ?? null;
    for (let chunk = this.#table.firstChunks[index] ?? 0; chunk < this.#table.endOfChunks(index); chunk++) {
      await this.#breath.take();
      const bytes = Buffer.alloc(chunkLengths[chunk] ?? 0);
      let read = 0;
      eachStretch(places, chunkPositions[chunk] ?? 0, bytes.length, (from, offset, length) => {
        read += readFully(handle, bytes.subarray(from, from + length), offset);
      });
      if (read < bytes.length || !hash('sha256', bytes, 'buffer').equals(this.#table.digest(chunk))) return false;
    }
    for (const [offset, length] of holesOf(places, sizes[index] ?? 0)) {
      for (let at = offset; at < offset + length; at += STEP) {
        await this.#breath.take();
        const bytes = Buffer.alloc(Math.min(STEP, offset + length - at));
        readFully(handle, bytes, at);
        if (bytes.some((byte) => byte !== 0)) return false;
      }
    }
    return true;
  }

  #isSameAsFound(index: number, found: Stats, path: string | Buffer): boolean {
    const { targets, devices, types } = this.#table;
    switch (types[index]) {
      case 'symlink':
        return (
          found.isSymbolicLink() &&
          pathFromBytes(readlinkSync(path, { encoding: 'buffer' })) === (targets.get(index) ?? ('' as BytePath))
        );
      case 'fifo':
        return found.isFIFO();
      case 'socket':
        return found.isSocket();
      case 'char':
        return found.isCharacterDevice() && deviceNumber(devices.get(index)) === BigInt(found.rdev);
      case 'block':
        return found.isBlockDevice() && deviceNumber(devices.get(index)) === BigInt(found.rdev);
      default:
        return false;
    }
  }

  #differs(index: number, found: Stats): void {
    if (found.isDirectory()) {
      this.#outcome.fail(index, {
        code: 'target-exists',
        message: 'a directory of that name is in the target already',
      });
    } else if (!this.#placer.overwrite) {
      this.#outcome.fail(index, DIFFERS);
    }
  }

  #path(index: number): string | Buffer {
    return this.#placer.handles.at(this.#staging.directory(index), this.#table.name(index));
  }
}

/** Kept, because nobody said that it may be replaced. */
export const DIFFERS: Failure = {
  code: 'target-exists',
  message: 'something else of that name is in the target already, and is kept',
};

function readFully(handle: number, bytes: Uint8Array, offset: number): number {
  let done = 0;
  while (done < bytes.length) {
    const read = readSync(handle, bytes, done, bytes.length - done, offset + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** Linux's 64-bit dev_t of major and minor, as glibc's gnu_dev_makedev puts it together. */
function deviceNumber(device: [number, number] | undefined): bigint | null {
  if (device === undefined) return null;
  const [major, minor] = [BigInt(device[0]), BigInt(device[1])];
  const low = (minor & 0xffn) | ((major & 0xfffn) << 8n);
  return low | ((minor & ~0xffn) << 12n) | ((major & ~0xfffn) << 32n);
}
