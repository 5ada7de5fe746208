/**
 * What a run leaves on the host so that the next one need not read everything: every entry with what proves it
 * unchanged, the chunk table, and the base's ends. One folder a run; `state.json` is written last, with the SHA-256 of
 * itself and of the other files, so a damaged or half-written state is simply not there. Nothing here is needed to restore.
 */

import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as z from 'zod';
import type { BytePath } from '../../contract/byte-path.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { manifestKind } from '../../contract/manifest.ts';
import { indexKind, type ListingChunk } from '../../contract/run-index.ts';
import { makeFolder, readChecked, removeFolder, syncFolder, writeChecked } from './files.ts';

/** Grows when the files below change their form; state of another version is not used. */
const STATE_VERSION = 1;
/** States kept at most. */
const KEEP = 4;

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
  listing: indexKind.shape.listing,
  entriesHash: z.string(),
  chunksHash: z.string(),
});
export type StateInfo = Omit<z.infer<typeof stateSchema>, 'version' | 'entriesHash' | 'chunksHash'>;

/** What tells that something has not changed. */
export interface Stamp {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: bigint;
}

/** What the base knows of one entry. */
export interface BaseEntry extends Stamp {
  readonly path: BytePath;
  /** False where the content was not read whole and stable: then it is read again whatever the times say. */
  readonly settled: boolean;
  /** The entry's lines as they are in the listing. */
  readonly lines: Buffer;
}

export class StateFolder {
  readonly #folder: string;

  /** `folder`: the states of one set. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The state of a run, if it is whole, undamaged and of this set and prefix; else null. */
  async open(place: { prefix: string; set: string; run: string }): Promise<State | null> {
    const folder = join(this.#folder, place.run);
    const parsed = stateSchema.safeParse(readChecked(join(folder, 'state.json')));
    if (!parsed.success) return null;
    const { prefix, set, run, entriesHash, chunksHash } = parsed.data;
    if (prefix !== place.prefix || set !== place.set || run !== place.run) return null;
    const hashes = await Promise.all([hashOfFile(join(folder, 'entries')), hashOfFile(join(folder, 'chunks'))]);
    return hashes[0] === entriesHash && hashes[1] === chunksHash ? new State(folder, parsed.data) : null;
  }

  /** Begins the state of a run. Call `prune` first, so that there is room. */
  begin(run: string): StateWriter {
    return new StateWriter(join(this.#folder, run));
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

async function hashOfFile(file: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  } catch {
    return null;
  }
  return hash.digest('hex');
}

export class State {
  readonly info: StateInfo;
  readonly #folder: string;

  constructor(folder: string, info: StateInfo) {
    this.#folder = folder;
    this.info = info;
  }

  get listing(): readonly ListingChunk[] {
    return this.info.listing;
  }

  /** The entries, in the order of the listing. */
  *entries(): Generator<BaseEntry> {
    for (const block of readBlocks(join(this.#folder, 'entries'))) yield* entriesOfBlock(block);
  }

  /** All chunks that the chain has stored, as far as the base knows: what `ChunkTable.fill` takes. */
  chunks(): Generator<Buffer> {
    return readBlocks(join(this.#folder, 'chunks'));
  }
}

/** Of chunk records, so much goes into one block. */
const CHUNK_BLOCK = 2 ** 20;
/** Entry record: lengths of path and lines, settled, four 64-bit numbers, path, lines. */
const ENTRY_HEAD = 4 + 4 + 1 + 4 * 8;

function* entriesOfBlock(block: Buffer): Generator<BaseEntry> {
  for (let at = 0; at < block.length; ) {
    const pathLength = block.readUInt32LE(at);
    const linesLength = block.readUInt32LE(at + 4);
    const pathStart = at + ENTRY_HEAD;
    const linesStart = pathStart + pathLength;
    yield {
      settled: block[at + 8] === 1,
      size: block.readBigInt64LE(at + 9),
      mtimeNs: block.readBigInt64LE(at + 17),
      ctimeNs: block.readBigInt64LE(at + 25),
      inode: block.readBigUInt64LE(at + 33),
      path: block.toString('latin1', pathStart, linesStart) as BytePath,
      lines: block.subarray(linesStart, linesStart + linesLength),
    };
    at = linesStart + linesLength;
  }
}

/** Blocks: compressed length (4 bytes, little endian), then one zstd frame of about a mebibyte. */
function* readBlocks(file: string): Generator<Buffer> {
  const descriptor = openSync(file, 'r');
  try {
    const head = Buffer.alloc(4);
    for (let at = 0; readSync(descriptor, head, 0, 4, at) === 4; ) {
      const frame = Buffer.allocUnsafe(head.readUInt32LE());
      if (readSync(descriptor, frame, 0, frame.length, at + 4) !== frame.length) break;
      yield zstdDecompressSync(frame);
      at += 4 + frame.length;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Writes blocks of records, hashing as it goes. */
class BlockWriter {
  readonly #descriptor: number;
  readonly #hash = createHash('sha256');
  #buffer = Buffer.allocUnsafe(2 ** 20);
  #used = 0;
  #isOpen = true;

  constructor(file: string) {
    this.#descriptor = openSync(file, 'w', 0o600);
  }

  /** Room for one record, which must be filled at once. */
  reserve(length: number): { buffer: Buffer; at: number } {
    if (this.#used + length > this.#buffer.length) this.#flush();
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(length);
    const at = this.#used;
    this.#used += length;
    return { buffer: this.#buffer, at };
  }

  /** Writes what is left, syncs, closes; the SHA-256 of the file. */
  finish(): string {
    this.#flush();
    fsyncSync(this.#descriptor);
    this.close();
    return this.#hash.digest('hex');
  }

  /** A second call does nothing: another file may have the descriptor by then. */
  close(): void {
    if (this.#isOpen) closeSync(this.#descriptor);
    this.#isOpen = false;
  }

  #flush(): void {
    if (this.#used === 0) return;
    const frame = zstdCompressSync(this.#buffer.subarray(0, this.#used), { chunkSize: 2 ** 20 });
    const head = Buffer.alloc(4);
    head.writeUInt32LE(frame.length);
    for (const bytes of [head, frame]) {
      this.#hash.update(bytes);
      for (let written = 0; written < bytes.length; ) written += writeSync(this.#descriptor, bytes, written);
    }
    this.#used = 0;
  }
}

export class StateWriter {
  readonly #folder: string;
  readonly #entries: BlockWriter;

  constructor(folder: string) {
    this.#folder = folder;
    makeFolder(folder);
    this.#entries = guarded(folder, () => new BlockWriter(join(folder, 'entries')));
  }

  /** Adds an entry, in the order of the listing. */
  add(entry: BaseEntry): void {
    guarded(this.#folder, () => {
      const { buffer, at } = this.#entries.reserve(ENTRY_HEAD + entry.path.length + entry.lines.length);
      buffer.writeUInt32LE(entry.path.length, at);
      buffer.writeUInt32LE(entry.lines.length, at + 4);
      buffer[at + 8] = entry.settled ? 1 : 0;
      buffer.writeBigInt64LE(entry.size, at + 9);
      buffer.writeBigInt64LE(entry.mtimeNs, at + 17);
      buffer.writeBigInt64LE(entry.ctimeNs, at + 25);
      buffer.writeBigUInt64LE(entry.inode, at + 33);
      buffer.write(entry.path, at + ENTRY_HEAD, 'latin1');
      buffer.set(entry.lines, at + ENTRY_HEAD + entry.path.length);
    });
  }

  /** Ends the state: durable when it returns. Throws `state-unwritable`. */
  async finish(info: StateInfo, chunks: Iterable<Uint8Array>): Promise<void> {
    const entriesHash = guarded(this.#folder, () => this.#entries.finish());
    const chunksHash = guarded(this.#folder, () => writeChunks(join(this.#folder, 'chunks'), chunks));
    const value = { version: STATE_VERSION, ...info, entriesHash, chunksHash };
    await writeChecked(join(this.#folder, 'state.json'), value);
    await syncFolder(join(this.#folder, '..'));
  }

  /** Gives up: nothing is left. */
  async abandon(): Promise<void> {
    this.#entries.close();
    await removeFolder(this.#folder);
  }
}

function writeChunks(file: string, chunks: Iterable<Uint8Array>): string {
  const writer = new BlockWriter(file);
  try {
    for (const piece of chunks) {
      for (let start = 0; start < piece.length; start += CHUNK_BLOCK) {
        const part = piece.subarray(start, start + CHUNK_BLOCK);
        const { buffer, at } = writer.reserve(part.length);
        buffer.set(part, at);
      }
    }
    return writer.finish();
  } finally {
    writer.close();
  }
}

function guarded<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OffsiteError('state-unwritable', `${folder} cannot be written: ${why}`, { cause });
  }
}
