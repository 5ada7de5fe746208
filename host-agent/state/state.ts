/**
 * What a run leaves on the host so that the next one need not read everything: every entry with what proves it
 * unchanged, the table of chunks, and the base's listing. One folder a run; `state.json` is written last, with the
 * SHA-256 of itself and of the other files, so a damaged or half-written state is simply not there. Nothing here is
 * needed to restore. See entry-blocks.ts for the form of the entries, state-writer.ts for how it is written.
 */

import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import * as z from 'zod';
import { manifestKind } from '../../contract/manifest.ts';
import type { ListingChunk } from '../../contract/run-index.ts';
import { hashOfFile, readAt } from './block-file.ts';
import { type BaseEntry, type BlockSizes, EntryBlock, linesOfBlock } from './entry-blocks.ts';
import { readChecked, readIfThere, removeFolder } from './files.ts';

/** Grows when the files below change their form; state of another version counts as lost, so the next run is a full. */
export const STATE_VERSION = 2;
/** States kept at most. */
const KEEP = 4;

/** What lies beside `state.json`. */
export const STATE_FILES = ['entries', 'listing', 'chunks'] as const;
export type StateFile = (typeof STATE_FILES)[number];

const stateSchema = z.object({
  version: z.literal(STATE_VERSION),
  prefix: z.string(),
  set: z.string(),
  run: z.string(),
  chain: z.string(),
  /** SHA-256 of the manifest's payload. */
  payload: z.string(),
  sources: manifestKind.shape.sources,
  recipients: z.array(z.string()),
  /** Nanoseconds since 1970 by the file system's clock: when the scan began. */
  scanStart: z.string().regex(/^\d+$/),
  bytes: z.number(),
  files: z.number(),
  /** Of the whole chain: when its full began, its runs, bytes stored by the full and by the incrementals. */
  chainStarted: z.string(),
  chainRuns: z.number(),
  fullBytes: z.number(),
  incrementalBytes: z.number(),
  /** Configured paths that were mount points. */
  mounts: z.array(z.string()),
  blocks: z.array(z.tuple([z.number(), z.number(), z.number()])),
  hashes: z.object({ entries: z.string(), listing: z.string(), chunks: z.string() }),
});
type Stored = z.infer<typeof stateSchema>;
export type StateInfo = Omit<Stored, 'version' | 'blocks' | 'hashes'>;
export type StateHashes = Stored['hashes'];

/** A listing, and for each of its chunks whether it begins with a new entry. */
export interface StoredListing {
  readonly chunks: readonly ListingChunk[];
  readonly begins: readonly boolean[];
}

export class StateFolder {
  readonly #folder: string;

  /** `folder`: the states of one set. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The state of a run, if it is whole, undamaged and of this set and prefix; else null. */
  open(place: { prefix: string; set: string; run: string }): State | null {
    const folder = this.folderOf(place.run);
    const parsed = stateSchema.safeParse(readChecked(join(folder, 'state.json')));
    if (!parsed.success) return null;
    const { prefix, set, run, hashes } = parsed.data;
    if (prefix !== place.prefix || set !== place.set || run !== place.run) return null;
    const isWhole = STATE_FILES.every((file) => hashOfFile(join(folder, file)) === hashes[file]);
    return isWhole ? new State(folder, parsed.data) : null;
  }

  /** Where a run's state lies. */
  folderOf(run: string): string {
    return join(this.#folder, run);
  }

  /** The runs that have a state, oldest first. */
  runs(): string[] {
    try {
      return readdirSync(this.#folder).sort();
    } catch {
      return [];
    }
  }

  /** Removes all but the newest few, and never one of `needed`. */
  async prune(needed: readonly string[]): Promise<void> {
    const old = this.runs().filter((run) => !needed.includes(run));
    const room = Math.max(0, KEEP - 1 - needed.length);
    for (const run of old.slice(0, Math.max(0, old.length - room))) await removeFolder(join(this.#folder, run));
  }
}

interface Block {
  readonly first: number;
  readonly sizes: BlockSizes;
  readonly position: number;
}

export class State {
  readonly info: StateInfo;
  readonly hashes: StateHashes;
  readonly #folder: string;
  readonly #blocks: readonly Block[];
  /** By their first entry; made when it is wanted. */
  #byFirst: Map<number, Block> | null = null;
  #descriptor: number | null = null;
  /** The lines looked at last. */
  #lines: { first: number; bytes: Buffer } | null = null;
  #listing: StoredListing | null = null;

  constructor(folder: string, { blocks, hashes, ...info }: Stored) {
    this.#folder = folder;
    this.info = info;
    this.hashes = hashes;
    let [first, position] = [0, 0];
    this.#blocks = blocks.map((sizes) => {
      const block = { first, sizes, position };
      first += sizes[0];
      position += sizes[1] + sizes[2];
      return block;
    });
  }

  /** Where one of its files lies. */
  fileOf(name: StateFile): string {
    return join(this.#folder, name);
  }

  get listing(): StoredListing {
    this.#listing ??= JSON.parse(zstdDecompressSync(readIfThere(this.fileOf('listing')) ?? Buffer.alloc(0)).toString());
    return this.#listing as StoredListing;
  }

  get blockSizes(): readonly BlockSizes[] {
    return this.#blocks.map(({ sizes }) => sizes);
  }

  /** How many entries there are. */
  get size(): number {
    const last = this.#blocks.at(-1);
    return last === undefined ? 0 : last.first + last.sizes[0];
  }

  /** The entries, in the order of the listing. */
  *entries(): Generator<BaseEntry> {
    for (const block of this.#blocks) {
      for (const entry of this.#open(block).entries()) yield entry;
    }
  }

  /** The block that begins with that entry, as it lies in the file. */
  rawBlock(first: number): { sizes: BlockSizes; bytes: Buffer } {
    this.#byFirst ??= new Map(this.#blocks.map((one) => [one.first, one]));
    const block = this.#byFirst.get(first);
    if (block === undefined) throw new RangeError('no block begins there');
    const { sizes, position } = block;
    return { sizes, bytes: readAt(this.#opened(), position, sizes[1] + sizes[2]) };
  }

  /** The lines of the entries from `from` to `to`. */
  lines(from: number, to: number): Buffer {
    const pieces: Buffer[] = [];
    for (const block of this.#blocks) {
      const end = block.first + block.sizes[0];
      if (end <= from || block.first >= to) continue;
      pieces.push(this.#open(block).lines(Math.max(0, from - block.first), Math.min(end, to) - block.first));
    }
    return Buffer.concat(pieces);
  }

  /** All chunks that the chain has stored, as far as the base knows: what `ChunkTable.fill` takes. */
  *chunks(): Generator<Buffer> {
    const descriptor = openSync(this.fileOf('chunks'), 'r');
    try {
      // Length of each frame (4 bytes, little endian), then the frame.
      for (let at = 0; ; ) {
        let head: Buffer;
        try {
          head = readAt(descriptor, at, 4);
        } catch {
          // The end. Were it a fault of the disk instead: a chunk that is not known is stored again, and nothing is lost.
          return;
        }
        yield zstdDecompressSync(readAt(descriptor, at + 4, head.readUInt32LE()));
        at += 4 + head.readUInt32LE();
      }
    } finally {
      closeSync(descriptor);
    }
  }

  /** Lets go of its files; they are opened again where that is needed. */
  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
    this.#lines = null;
  }

  #opened(): number {
    this.#descriptor ??= openSync(this.fileOf('entries'), 'r');
    return this.#descriptor;
  }

  #open({ first, sizes, position }: Block): EntryBlock {
    const [count, columns, lines] = sizes;
    const linesOf = () => {
      if (this.#lines?.first !== first) {
        this.#lines = { first, bytes: linesOfBlock(readAt(this.#opened(), position + columns, lines)) };
      }
      return this.#lines.bytes;
    };
    return new EntryBlock(first, count, readAt(this.#opened(), position, columns), linesOf);
  }
}
