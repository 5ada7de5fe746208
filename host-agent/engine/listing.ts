/**
 * The listing: lines in order, cut at line ends where their content says so, stored once. An unchanged directory gives
 * the same chunks from run to run, and so costs nothing.
 *
 * Chunks that earlier runs stored would scatter over as many parts as the chain has runs. So a run that stores a
 * listing part at all also takes over what is left of the earlier incrementals that hold the least of it: a listing lies
 * in the full's parts and those of a few more runs, and what is little is stored again, not what is much.
 */

import { zstdDecompressSync } from 'node:zlib';
import { type BytePath, displayPath } from '../../contract/byte-path.ts';
import { type Location, MAX_LINE_BYTES } from '../../contract/entry.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { decodePath, encodePath, type ListingChunk } from '../../contract/run-index.ts';
import type { BaseEntry } from '../state/entry-blocks.ts';
import type { ChunkTable } from './chunk-table.ts';
import type { ContentStore } from './content-store.ts';
import { DedupTable, digestOf } from './dedup.ts';
import { compressFrame } from './frames.ts';
import { type BaseListing, ListingUnits, type Unit } from './listing-units.ts';

/**
 * Chunks have 13 KiB on average, and most of them nearly that: a changed line costs the chunk that it lies in, and lies in
 * a long one more likely than in a short one. From the least size on they end in so many bytes on average; from the normal
 * one on soon.
 */
const MIN_LISTING_CHUNK = 6 * 2 ** 10;
const NORMAL_LISTING_CHUNK = 12 * 2 ** 10;
const BYTES_TO_END = 14 * 2 ** 10;
const BYTES_TO_LATE_END = 3 * 2 ** 10;
const MAX_LISTING_CHUNK = 64 * 2 ** 10;
/**
 * Chunks to be taken over are held back until it is sure that this run stores a listing part: a run in which nothing
 * changed stores no listing. Those that were made again from lines are held compressed, and with more than this the rest
 * stays where it is; of the others it is enough to know where the base has them.
 */
const MAX_HELD_BYTES = 16 * 2 ** 20;

/** In the parts of so many incrementals a listing lies at most, */
const MOST_SOURCES = 5;
/** and where more bytes of it than this are theirs, in those of so many: who reads it has a part of each at hand. */
const MANY_BYTES = 128 * 2 ** 20;
const MOST_LARGE_SOURCES = 2;

/** zstd's fastest is enough for what is thrown away at the end. */
const HELD_LEVEL = 1;

/** What `finish` gives, and what the next run takes as its base. */
export interface FinishedListing {
  readonly chunks: ListingChunk[];
  /** For each chunk whether it begins with a new entry. */
  readonly begins: boolean[];
}

interface Chunk {
  /** Where it lies, or its number among those that this run stores. */
  location: Location | number;
  digest: string;
  first: BytePath;
  entries: number;
  begins: boolean;
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
  #begins = true;
  readonly #base: BaseListing | null;
  readonly #units: ListingUnits;
  /** Entries of the base that come again from the beginning of a unit on. */
  #again: { unit: Unit; entries: BaseEntry[] } | null = null;
  /** Chunks of sources that are to be taken over, met before anything new was stored. */
  #held: { chunk: Chunk; bytes: () => Buffer }[] = [];
  #heldBytes = 0;
  #storesPart = false;

  /** `stored`: the table of `store`; `base`: the base's listing, null for a full. */
  constructor(store: ContentStore, stored: ChunkTable, base: BaseListing | null) {
    this.#store = store;
    this.#stored = stored;
    this.#base = base;
    this.#takeOver = sourcesToTakeOver(base?.chunks ?? []);
    this.#units = new ListingUnits(base);
    for (const [location, digest] of base?.chunks ?? []) this.#known.add(digest, toLocation(location));
  }

  /** Adds the lines of one entry. */
  add(path: BytePath, lines: Uint8Array): void {
    this.#endAgain();
    this.#addLines(path, lines);
  }

  /** Adds an entry of the base as it was. Where a whole chunk comes again, its lines are not even looked at. */
  reuse(entry: BaseEntry): void {
    if (this.#again === null && this.#used === 0) {
      const unit = this.#units.at(entry.index);
      if (unit !== undefined) this.#again = { unit, entries: [] };
    }
    const again = this.#again;
    if (again === null || again.unit.first + again.entries.length !== entry.index) {
      this.add(entry.path, entry.lines);
      return;
    }
    again.entries.push(entry);
    if (again.unit.first + again.entries.length === again.unit.end) {
      this.#again = null;
      this.#takeUnit(again.unit);
    }
  }

  /** Ends the listing: its chunks, for the index, with every location complete. */
  finish(): FinishedListing {
    this.#endAgain();
    this.#cut();
    this.#store.closeFrame();
    const chunks = this.#chunks.map(({ location: at, digest, first, entries }): ListingChunk => {
      const location = typeof at === 'number' ? this.#stored.location(at) : at;
      const { source, part, frameOffset, frameLength, offset, length } = location;
      return [[source, part, frameOffset, frameLength, offset, length], digest, encodePath(first), entries];
    });
    return { chunks, begins: this.#chunks.map(({ begins }) => begins) };
  }

  /** The unit does not come again whole: what came of it goes the way of all lines. */
  #endAgain(): void {
    const again = this.#again;
    this.#again = null;
    for (const { path, lines } of again?.entries ?? []) this.#addLines(path, lines);
  }

  #takeUnit({ first, end, chunks }: Unit): void {
    const base = this.#base;
    if (base === null) throw new RangeError('a unit of no base');
    let at = 0;
    for (const index of chunks) {
      const [location, digest, path, entries] = base.chunks[index] as ListingChunk;
      const chunk = { digest, location: toLocation(location), first: decodePath(path), entries };
      const from = at;
      at += chunk.location.length;
      const bytes = () => base.lines(first, end).subarray(from, from + chunk.location.length);
      this.#keep({ ...chunk, begins: base.begins[index] === true }, bytes);
    }
  }

  #addLines(path: BytePath, lines: Uint8Array): void {
    let start = 0;
    while (start < lines.length) {
      const end = lines.indexOf(0x0a, start) + 1;
      this.#addLine(path, lines.subarray(start, end), start === 0);
      start = end;
    }
  }

  #addLine(path: BytePath, line: Uint8Array, beginsEntry: boolean): void {
    if (line.length > MAX_LINE_BYTES) {
      throw new OffsiteError('internal', `the entry of ${displayPath(path)} is longer than a reader takes`);
    }
    if (this.#used > 0 && this.#used + line.length > MAX_LISTING_CHUNK) this.#cut();
    if (this.#first === null) this.#begins = beginsEntry;
    this.#first ??= path;
    if (beginsEntry) this.#entries++;
    if (line.length > MAX_LISTING_CHUNK) {
      this.#close(line);
      return;
    }
    this.#buffer.set(line, this.#used);
    this.#used += line.length;
    if (endsChunk(line, this.#used)) this.#cut();
  }

  #cut(): void {
    if (this.#used > 0) this.#close(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  #close(bytes: Uint8Array): void {
    const digest = digestOf(bytes);
    const known = this.#known.find(digest, bytes.length);
    const first = this.#first ?? ('' as BytePath);
    const chunk = { digest, first, entries: this.#entries, begins: this.#begins };
    this.#first = null;
    this.#entries = 0;
    if (known === undefined) this.#chunks.push({ ...chunk, location: this.#put(bytes) });
    else this.#keep({ ...chunk, location: known }, bytes);
  }

  /** A chunk that an earlier run has stored. Its bytes, or where to get them while the listing is written. */
  #keep(chunk: Chunk & { location: Location }, bytes: Uint8Array | (() => Buffer)): void {
    this.#chunks.push(chunk);
    if (!this.#takeOver.has(chunk.location.source)) return;
    if (this.#storesPart) {
      (chunk as Chunk).location = this.#store.put(typeof bytes === 'function' ? bytes() : bytes);
    } else if (typeof bytes === 'function') {
      this.#held.push({ chunk, bytes });
    } else if (this.#heldBytes <= MAX_HELD_BYTES) {
      const frame = compressFrame(bytes, HELD_LEVEL);
      this.#held.push({ chunk, bytes: () => zstdDecompressSync(frame) });
      this.#heldBytes += frame.length;
    }
  }

  #put(bytes: Uint8Array): number {
    if (!this.#storesPart) this.#releaseHeld();
    return this.#store.put(bytes);
  }

  #releaseHeld(): void {
    this.#storesPart = true;
    for (const { chunk, bytes } of this.#held) chunk.location = this.#store.put(bytes());
    this.#held = [];
  }
}

const toLocation = ([source, part, frameOffset, frameLength, offset, length]: ListingChunk[0]): Location => ({
  source,
  part,
  frameOffset,
  frameLength,
  offset,
  length,
});

/**
 * Content-defined: a line ends its chunk, of `used` bytes with it, with a likelihood that grows with its length; what lies
 * before the chunk has no part in it.
 */
function endsChunk(line: Uint8Array, used: number): boolean {
  if (used < MIN_LISTING_CHUNK) return false;
  let hash = 0x811c9dc5;
  for (const byte of line) hash = Math.imul(hash ^ byte, 0x01000193);
  // FNV-1a leaves the high bits of short inputs poor; one round of mixing mends it.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  const expected = used < NORMAL_LISTING_CHUNK ? BYTES_TO_END : BYTES_TO_LATE_END;
  return (hash >>> 0) / 2 ** 32 < line.length / expected;
}

/** Which sources' chunks a run that stores a listing part takes over: see above. The full's (source 0) never. */
export function sourcesToTakeOver(base: readonly ListingChunk[]): ReadonlySet<number> {
  const live = new Map<number, number>();
  let sum = 0;
  for (const [[source, , , , , length]] of base) {
    if (source === 0) continue;
    live.set(source, (live.get(source) ?? 0) + length);
    sum += length;
  }
  const most = sum > MANY_BYTES ? MOST_LARGE_SOURCES : MOST_SOURCES;
  const smallestFirst = [...live].sort(([, one], [, other]) => one - other);
  const taken = new Set<number>();
  let bytes = 0;
  // The run that takes over is one of them. Sources as large as what was taken go along, or the same bytes would be
  // taken over by every run to come.
  for (const [source, length] of smallestFirst) {
    if (live.size - taken.size < most && (bytes === 0 || length > bytes)) break;
    taken.add(source);
    bytes += length;
  }
  return taken;
}
