/**
 * Frames: one zstd frame for a big chunk, or for small chunks gathered up to 256 KiB. A location is complete only when
 * its frame is closed, so `add` hands out an object whose frame fields are filled in then.
 */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Location } from '../../contract/entry.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { collectYoungGarbage } from '../../system/memory.ts';

/** Chunks below this are gathered; bigger ones have a frame of their own. */
export const GROUP_BYTES = 256 * 2 ** 10;

/** Each frame leaves about as much garbage as it had content; it is collected after so many bytes of it. */
const GARBAGE_BYTES = 16 * 2 ** 20;

/** One frame in sixteen is decompressed again before it is stored, and always the first. */
const SAMPLE = 16;

/** Takes finished frames; answers where the frame lies. */
export interface FrameSink {
  append(frame: Buffer): { part: number; frameOffset: number };
}

export class FrameBuilder {
  readonly #sink: FrameSink;
  readonly #level: number;
  readonly #source: number;
  readonly #verifyAll: boolean;
  #frames = 0;
  readonly #group = Buffer.allocUnsafe(GROUP_BYTES);
  #grouped = 0;
  #waiting: Location[] = [];
  #garbage = 0;

  /** `source`: the place of this run in the `sources` table. */
  constructor(sink: FrameSink, options: { level: number; source: number; verifyAll: boolean }) {
    this.#sink = sink;
    this.#level = options.level;
    this.#source = options.source;
    this.#verifyAll = options.verifyAll;
  }

  /** True while locations that were handed out wait for their frame. */
  get isOpen(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes a chunk's bytes (copied before it returns). */
  add(chunk: Uint8Array): Location {
    const location = { source: this.#source, part: 0, frameOffset: 0, frameLength: 0, offset: 0, length: chunk.length };
    if (chunk.length >= GROUP_BYTES) {
      this.#emit(chunk, [location]);
      return location;
    }
    if (this.#grouped + chunk.length > GROUP_BYTES) this.close();
    location.offset = this.#grouped;
    this.#group.set(chunk, this.#grouped);
    this.#grouped += chunk.length;
    this.#waiting.push(location);
    return location;
  }

  /** Closes the open frame, so that every location handed out is complete. */
  close(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#emit(this.#group.subarray(0, this.#grouped), waiting);
    this.#grouped = 0;
  }

  #emit(content: Uint8Array, locations: Location[]): void {
    const frame = compressFrame(content, this.#level);
    if (this.#verifyAll || this.#frames++ % SAMPLE === 0) compare(frame, content);
    const { part, frameOffset } = this.#sink.append(frame);
    this.#garbage += content.length;
    if (this.#garbage >= GARBAGE_BYTES) {
      this.#garbage = 0;
      collectYoungGarbage();
    }
    for (const location of locations) {
      location.part = part;
      location.frameOffset = frameOffset;
      location.frameLength = frame.length;
    }
  }
}

function compare(frame: Buffer, content: Uint8Array): void {
  if (!zstdDecompressSync(frame, { maxOutputLength: content.length }).equals(content)) {
    throw new OffsiteError('internal', 'a frame that was just compressed does not decompress to the same content');
  }
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
