/**
 * Which chunks are known, and where they lie: those of the base and those of this run. One table in shared memory, in
 * columns, so that every thread finds what another one has stored, and nothing of it is copied or collected as garbage.
 *
 * A chunk has a number, its place in the columns, from the moment it is met; its location is complete later, when the
 * frame that holds it is closed. Looking up and adding is one step under a lock, which is held for less than a
 * microsecond, so a chunk that two threads meet at once is stored by one of them alone.
 */

import type { Location } from '../../contract/entry.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { Mutex } from '../../system/mutex.ts';

export const DIGEST_BYTES = 32;
/** Source, part, frame offset, frame length, offset, length. */
const NUMBERS = 6;
const FRAME_LENGTH = 3;
const LENGTH = 5;
const RECORD = DIGEST_BYTES / 4 + NUMBERS;

/** Address space that the columns may grow into; only what is filled takes memory. Enough for 38 million chunks. */
const MAX_BYTES = 2 ** 31;
const FIRST_RECORDS = 4096;
const GROWTH = 1.25;

/** Control words: the lock, how many chunks there are, how often the memory has grown. */
const [LOCK, COUNT, GROWN] = [0, 1, 2] as const;

/** What a thread needs to take part. */
export interface SharedChunks {
  readonly control: SharedArrayBuffer;
  readonly records: SharedArrayBuffer;
  readonly index: SharedArrayBuffer;
}

export class ChunkTable {
  readonly shared: SharedChunks;
  readonly #control: Int32Array;
  readonly #mutex: Mutex;
  /** Views of fixed length, which V8 reads much faster; made anew when the memory has grown. */
  #records!: Uint32Array;
  /** Open addressing by the beginning of the digest; 0 is free, else a chunk's number and one. */
  #index!: Uint32Array;
  #grown = -1;
  readonly #wanted = Buffer.alloc(DIGEST_BYTES);
  readonly #words = new Uint32Array(this.#wanted.buffer, this.#wanted.byteOffset, DIGEST_BYTES / 4);

  /** A new table, or another thread's. */
  constructor(shared: SharedChunks = newShared()) {
    this.shared = shared;
    this.#control = new Int32Array(shared.control);
    this.#mutex = new Mutex(this.#control, LOCK);
    this.#refresh();
  }

  /** How many chunks there are. */
  get size(): number {
    return Atomics.load(this.#control, COUNT);
  }

  /**
   * The chunk with this digest (32 bytes, one character each) and length, which is made known if it was not. A chunk of
   * the same digest and another length, which nobody can make, would be taken for another one.
   */
  findOrAdd(digest: string, length: number): { chunk: number; isNew: boolean } {
    this.#setWanted(digest);
    return this.#mutex.hold(() => {
      this.#refresh();
      let slot = this.#slotOf(length);
      const found = this.#index[slot] as number;
      if (found !== 0) return { chunk: found - 1, isNew: false };
      const chunk = this.#control[COUNT] as number;
      if (this.#growFor(chunk + 1)) slot = this.#slotOf(length);
      const at = chunk * RECORD;
      for (let i = 0; i < DIGEST_BYTES / 4; i++) this.#records[at + i] = this.#words[i] as number;
      this.#records[at + DIGEST_BYTES / 4 + LENGTH] = length;
      Atomics.store(this.#control, COUNT, chunk + 1);
      this.#index[slot] = chunk + 1;
      return { chunk, isNew: true };
    });
  }

  /** The chunk with this digest and length; undefined where none is known. */
  find(digest: string, length: number): number | undefined {
    this.#setWanted(digest);
    return this.#mutex.hold(() => {
      this.#refresh();
      const found = this.#index[this.#slotOf(length)] as number;
      return found === 0 ? undefined : found - 1;
    });
  }

  /** Says where a chunk lies; with that its location is complete, for every thread. */
  locate(chunk: number, { source, part, frameOffset, frameLength, offset }: Location): void {
    this.#refresh();
    const at = chunk * RECORD + DIGEST_BYTES / 4;
    this.#records[at] = source;
    this.#records[at + 1] = part;
    this.#records[at + 2] = frameOffset;
    this.#records[at + 4] = offset;
    Atomics.store(this.#records, at + FRAME_LENGTH, frameLength);
  }

  isLocated(chunk: number): boolean {
    this.#refresh();
    return Atomics.load(this.#records, chunk * RECORD + DIGEST_BYTES / 4 + FRAME_LENGTH) > 0;
  }

  location(chunk: number): Location {
    this.#refresh();
    const at = chunk * RECORD + DIGEST_BYTES / 4;
    const number = (column: number) => this.#records[at + column] as number;
    return {
      source: number(0),
      part: number(1),
      frameOffset: number(2),
      frameLength: number(3),
      offset: number(4),
      length: number(5),
    };
  }

  /** The SHA-256 of a chunk, copied. */
  digest(chunk: number): Buffer {
    const digest = Buffer.allocUnsafe(DIGEST_BYTES);
    digest.set(new Uint8Array(this.shared.records, chunk * RECORD * 4, DIGEST_BYTES));
    return digest;
  }

  /** The SHA-256 of a chunk in base64. */
  digestText(chunk: number): string {
    this.#refresh();
    const at = chunk * RECORD;
    for (let i = 0; i < DIGEST_BYTES / 4; i++) this.#words[i] = this.#records[at + i] as number;
    return this.#wanted.toString('base64');
  }

  /** All chunks as they lie in memory, for the state; not copied. */
  get records(): Uint8Array {
    return new Uint8Array(this.shared.records, 0, this.size * RECORD * 4);
  }

  /** Takes into an empty table what `records` of another one gave. */
  fill(pieces: Iterable<Uint8Array>): void {
    let filled = 0;
    for (const piece of pieces) {
      this.#growFor(Math.ceil((filled + piece.length) / 4 / RECORD));
      new Uint8Array(this.shared.records).set(piece, filled);
      filled += piece.length;
    }
    Atomics.store(this.#control, COUNT, Math.floor(filled / 4 / RECORD));
    this.#reindex();
  }

  /** Another thread may have made the memory grow. */
  #refresh(): void {
    const grown = Atomics.load(this.#control, GROWN);
    if (grown === this.#grown) return;
    this.#grown = grown;
    const { records, index } = this.shared;
    this.#records = new Uint32Array(records, 0, records.byteLength / 4);
    this.#index = new Uint32Array(index, 0, index.byteLength / 4);
  }

  #setWanted(digest: string): void {
    this.#wanted.write(digest, 0, 'latin1');
  }

  /** Where the wanted chunk stands in the index, or would stand. */
  #slotOf(length: number): number {
    const mask = this.#index.length - 1;
    for (let slot = (this.#words[0] as number) & mask; ; slot = (slot + 1) & mask) {
      const found = this.#index[slot] as number;
      if (found === 0 || this.#isWanted(found - 1, length)) return slot;
    }
  }

  #isWanted(chunk: number, length: number): boolean {
    const at = chunk * RECORD;
    for (let i = 0; i < DIGEST_BYTES / 4; i++) if (this.#records[at + i] !== this.#words[i]) return false;
    return this.#records[at + DIGEST_BYTES / 4 + LENGTH] === length;
  }

  /** Makes room for so many chunks; true where places in the index have changed. */
  #growFor(count: number): boolean {
    const { records, index } = this.shared;
    const needed = count * RECORD * 4;
    if (needed > records.byteLength) {
      if (needed > MAX_BYTES) throw new OffsiteError('memory-too-small', 'a set holds 38 million chunks at most');
      records.grow(Math.min(MAX_BYTES, Math.ceil(count * GROWTH) * RECORD * 4));
      this.#hasGrown();
    }
    // At most two thirds of the index are taken.
    if (count * 3 <= this.#index.length * 2) return false;
    let slots = this.#index.length;
    while (count * 3 > slots * 2) slots *= 2;
    index.grow(slots * 4);
    this.#hasGrown();
    this.#reindex();
    return true;
  }

  #hasGrown(): void {
    Atomics.add(this.#control, GROWN, 1);
    this.#refresh();
  }

  #reindex(): void {
    const mask = this.#index.length - 1;
    this.#index.fill(0);
    for (let chunk = 0; chunk < this.size; chunk++) {
      let slot = (this.#records[chunk * RECORD] as number) & mask;
      while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
      this.#index[slot] = chunk + 1;
    }
  }
}

function newShared(): SharedChunks {
  return {
    control: new SharedArrayBuffer(12),
    records: new SharedArrayBuffer(FIRST_RECORDS * RECORD * 4, { maxByteLength: MAX_BYTES }),
    index: new SharedArrayBuffer(FIRST_RECORDS * 2 * 4, { maxByteLength: MAX_BYTES }),
  };
}
