/**
 * The entries of a state: blocks of some thousand entries, each in columns. What must be looked at in every run (paths,
 * and what proves an entry unchanged) is one zstd frame; the entries' lines of the listing, of which a run needs few, are
 * another one behind it.
 */

import { zstdDecompressSync } from 'node:zlib';
import type { BytePath } from '../../contract/byte-path.ts';

/** What tells that something has not changed. */
export interface Stamp {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: bigint;
}

export interface NewEntry extends Stamp {
  readonly path: BytePath;
  /** False where the content was not read whole and stable: then it is read again whatever the times say. */
  readonly settled: boolean;
  /** The entry's lines as they are in the listing. */
  readonly lines: Buffer;
}

/** What the base knows of one entry. */
export interface BaseEntry extends NewEntry {
  /** Its place among all entries. */
  readonly index: number;
}

/** Entries, and bytes of the two frames. */
export type BlockSizes = [entries: number, columns: number, lines: number];

/** A block is full with so many entries, or so many bytes of lines. */
export const MAX_ENTRIES = 2048;
export const MAX_LINES = 2 ** 20;

/** Of 64 bits: size, mtime, ctime, inode. */
export const WIDE = 4;
/** Of 32 bits: how much of the path is that of the entry before, the length of the rest, the length of the lines. */
export const NARROW = 3;
export const [SHARED, REST, LINES] = [0, 1, 2] as const;

/** The lines of a block, decompressed. */
export const linesOfBlock = (frame: Buffer): Buffer => zstdDecompressSync(frame);

/** A block's columns, of which entries are views. */
export class EntryBlock {
  readonly first: number;
  readonly count: number;
  readonly #wide: BigInt64Array;
  readonly #narrow: Uint32Array;
  readonly #settled: Uint8Array;
  readonly #rests: string;
  /** Where each entry's lines and rest of the path begin; made when they are wanted. */
  #linesAt: Uint32Array | null = null;
  #restsAt: Uint32Array | null = null;
  readonly #linesOf: (block: EntryBlock) => Buffer;

  /** `first`: the place of its first entry among all; `linesOf` gives its lines, decompressed. */
  constructor(first: number, count: number, frame: Buffer, linesOf: (block: EntryBlock) => Buffer) {
    this.first = first;
    this.count = count;
    this.#linesOf = linesOf;
    const bytes = zstdDecompressSync(frame);
    const aligned = bytes.byteOffset % 8 === 0 ? bytes : Buffer.from(Uint8Array.from(bytes).buffer);
    const { buffer, byteOffset } = aligned;
    this.#wide = new BigInt64Array(buffer, byteOffset, WIDE * count);
    this.#narrow = new Uint32Array(buffer, byteOffset + WIDE * count * 8, NARROW * count);
    const settledAt = WIDE * count * 8 + NARROW * count * 4;
    this.#settled = aligned.subarray(settledAt, settledAt + count);
    this.#rests = aligned.toString('latin1', settledAt + count);
  }

  /** All of its entries, in order. */
  entries(): BaseEntry[] {
    const entries: BaseEntry[] = [];
    let path = '';
    let at = 0;
    for (let i = 0; i < this.count; i++) {
      const rest = this.narrow(REST, i);
      path = path.slice(0, this.narrow(SHARED, i)) + this.#rests.slice(at, at + rest);
      at += rest;
      entries.push(new EntryInBlock(this, i, path as BytePath));
    }
    return entries;
  }

  wide(column: number, at: number): bigint {
    return this.#wide[column * this.count + at] as bigint;
  }

  narrow(column: number, at: number): number {
    return this.#narrow[column * this.count + at] as number;
  }

  isSettled(at: number): boolean {
    return this.#settled[at] === 1;
  }

  /** The lines of a range of its entries. */
  lines(from: number, to: number): Buffer {
    this.#linesAt ??= this.#sumsOf(LINES);
    return this.#linesOf(this).subarray(this.#linesAt[from], this.#linesAt[to]);
  }

  /** As they lie here. */
  get columns(): { wide: BigInt64Array; narrow: Uint32Array; settled: Uint8Array } {
    return { wide: this.#wide, narrow: this.#narrow, settled: this.#settled };
  }

  /** What the paths of a range of its entries do not have in common with the one before each. */
  rests(from: number, to: number): string {
    this.#restsAt ??= this.#sumsOf(REST);
    return this.#rests.slice(this.#restsAt[from], this.#restsAt[to]);
  }

  /** The path of one entry, put together from the beginning of the block. */
  pathAt(at: number): BytePath {
    let path = '';
    for (let i = 0; i <= at; i++) path = path.slice(0, this.narrow(SHARED, i)) + this.rests(i, i + 1);
    return path as BytePath;
  }

  #sumsOf(column: number): Uint32Array {
    const sums = new Uint32Array(this.count + 1);
    for (let i = 0; i < this.count; i++) sums[i + 1] = (sums[i] as number) + this.narrow(column, i);
    return sums;
  }
}

/** Entries of one block that come one after the other. */
export class BlockRange {
  readonly first: EntryInBlock;
  #last: EntryInBlock;

  constructor(entry: BaseEntry) {
    if (!(entry instanceof EntryInBlock)) throw new RangeError('an entry of no block');
    this.first = entry;
    this.#last = entry;
  }

  get last(): EntryInBlock {
    return this.#last;
  }

  get block(): EntryBlock {
    return this.first.block;
  }

  get length(): number {
    return this.#last.at - this.first.at + 1;
  }

  /** Its entry of that place in it. */
  entryAt(place: number): EntryInBlock {
    const at = this.first.at + place;
    return place === 0 ? this.first : new EntryInBlock(this.block, at, this.block.pathAt(at));
  }

  /** True where nothing of the block is missing. */
  get isWhole(): boolean {
    return this.length === this.block.count;
  }

  /** Takes the entry if it is the next one of this block. */
  takes(entry: BaseEntry): boolean {
    if (!(entry instanceof EntryInBlock) || entry.block !== this.block || entry.at !== this.#last.at + 1) return false;
    this.#last = entry;
    return true;
  }
}

export class EntryInBlock implements BaseEntry {
  readonly path: BytePath;
  readonly block: EntryBlock;
  readonly at: number;

  constructor(block: EntryBlock, at: number, path: BytePath) {
    this.block = block;
    this.at = at;
    this.path = path;
  }
  get index(): number {
    return this.block.first + this.at;
  }
  get size(): bigint {
    return this.block.wide(0, this.at);
  }
  get mtimeNs(): bigint {
    return this.block.wide(1, this.at);
  }
  get ctimeNs(): bigint {
    return this.block.wide(2, this.at);
  }
  get inode(): bigint {
    return BigInt.asUintN(64, this.block.wide(3, this.at));
  }
  get settled(): boolean {
    return this.block.isSettled(this.at);
  }
  get lines(): Buffer {
    return this.block.lines(this.at, this.at + 1);
  }
}
