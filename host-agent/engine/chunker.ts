/**
 * Content-defined chunking: a gear hash with normalized cutting. Where a chunk ends depends on its last 32 bytes and
 * its length alone, so that a change inside a file moves only the boundaries near it. The gear table comes from the
 * set's secret seed: sizes of chunks say nothing about known content to somebody without it. Readers need none of
 * this; only hosts that want to store nothing twice must cut alike.
 */

import { createHash } from 'node:crypto';
import { gearKernel } from './gear-kernel.ts';

export const MIN_CHUNK = 256 * 2 ** 10;
export const AVERAGE_CHUNK = 2 ** 20;
export const MAX_CHUNK = 4 * 2 ** 20;
/** Chunks never cross a multiple of this in a file, so that pieces of a big file can be worked on apart. */
export const SEGMENT = 64 * 2 ** 20;

/** Before the average a cut needs 22 zero bits, behind it 18: so sizes gather round the average (20 bits). */
const MASK_BEFORE_AVERAGE = ~0 << (32 - 22);
const MASK_BEHIND_AVERAGE = ~0 << (32 - 18);

/** The gear hash forgets a byte after so many more. */
const REACH = 32;

/** 256 numbers from the set's secret seed: 32 bytes, kept in the host's identity folder and in each index. */
function gearTable(seed: Uint8Array): Int32Array {
  const gear = new Int32Array(256);
  for (let block = 0; block < 32; block++) {
    const bytes = createHash('sha256').update(seed).update('offsite gear').update(Uint8Array.of(block)).digest();
    for (let i = 0; i < 8; i++) gear[block * 8 + i] = bytes.readInt32LE(i * 4);
  }
  return gear;
}

/** The rule in plain JavaScript, for any bytes. `WindowChunker` does the same faster; the tests hold one to the other. */
export class Chunker {
  readonly #gear: Int32Array;

  constructor(seed: Uint8Array) {
    this.#gear = gearTable(seed);
  }

  /**
   * Length of the chunk that begins at `start`. `end` must be the end of the content (or of the segment), or at least
   * MAX_CHUNK behind `start`.
   */
  cut(bytes: Uint8Array, start: number, end: number): number {
    const length = Math.min(end - start, MAX_CHUNK);
    if (length <= MIN_CHUNK) return length;
    const gear = this.#gear;
    const average = start + Math.min(length, AVERAGE_CHUNK);
    const limit = start + length;
    let hash = 0;
    let at = start + MIN_CHUNK - REACH;
    for (const warm = start + MIN_CHUNK; at < warm; at++) hash = (hash << 1) + (gear[bytes[at] as number] as number);
    for (; at < average; at++) {
      hash = ((hash << 1) + (gear[bytes[at] as number] as number)) | 0;
      if ((hash & MASK_BEFORE_AVERAGE) === 0) return at + 1 - start;
    }
    for (; at < limit; at++) {
      hash = ((hash << 1) + (gear[bytes[at] as number] as number)) | 0;
      if ((hash & MASK_BEHIND_AVERAGE) === 0) return at + 1 - start;
    }
    return length;
  }
}

/** Of WebAssembly's memory; the first one holds the gear table. */
const PAGE = 64 * 2 ** 10;

/** Cuts what lies in a window of its own, which is filled by reading straight into it. */
export class WindowChunker {
  readonly window: Buffer;
  readonly #cut: ReturnType<typeof gearKernel>['cut'];

  /** `size`: bytes of the window, at least MAX_CHUNK. */
  constructor(seed: Uint8Array, size: number) {
    const masks = { before: MASK_BEFORE_AVERAGE, behind: MASK_BEHIND_AVERAGE };
    const { memory, cut } = gearKernel(1 + Math.ceil(size / PAGE), masks);
    new Int32Array(memory, 0, 256).set(gearTable(seed));
    this.window = Buffer.from(memory, PAGE, size);
    this.#cut = cut;
  }

  /** As `Chunker.cut` for the window's bytes. */
  cut(start: number, end: number): number {
    const length = Math.min(end - start, MAX_CHUNK);
    if (length <= MIN_CHUNK) return length;
    const at = PAGE + start;
    const warm = at + MIN_CHUNK;
    return this.#cut(warm - REACH, warm, at + Math.min(length, AVERAGE_CHUNK), at + length) - at;
  }
}
