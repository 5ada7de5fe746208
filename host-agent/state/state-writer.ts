/**
 * Writing the state of a run. What is as it was in the base is copied in whole blocks, as it lies there; where all of a
 * file is as it was, the new state has the same file under a second name.
 */

import { closeSync, copyFileSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { BlockBuilder } from './block-builder.ts';
import { guarded, HashedFile } from './block-file.ts';
import { type BaseEntry, BlockRange, type BlockSizes, type NewEntry } from './entry-blocks.ts';
import { makeFolder, removeFolder, syncFolder, writeChecked } from './files.ts';
import { STATE_VERSION, type State, type StateFile, type StateInfo, type StoredListing } from './state.ts';

/** Of chunk records, so much goes into one frame. */
const CHUNK_BLOCK = 2 ** 20;

/** With more entries in a row than this, blocks of them are copied as they are. */
const MAX_FEW = 4096;

export class StateWriter {
  readonly #folder: string;
  readonly #base: State | null;
  #file: HashedFile | null = null;
  readonly #builder = new BlockBuilder();
  readonly #blocks: BlockSizes[] = [];
  /**
   * Entries of the base that come next as they are. Of a whole block, where it is copied from the file, only the number
   * of its first entry is kept.
   */
  #reused: { from: number; to: number; ranges: (BlockRange | number)[] } = { from: 0, to: 0, ranges: [] };

  /** `folder`: the run's own; `base`: whose entries may be used again. */
  constructor(folder: string, base: State | null) {
    this.#folder = folder;
    this.#base = base;
    // What an earlier attempt at this run left may share its files with the base: they must not be written again.
    guarded(folder, () => rmSync(folder, { recursive: true, force: true }));
    makeFolder(folder);
  }

  /** Adds an entry, in the order of the listing. */
  add(entry: NewEntry): void {
    guarded(this.#folder, () => {
      this.#writeReused();
      this.#append(entry);
    });
  }

  /** Adds an entry of the base, as it was. */
  reuse(entry: BaseEntry): void {
    const { index } = entry;
    if (this.#reused.to !== index || this.#reused.ranges.length === 0) {
      guarded(this.#folder, () => this.#writeReused());
      this.#reused = { from: index, to: index, ranges: [] };
    }
    const reused = this.#reused;
    const { ranges } = reused;
    reused.to++;
    const last = ranges.at(-1);
    if (last instanceof BlockRange && last.takes(entry)) return;
    // With one more range the one before is complete.
    for (let i = ranges.length - 1; reused.to - reused.from > MAX_FEW && i >= 0; i--) {
      const range = ranges[i];
      if (!(range instanceof BlockRange)) break;
      if (range.isWhole) ranges[i] = range.first.index;
    }
    ranges.push(new BlockRange(entry));
  }

  /** Ends the state: durable when it returns. `chunks`: null where the base's are all. Throws `state-unwritable`. */
  async finish(info: StateInfo, listing: StoredListing, chunks: Uint8Array | null): Promise<void> {
    const value = guarded(this.#folder, () => {
      const { hash: entries, blocks } = this.#finishEntries();
      const hashes = { entries, listing: this.#writeListing(listing), chunks: this.#writeChunks(chunks) };
      return { version: STATE_VERSION, ...info, blocks, hashes };
    });
    this.#base?.close();
    await writeChecked(join(this.#folder, 'state.json'), value);
    await syncFolder(join(this.#folder, '..'));
  }

  /** Gives up: nothing is left. */
  async abandon(): Promise<void> {
    this.#file?.close();
    this.#base?.close();
    await removeFolder(this.#folder);
  }

  #finishEntries(): { hash: string; blocks: readonly BlockSizes[] } {
    const { from, to } = this.#reused;
    if (this.#base !== null && this.#file === null && this.#builder.isEmpty && from === 0 && to === this.#base.size) {
      return { hash: this.#same('entries', this.#base), blocks: this.#base.blockSizes };
    }
    this.#writeReused();
    this.#endBlock();
    return { hash: this.#entriesFile().finish(), blocks: this.#blocks };
  }

  #writeReused(): void {
    const { from, to, ranges } = this.#reused;
    this.#reused = { from: 0, to: 0, ranges: [] };
    const isFew = to - from <= MAX_FEW;
    for (const range of ranges) {
      if (range instanceof BlockRange && (isFew || !range.isWhole)) this.#appendRange(range);
      else this.#copyBlock(range instanceof BlockRange ? range.first.index : range);
    }
  }

  #appendRange(range: BlockRange): void {
    for (let done = 0; done < range.length; ) {
      done += this.#builder.addRange(range, done);
      if (this.#builder.isFull) this.#endBlock();
    }
  }

  #copyBlock(first: number): void {
    const block = this.#base?.rawBlock(first);
    if (block === undefined) throw new RangeError('a block of no base');
    this.#endBlock();
    this.#entriesFile().write(block.bytes);
    this.#blocks.push(block.sizes);
  }

  #append(entry: NewEntry): void {
    this.#builder.add(entry);
    if (this.#builder.isFull) this.#endBlock();
  }

  #endBlock(): void {
    if (this.#builder.isEmpty) return;
    const { sizes, columns, lines } = this.#builder.take();
    this.#entriesFile().write(columns);
    this.#entriesFile().write(lines);
    this.#blocks.push(sizes);
  }

  #entriesFile(): HashedFile {
    this.#file ??= new HashedFile(join(this.#folder, 'entries'));
    return this.#file;
  }

  #writeListing(listing: StoredListing): string {
    const base = this.#base;
    if (base !== null && isSameListing(base.listing, listing)) return this.#same('listing', base);
    return this.#write('listing', [zstdCompressSync(JSON.stringify(listing))]);
  }

  #writeChunks(chunks: Uint8Array | null): string {
    if (chunks === null && this.#base !== null) return this.#same('chunks', this.#base);
    return this.#write('chunks', framesOf(chunks ?? new Uint8Array(0)));
  }

  #write(name: StateFile, pieces: Iterable<Uint8Array>): string {
    const file = new HashedFile(join(this.#folder, name));
    try {
      for (const piece of pieces) file.write(piece);
      return file.finish();
    } finally {
      file.close();
    }
  }

  /** The base's file is this state's too. */
  #same(name: StateFile, base: State): string {
    const [from, to] = [base.fileOf(name), join(this.#folder, name)];
    try {
      linkSync(from, to);
    } catch {
      // No hard links here, or too many.
      copyFileSync(from, to);
      const descriptor = openSync(to, 'r');
      fsyncSync(descriptor);
      closeSync(descriptor);
    }
    return base.hashes[name];
  }
}

function isSameListing(one: StoredListing, other: StoredListing): boolean {
  return one.chunks.length === other.chunks.length && JSON.stringify(one) === JSON.stringify(other);
}

function* framesOf(records: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < records.length; start += CHUNK_BLOCK) {
    // Not shared memory, which not everything takes.
    const piece = Uint8Array.from(records.subarray(start, start + CHUNK_BLOCK));
    const frame = zstdCompressSync(piece, { chunkSize: CHUNK_BLOCK });
    const head = Buffer.alloc(4);
    head.writeUInt32LE(frame.length);
    yield head;
    yield frame;
  }
}
