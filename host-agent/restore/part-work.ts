/**
 * What is done with one part, in one thread and without waiting: hold it against its hash, decrypt it where it lies,
 * decompress frame by frame, hold each chunk against its digest, write it to its file, and finish the files that are
 * complete with it.
 *
 * Large memory is not left to the collector: a frame's content is given back before the next one is made, which then
 * gets the same memory again.
 */

import { hash } from 'node:crypto';
import { isOffsiteError, OffsiteError } from '../../contract/errors.ts';
import { openPartInPlace } from '../../pgp/part-reader.ts';
import { newSessionKey } from '../../pgp/session-key-value.ts';
import { assertHash, decompressFrame, isDamage } from '../../repository/objects.ts';
import { free } from '../../system/memory.ts';
import { DIGEST_BYTES } from './entry-table.ts';
import { type FileTask, FileTaskReader, type FileTasks } from './file-tasks.ts';
import type { Failure } from './report.ts';

/** The chunks to take from one part, in the order of its frames; in columns, because there may be many thousands. */
export interface ChunkTasks {
  /** Which of the part's files each chunk is for. */
  readonly files: Uint32Array;
  readonly frameOffsets: Float64Array;
  readonly frameLengths: Float64Array;
  readonly offsets: Float64Array;
  readonly lengths: Float64Array;
  /** Where it begins in the file's data, holes left out. */
  readonly positions: Float64Array;
  /** SHA-256 of each, 32 bytes. */
  readonly digests: Uint8Array;
}

/** A part as it was fetched, and what is wanted of it. Plain data, so that it can go to a worker. */
export interface PartTask {
  /** Its object key, for messages. */
  readonly key: string;
  readonly bytes: Uint8Array;
  /** The hash that the bytes must have, hex; null where they were held against it already. */
  readonly sha256: string | null;
  readonly sessionKey: Uint8Array;
  readonly files: FileTasks;
  readonly chunks: ChunkTasks;
}

export interface PartResult {
  /** Of files that are not restored: their place in `files`, and why. */
  readonly failures: readonly (readonly [file: number, failure: Failure])[];
}

/** Takes the chunks that hold. A file that fails is told once, and gets no further chunk. */
export interface ChunkTarget {
  /** A chunk whose digest holds; `isLast` where the part has no further one for this file. Its failure is the file's. */
  write(task: FileTask, file: number, position: number, bytes: Uint8Array, isLast: boolean): Failure | null;
  /** The file failed: whatever is open for it is given up. */
  abandon(task: FileTask, file: number): void;
}

/**
 * Does one part, in whose bytes its content is then. `isThorough`: also what OpenPGP itself checks a part by is checked,
 * which says nothing new of the content, but whether other programs would open it.
 */
export function workOnPart(part: PartTask, target: ChunkTarget, { isThorough }: { isThorough: boolean }): PartResult {
  const failures = new Map<number, Failure>();
  const files = new FileTaskReader(part.files);
  const fail = (file: number, failure: Failure) => {
    if (failures.has(file)) return;
    failures.set(file, failure);
    target.abandon(files.get(file), file);
  };
  try {
    const content = openContent(part, isThorough);
    new FrameWalk(part, content).each(
      (file, position, bytes, isLast) => {
        if (failures.has(file)) return;
        const failure = target.write(files.get(file), file, position, bytes, isLast);
        if (failure !== null) fail(file, failure);
      },
      (file, error) => fail(file, { code: error.code, message: error.message }),
    );
  } catch (error) {
    if (!isDamage(error)) throw error;
    for (let file = 0; file < files.count; file++) fail(file, { code: error.code, message: error.message });
  }
  return { failures: [...failures] };
}

/** The order is what trust rests on: nothing is decrypted before the hash that was signed holds. */
function openContent({ key, bytes, sha256, sessionKey }: PartTask, isThorough: boolean): Buffer {
  if (sha256 !== null) assertHash(key, sha256, bytes);
  try {
    return openPartInPlace(bytes, newSessionKey(sessionKey), { isAuthentic: !isThorough });
  } catch (cause) {
    if (!isOffsiteError(cause)) throw cause;
    throw new OffsiteError('part-damaged', `${key} cannot be decrypted`, { cause });
  }
}

/** Goes through the chunks of a part, decompressing each frame once. */
class FrameWalk {
  readonly #part: PartTask;
  readonly #content: Buffer;
  readonly #digests: Buffer;

  constructor(part: PartTask, content: Buffer) {
    this.#part = part;
    this.#content = content;
    const { buffer, byteOffset, byteLength } = part.chunks.digests;
    this.#digests = Buffer.from(buffer, byteOffset, byteLength);
  }

  each(
    onChunk: (file: number, position: number, bytes: Uint8Array, isLast: boolean) => void,
    onDamage: (file: number, error: OffsiteError) => void,
  ): void {
    const { files, frameOffsets, frameLengths } = this.#part.chunks;
    const left = new Uint32Array(this.#part.files.entries.length);
    for (const file of files) left[file] = (left[file] ?? 0) + 1;
    for (let start = 0; start < files.length; ) {
      let end = start + 1;
      while (
        end < files.length &&
        frameOffsets[end] === frameOffsets[start] &&
        frameLengths[end] === frameLengths[start]
      ) {
        end++;
      }
      const frame = this.#openFrame(start);
      let bytes = frame;
      for (let chunk = start; chunk < end; chunk++) {
        const file = files[chunk] ?? 0;
        left[file] = (left[file] ?? 0) - 1;
        // Many files may share a chunk; it is hashed once.
        if (!(frame instanceof OffsiteError) && (chunk === start || !this.#isSame(chunk - 1, chunk))) {
          bytes = this.#chunk(frame, chunk);
        }
        if (bytes instanceof OffsiteError) onDamage(file, bytes);
        else onChunk(file, this.#part.chunks.positions[chunk] ?? 0, bytes, left[file] === 0);
      }
      if (!(frame instanceof OffsiteError)) free(frame);
      start = end;
    }
  }

  /** The content of the frame that a chunk lies in, or why there is none. */
  #openFrame(chunk: number): Buffer | OffsiteError {
    const { frameOffsets, frameLengths } = this.#part.chunks;
    const [from, length] = [frameOffsets[chunk] ?? 0, frameLengths[chunk] ?? 0];
    if (from + length > this.#content.length) {
      return new OffsiteError('listing-invalid', `a location lies behind the end of ${this.#part.key}`);
    }
    try {
      return decompressFrame(this.#content.subarray(from, from + length), this.#part.key);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return error;
    }
  }

  #isSame(one: number, other: number): boolean {
    const { offsets, lengths } = this.#part.chunks;
    const isSamePlace = offsets[one] === offsets[other] && lengths[one] === lengths[other];
    return isSamePlace && this.#digest(one) === this.#digest(other);
  }

  /** As a character a byte, which costs the least to make and to compare. */
  #digest(chunk: number): string {
    return this.#digests.toString('binary', chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
  }

  #chunk(frame: Buffer, chunk: number): Buffer | OffsiteError {
    const { offsets, lengths } = this.#part.chunks;
    const from = offsets[chunk] ?? 0;
    const bytes = frame.subarray(from, from + (lengths[chunk] ?? 0));
    if (bytes.length === lengths[chunk] && hash('sha256', bytes, 'binary') === this.#digest(chunk)) return bytes;
    return new OffsiteError('content-damaged', `a chunk in ${this.#part.key} has not the hash that the listing says`);
  }
}
