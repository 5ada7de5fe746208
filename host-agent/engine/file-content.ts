/** A file's content, or a segment's, through chunker and store, in a window of bounded size. */

import { HOLE, HOLE_BLOCK, type OpenFile } from '../source/read-file.ts';
import { MAX_CHUNK, SEGMENT, WindowChunker } from './chunker.ts';

export interface StoredContent {
  /** Numbers of its chunks, in order. */
  readonly chunks: number[];
  /** Data extents of a sparse file. */
  readonly data: [number, number][] | undefined;
  /** Where reading ended. */
  readonly end: number;
}

/** Takes chunks; answers with their numbers. */
export interface ChunkSink {
  put(bytes: Uint8Array): number;
}

export class FileContentReader {
  readonly #chunker: WindowChunker;
  readonly #window: Buffer;
  readonly #sink: ChunkSink;

  /** `seed`: the set's, from which the chunker's table comes. */
  constructor(seed: Uint8Array, sink: ChunkSink) {
    this.#chunker = new WindowChunker(seed, 2 * MAX_CHUNK);
    this.#window = this.#chunker.window;
    this.#sink = sink;
  }

  /**
   * Reads from where the file stands to its end, or its segment's. Errors of reading (EIO) are thrown as
   * `SourceReadError`, so that they are never taken for one of the store; errors of the sink come as they are.
   */
  read(file: OpenFile): StoredContent {
    const window = this.#window;
    const chunks: number[] = [];
    let [start, end, inSegment, atEnd] = [0, 0, 0, false];
    for (;;) {
      if (!atEnd && end - start < MAX_CHUNK) {
        window.copyWithin(0, start, end);
        [end, start] = [end - start, 0];
        [end, atEnd] = this.#fill(file, end);
      }
      if (start === end) break;
      const length = this.#chunker.cut(start, Math.min(end, start + SEGMENT - inSegment));
      chunks.push(this.#sink.put(window.subarray(start, start + length)));
      start += length;
      inSegment = (inSegment + length) % SEGMENT;
    }
    return { chunks, data: file.data, end: file.position };
  }

  /** Fills the window as far as a piece of a sparse file fits; returns the new end and whether the file has ended. */
  #fill(file: OpenFile, from: number): [end: number, atEnd: boolean] {
    const window = this.#window;
    let end = from;
    while (end <= window.length - HOLE_BLOCK) {
      const count = file.read(window, end, window.length - end);
      if (count === 0) return [end, true];
      if (count !== HOLE) end += count;
    }
    return [end, false];
  }
}
