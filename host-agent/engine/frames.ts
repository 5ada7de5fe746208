/**
 * Frames: one zstd frame for a big chunk, or for small chunks gathered up to 256 KiB. A chunk's location is complete
 * when its frame is closed; the table of chunks is told then.
 */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { OffsiteError } from '../../contract/errors.ts';
import { discard } from '../../system/memory.ts';
import type { ChunkTable } from './chunk-table.ts';

/** Chunks below this are gathered; bigger ones have a frame of their own. */
export const GROUP_BYTES = 256 * 2 ** 10;

/** One frame in sixteen is decompressed again before it is stored, and always the first. */
const SAMPLE = 16;

/** Takes finished frames; answers where the frame lies. */
export interface FrameSink {
  /** `chunks`: what lies in the frame. */
  append(frame: Buffer, chunks: readonly number[]): { part: number; frameOffset: number };
}

export interface FrameOptions {
  readonly level: number;
  /** The place of this run in the `sources` table. */
  readonly source: number;
  /** Open and compare everything, not a sample. */
  readonly verifyAll: boolean;
}

export class FrameBuilder {
  readonly #sink: FrameSink;
  readonly #table: ChunkTable;
  readonly #options: FrameOptions;
  #frames = 0;
  readonly #group = Buffer.allocUnsafe(GROUP_BYTES);
  #grouped = 0;
  #chunks: number[] = [];
  #lengths: number[] = [];

  constructor(sink: FrameSink, table: ChunkTable, options: FrameOptions) {
    this.#sink = sink;
    this.#table = table;
    this.#options = options;
  }

  /** True while chunks wait for their frame. */
  get isOpen(): boolean {
    return this.#chunks.length > 0;
  }

  /** Takes the bytes of a chunk (copied before it returns). */
  add(chunk: number, bytes: Uint8Array): void {
    if (bytes.length >= GROUP_BYTES) {
      this.#emit(bytes, [chunk], [bytes.length]);
      return;
    }
    if (this.#grouped + bytes.length > GROUP_BYTES) this.close();
    this.#group.set(bytes, this.#grouped);
    this.#grouped += bytes.length;
    this.#chunks.push(chunk);
    this.#lengths.push(bytes.length);
  }

  /** Closes the open frame, so that every chunk is located. */
  close(): void {
    if (this.#chunks.length === 0) return;
    const [chunks, lengths] = [this.#chunks, this.#lengths];
    [this.#chunks, this.#lengths] = [[], []];
    this.#emit(this.#group.subarray(0, this.#grouped), chunks, lengths);
    this.#grouped = 0;
  }

  #emit(content: Uint8Array, chunks: readonly number[], lengths: readonly number[]): void {
    const { level, source, verifyAll } = this.#options;
    const frame = compressFrame(content, level);
    if (verifyAll || this.#frames++ % SAMPLE === 0) compare(frame, content);
    const { length: frameLength } = frame;
    const { part, frameOffset } = this.#sink.append(frame, chunks);
    freeFrame(frame);
    let offset = 0;
    chunks.forEach((chunk, i) => {
      const length = lengths[i] as number;
      this.#table.locate(chunk, { source, part, frameOffset, frameLength, offset, length });
      offset += length;
    });
  }
}

/**
 * The compressor asks for as much memory as the content has, whatever it makes of it; the next one gets the same. Small
 * ones share their memory with others, and are left to the collector.
 */
function freeFrame({ buffer, byteOffset }: Buffer): void {
  if (byteOffset === 0 && buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
  else discard(buffer.byteLength);
}

function compare(frame: Buffer, content: Uint8Array): void {
  if (!zstdDecompressSync(frame, { maxOutputLength: content.length }).equals(content)) {
    throw new OffsiteError('internal', 'a frame that was just compressed does not decompress to the same content');
  }
  discard(content.length);
}

/** One zstd frame with content size and checksum (RFC 8878, section 3.1.1.1). `level` 1 to 19. */
export function compressFrame(content: Uint8Array, level: number): Buffer {
  return zstdCompressSync(content, {
    // Room for the whole result at once: the default of many small buffers costs time and memory.
    chunkSize: Math.max(1024, content.length + (content.length >> 8) + 128),
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: 1,
      [constants.ZSTD_c_contentSizeFlag]: 1,
    },
    pledgedSrcSize: content.length,
  });
}
