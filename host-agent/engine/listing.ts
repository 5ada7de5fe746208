/**
 * The listing: lines in order, cut at line ends where their content says so, stored once. An unchanged directory gives
 * the same chunks from run to run, and so costs nothing.
 *
 * Chunks that earlier runs stored would scatter over as many parts as the chain has runs. So a run that stores a
 * listing part at all also takes over what the newest of the earlier incrementals held (and, when that has grown to
 * half the size of the one before, that one's too): a listing lies in the full's parts and those of two more runs.
 */

import { zstdDecompressSync } from 'node:zlib';
import { type BytePath, displayPath } from '../../contract/byte-path.ts';
import { type Location, MAX_LINE_BYTES } from '../../contract/entry.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { encodePath, type ListingChunk } from '../../contract/run-index.ts';
import type { ChunkTable } from './chunk-table.ts';
import type { ContentStore } from './content-store.ts';
import { DedupTable, digestOf } from './dedup.ts';
import { compressFrame } from './frames.ts';

const MIN_LISTING_CHUNK = 4 * 2 ** 10;
const AVERAGE_LISTING_CHUNK = 16 * 2 ** 10;
const MAX_LISTING_CHUNK = 64 * 2 ** 10;
/**
 * Chunks to be taken over are held back, compressed, until it is sure that this run stores a listing part. With more of
 * them than this they stay where they are: a run in which nothing changed stores no listing, whatever the size.
 */
const MAX_HELD_BYTES = 16 * 2 ** 20;

/** zstd's fastest is enough for what is thrown away at the end. */
const HELD_LEVEL = 1;

interface Chunk {
  /** Where it lies, or its number among those that this run stores. */
  location: Location | number;
  digest: string;
  first: BytePath;
  entries: number;
}

export class ListingWriter {
  readonly #store: ContentStore;
  readonly #stored: ChunkTable;
  readonly #known = new DedupTable();
  readonly #takeOver: ReadonlySet<number>;
  readonly #chunks: Chunk[] = [];
  readonly #buffer = Buffer.allocUnsafe(MAX_LISTING_CHUNK);
  #used = 0;
  #first: BytePath | null = null;
  #entries = 0;
  /** Chunks of sources that are to be taken over, met before anything new was stored. */
  #held: { chunk: Chunk; frame: Buffer }[] = [];
  #heldBytes = 0;
  #storesPart = false;

  /** `stored`: the table of `store`; `base`: the listing of the base's index, empty for a full. */
  constructor(store: ContentStore, stored: ChunkTable, base: readonly ListingChunk[]) {
    this.#store = store;
    this.#stored = stored;
    this.#takeOver = sourcesToTakeOver(base);
    for (const [[source, part, frameOffset, frameLength, offset, length], digest] of base) {
      this.#known.add(digest, { source, part, frameOffset, frameLength, offset, length });
    }
  }

  /** Adds the lines of one entry. */
  add(path: BytePath, lines: Uint8Array): void {
    let start = 0;
    while (start < lines.length) {
      const end = lines.indexOf(0x0a, start) + 1;
      this.#addLine(path, lines.subarray(start, end), start === 0);
      start = end;
    }
  }

  /** Ends the listing: its chunks, for the index, with every location complete. */
  finish(): ListingChunk[] {
    this.#cut();
    this.#store.closeFrame();
    return this.#chunks.map(({ location: at, digest, first, entries }) => {
      const location = typeof at === 'number' ? this.#stored.location(at) : at;
      const { source, part, frameOffset, frameLength, offset, length } = location;
      return [[source, part, frameOffset, frameLength, offset, length], digest, encodePath(first), entries];
    });
  }

  #addLine(path: BytePath, line: Uint8Array, beginsEntry: boolean): void {
    if (line.length > MAX_LINE_BYTES) {
      throw new OffsiteError('internal', `the entry of ${displayPath(path)} is longer than a reader takes`);
    }
    if (this.#used > 0 && this.#used + line.length > MAX_LISTING_CHUNK) this.#cut();
    this.#first ??= path;
    if (beginsEntry) this.#entries++;
    if (line.length > MAX_LISTING_CHUNK) {
      this.#close(line);
      return;
    }
    this.#buffer.set(line, this.#used);
    this.#used += line.length;
    if (this.#used >= MIN_LISTING_CHUNK && endsChunk(line)) this.#cut();
  }

  #cut(): void {
    if (this.#used > 0) this.#close(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  #close(bytes: Uint8Array): void {
    const digest = digestOf(bytes);
    const known = this.#known.find(digest, bytes.length);
    const chunk = { digest, first: this.#first ?? ('' as BytePath), entries: this.#entries };
    this.#first = null;
    this.#entries = 0;
    if (known === undefined) {
      this.#chunks.push({ ...chunk, location: this.#put(bytes) });
    } else if (!this.#takeOver.has(known.source)) {
      this.#chunks.push({ ...chunk, location: known });
    } else {
      this.#takeOverOrHold({ ...chunk, location: known }, bytes);
    }
  }

  #takeOverOrHold(chunk: Chunk, bytes: Uint8Array): void {
    this.#chunks.push(chunk);
    if (this.#storesPart) {
      chunk.location = this.#store.put(bytes);
      return;
    }
    if (this.#heldBytes > MAX_HELD_BYTES) return;
    const frame = compressFrame(bytes, HELD_LEVEL);
    this.#held.push({ chunk, frame });
    this.#heldBytes += frame.length;
    if (this.#heldBytes > MAX_HELD_BYTES) this.#held = [];
  }

  #put(bytes: Uint8Array): number {
    if (!this.#storesPart) this.#releaseHeld();
    return this.#store.put(bytes);
  }

  #releaseHeld(): void {
    this.#storesPart = true;
    for (const { chunk, frame } of this.#held) {
      chunk.location = this.#store.put(zstdDecompressSync(frame));
    }
    this.#held = [];
  }
}

/** Content-defined: a line ends its chunk with a likelihood that grows with its length, and depends on nothing else. */
function endsChunk(line: Uint8Array): boolean {
  let hash = 0x811c9dc5;
  for (const byte of line) hash = Math.imul(hash ^ byte, 0x01000193);
  // FNV-1a leaves the high bits of short inputs poor; one round of mixing mends it.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash >>> 0) / 2 ** 32 < line.length / (AVERAGE_LISTING_CHUNK - MIN_LISTING_CHUNK);
}

/** Which sources' chunks a run that stores a listing part takes over: see above. The full's (source 0) never. */
function sourcesToTakeOver(base: readonly ListingChunk[]): ReadonlySet<number> {
  const live = new Map<number, number>();
  for (const [[source, , , , , length]] of base) {
    if (source !== 0) live.set(source, (live.get(source) ?? 0) + length);
  }
  const newestFirst = [...live.keys()].sort((one, other) => other - one);
  const taken = new Set<number>();
  let bytes = 0;
  for (const [i, source] of newestFirst.entries()) {
    const isOneOfTwo = i < newestFirst.length - 1;
    const hasOutgrown = bytes > 0 && bytes * 2 >= (live.get(source) ?? 0);
    if (!isOneOfTwo && !hasOutgrown) break;
    taken.add(source);
    bytes += live.get(source) ?? 0;
  }
  return taken;
}
