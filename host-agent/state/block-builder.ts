/** Making blocks of entries: see entry-blocks.ts for their form. */

import { constants, zstdCompressSync } from 'node:zlib';
import {
  type BlockRange,
  type BlockSizes,
  type EntryBlock,
  type EntryInBlock,
  LINES,
  MAX_ENTRIES,
  MAX_LINES,
  NARROW,
  type NewEntry,
  REST,
  SHARED,
  WIDE,
} from './entry-blocks.ts';

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
