/**
 * Reading one file that may change, vanish or turn into something else at any moment. It is opened without following
 * a symlink and without waiting for a FIFO's writer; what the open handle is decides, not what lstat said before.
 */

import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { errnoOf } from './scan.ts';

/** Holes are looked for in pieces of this size; a shorter run of zeros is content. No read may be for less. */
export const HOLE_BLOCK = 64 * 2 ** 10;
const ZEROS = Buffer.alloc(HOLE_BLOCK);
/** After so much of nothing `read` returns, so that a hole of terabytes holds nobody up. */
export const HOLE_STRETCH = 8 * 2 ** 20;
/** What `read` returns where it met nothing but a hole. */
export const HOLE = -1;
/** Of a file that says it is empty, so much is read at most: those of /proc say so, and are not. */
const UNSIZED_BYTES = 64 * 2 ** 20;
/** A line of the listing holds no more; what lies behind is data, holes and all. */
const MAX_EXTENTS = 100_000;

/** A file could not be read; `code` is an errno name. Never one of the store's errors. */
export class SourceReadError extends Error {
  readonly code: string;
  constructor(cause: unknown) {
    const code = errnoOf(cause);
    super(`reading failed: ${code}`, { cause });
    this.code = code;
  }
}

function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new SourceReadError(cause);
  }
}

/** Opens a regular file for reading, or says why not: an errno name, or `not-a-file` where it has become something else. */
export function openRegularFile(
  file: string | Buffer,
  segment?: readonly [number, number],
): OpenFile | { problem: string } {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
  let descriptor: number;
  try {
    descriptor = openSync(file, flags);
  } catch (error) {
    const code = errnoOf(error);
    // A symlink: Linux answers ELOOP. A socket: ENXIO.
    return { problem: code === 'ELOOP' || code === 'ENXIO' ? 'not-a-file' : code };
  }
  let problem = 'not-a-file';
  try {
    const stat = fstatSync(descriptor, { bigint: true });
    if (stat.isFile()) return new OpenFile(descriptor, stat, segment);
  } catch (error) {
    problem = errnoOf(error);
  }
  closeSync(descriptor);
  return { problem };
}

export class OpenFile {
  /** As it was when opened. */
  readonly stat: BigIntStats;
  readonly #descriptor: number;
  readonly #looksForHoles: boolean;
  readonly #start: number;
  /** It is read no further. */
  readonly #end: number;
  #position: number;
  /** `[offset, length]` of what is no hole, as far as it has been read. */
  #data: [number, number][] = [];

  /** `segment`: `[from, to]`, all that is read of it; default the whole file. */
  constructor(descriptor: number, stat: BigIntStats, segment?: readonly [number, number]) {
    this.#descriptor = descriptor;
    this.stat = stat;
    const size = stat.size === 0n ? UNSIZED_BYTES : Number(stat.size);
    this.#start = segment?.[0] ?? 0;
    this.#end = Math.min(size, segment?.[1] ?? size);
    this.#position = this.#start;
    // fstat(2): st_blocks counts units of 512 bytes.
    this.#looksForHoles = stat.blocks * 512n < stat.size && stat.size >= BigInt(HOLE_BLOCK);
  }

  /** How far it has been read, holes included. */
  get position(): number {
    return this.#position;
  }

  /** The data extents of a sparse file; undefined where there was no hole. */
  get data(): [number, number][] | undefined {
    const [first] = this.#data;
    const length = this.#position - this.#start;
    const isWhole = this.#data.length === 1 && first?.[0] === this.#start && first[1] === length;
    return !this.#looksForHoles || isWhole || length === 0 ? undefined : this.#data;
  }

  /**
   * Reads on into `target`, holes left out, and no further than the size at opening: what grows faster than it is read
   * has an end too. 0 at the end; HOLE where a long hole goes on. Throws SourceReadError.
   */
  read(target: Buffer, offset: number, length: number): number {
    if (!this.#looksForHoles) return this.#readRaw(target, offset, length);
    if (length < HOLE_BLOCK) throw new RangeError('a sparse file is read in pieces of 64 KiB at least');
    const start = this.#position;
    while (this.#position - start < HOLE_STRETCH) {
      const before = this.#position;
      let filled = 0;
      while (filled < HOLE_BLOCK) {
        const count = this.#readRaw(target, offset + filled, HOLE_BLOCK - filled);
        if (count === 0) break;
        filled += count;
      }
      if (filled === 0) return 0;
      const isHole = target.subarray(offset, offset + filled).equals(ZEROS.subarray(0, filled));
      if (isHole && this.#data.length < MAX_EXTENTS) continue;
      this.#addExtent(before, filled);
      return filled;
    }
    return HOLE;
  }

  /** True where size and times are what they were at opening, and as much was read as the size says. */
  isUnchanged(): boolean {
    const now = this.#statNow();
    const { size, mtimeNs, ctimeNs } = this.stat;
    const isAllRead = this.#position === (size === 0n ? 0 : this.#end);
    return now.size === size && now.mtimeNs === mtimeNs && now.ctimeNs === ctimeNs && isAllRead;
  }

  /** Back to the beginning, with the attributes of now. */
  reopen(): OpenFile {
    return new OpenFile(this.#descriptor, this.#statNow());
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #readRaw(target: Buffer, offset: number, length: number): number {
    const wanted = Math.min(length, this.#end - this.#position);
    if (wanted <= 0) return 0;
    const count = reading(() => readSync(this.#descriptor, target, offset, wanted, this.#position));
    this.#position += count;
    return count;
  }

  #statNow(): BigIntStats {
    return reading(() => fstatSync(this.#descriptor, { bigint: true }));
  }

  #addExtent(offset: number, length: number): void {
    const last = this.#data.at(-1);
    if (last !== undefined && last[0] + last[1] === offset) last[1] += length;
    else this.#data.push([offset, length]);
  }
}
