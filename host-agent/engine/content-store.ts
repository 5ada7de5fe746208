/**
 * Chunks in, sealed parts out: what is known already is not stored again, the rest goes through frames into parts. One
 * for each thread that reads content, and one for the listing.
 */

import { hash } from 'node:crypto';
import type { ChunkTable } from './chunk-table.ts';
import { FrameBuilder, type FrameOptions } from './frames.ts';
import { PartAssembler, type PartPorts } from './parts.ts';

export class ContentStore {
  readonly #table: ChunkTable;
  readonly #frames: FrameBuilder;
  readonly #parts: PartAssembler;
  #newBytes = 0;

  constructor(table: ChunkTable, ports: PartPorts, options: FrameOptions) {
    this.#table = table;
    this.#parts = new PartAssembler(ports);
    this.#frames = new FrameBuilder(this.#parts, table, options);
  }

  /** Stores a chunk unless the table has it; its number. The location may be completed later: see `closeFrame`. */
  put(bytes: Uint8Array): number {
    const { chunk, isNew } = this.#table.findOrAdd(hash('sha256', bytes, 'binary'), bytes.length);
    if (isNew) {
      this.#newBytes += bytes.length;
      this.#frames.add(chunk, bytes);
    }
    return chunk;
  }

  /** Content bytes stored since this was asked last, before compression. */
  takeNewBytes(): number {
    const bytes = this.#newBytes;
    this.#newBytes = 0;
    return bytes;
  }

  /** Completes the location of every chunk put so far. */
  closeFrame(): void {
    this.#frames.close();
  }

  /** Closes frame and part. */
  flush(): void {
    this.#frames.close();
    this.#parts.flush();
  }
}
