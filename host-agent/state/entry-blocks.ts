/**
 * The entries of a state: blocks of some thousand entries, each in columns. What must be looked at in every run (paths,
 * and what proves an entry unchanged) is one zstd frame; the entries' lines of the listing, of which a run needs few, are
 * another one behind it.
 */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
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
const MAX_ENTRIES = 2048;
const MAX_LINES = 2 ** 20;

/** Of 64 bits: size, mtime, ctime, inode. */
const WIDE = 4;
/** Of 32 bits: how much of the path is that of the entry before, the length of the rest, the length of the lines. */
const NARROW = 3;
const [SHARED, REST, LINES] = [0, 1, 2] as const;

const compress = (bytes: Uint8Array, level: number) =>
  zstdCompressSync(bytes, {
    chunkSize: bytes.length + (bytes.length >> 8) + 512,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  });

/** Gathers entries to a block. */
export class BlockBuilder {
  readonly #wide = new BigInt64Array(WIDE * MAX_ENTRIES);
  readonly #narrow = new Uint32Array(NARROW * MAX_ENTRIES);
  readonly #settled = new Uint8Array(MAX_ENTRIES);
  #rests = Buffer.allocUnsafe(2 ** 17);
  #restsLength = 0;
  #lines = Buffer.allocUnsafe(2 ** 19);
  #linesLength = 0;
  #count = 0;
  #before = '';

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get isFull(): boolean {
    return this.#count === MAX_ENTRIES || this.#linesLength >= MAX_LINES;
  }

  add(entry: NewEntry): void {
    const { path, size, mtimeNs, ctimeNs, inode, settled, lines } = entry;
    const at = this.#count++;
    this.#wide[at] = size;
    this.#wide[MAX_ENTRIES + at] = mtimeNs;
    this.#wide[2 * MAX_ENTRIES + at] = ctimeNs;
    this.#wide[3 * MAX_ENTRIES + at] = inode;
    const shared = sharedLength(this.#before, path);
    this.#before = path;
    this.#narrow[SHARED * MAX_ENTRIES + at] = shared;
    this.#narrow[REST * MAX_ENTRIES + at] = path.length - shared;
    this.#narrow[LINES * MAX_ENTRIES + at] = lines.length;
    this.#settled[at] = settled ? 1 : 0;
    this.#addRests(path.slice(shared));
    this.#addLines(lines);
  }

  /** Adds what a range holds from its entry `from` on, as much as fits; how many entries those are. */
  addRange(range: BlockRange, from: number): number {
    const count = Math.min(range.length - from, MAX_ENTRIES - this.#count);
    const first = range.entryAt(from);
    // The beginning of the first path is that of another one here; all behind it is copied as it lies.
    this.add(first);
    this.#addColumns(range.block, first.at + 1, count - 1, range.last);
    return count;
  }

  #addColumns(block: EntryBlock, from: number, count: number, last: EntryInBlock): void {
    if (count === 0) return;
    const to = from + count;
    const { wide, narrow, settled } = block.columns;
    for (let i = 0; i < WIDE; i++)
      this.#wide.set(wide.subarray(i * block.count + from, i * block.count + to), i * MAX_ENTRIES + this.#count);
    for (let i = 0; i < NARROW; i++)
      this.#narrow.set(narrow.subarray(i * block.count + from, i * block.count + to), i * MAX_ENTRIES + this.#count);
    this.#settled.set(settled.subarray(from, to), this.#count);
    this.#count += count;
    this.#addRests(block.rests(from, to));
    this.#addLines(block.lines(from, to));
    this.#before = last.at === to - 1 ? last.path : block.pathAt(to - 1);
  }

  #addRests(rests: string): void {
    this.#rests = withRoom(this.#rests, this.#restsLength, rests.length);
    this.#restsLength += this.#rests.write(rests, this.#restsLength, 'latin1');
  }

  #addLines(lines: Buffer): void {
    this.#lines = withRoom(this.#lines, this.#linesLength, lines.length);
    this.#lines.set(lines, this.#linesLength);
    this.#linesLength += lines.length;
  }

  /** The two frames of what was gathered; then it is empty. */
  take(): { sizes: BlockSizes; columns: Buffer; lines: Buffer } {
    const count = this.#count;
    const columns: Uint8Array[] = [];
    const asBytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
      new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    for (let i = 0; i < WIDE; i++) columns.push(asBytes(this.#wide.subarray(i * MAX_ENTRIES, i * MAX_ENTRIES + count)));
    for (let i = 0; i < NARROW; i++)
      columns.push(asBytes(this.#narrow.subarray(i * MAX_ENTRIES, i * MAX_ENTRIES + count)));
    columns.push(this.#settled.subarray(0, count), this.#rests.subarray(0, this.#restsLength));
    const frames = {
      columns: compress(Buffer.concat(columns), 1),
      lines: compress(this.#lines.subarray(0, this.#linesLength), 1),
    };
    this.#count = 0;
    this.#restsLength = 0;
    this.#linesLength = 0;
    this.#before = '';
    return { sizes: [count, frames.columns.length, frames.lines.length], ...frames };
  }
}

function withRoom(buffer: Buffer<ArrayBuffer>, used: number, more: number): Buffer<ArrayBuffer> {
  if (used + more <= buffer.length) return buffer;
  const grown = Buffer.allocUnsafe(Math.max(used + more, buffer.length * 2));
  grown.set(buffer.subarray(0, used));
  return grown;
}

function sharedLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let shared = 0;
  while (shared < most && one.charCodeAt(shared) === other.charCodeAt(shared)) shared++;
  return shared;
}

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

class EntryInBlock implements BaseEntry {
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
