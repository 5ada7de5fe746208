/** From entries to the lines of listing and state, in order. */

import type { BytePath } from '../../contract/byte-path.ts';
import { type Entry, type EntryType, encodeEntry } from '../../contract/entry.ts';
import type { Gates } from '../source/gates.ts';
import type { Found } from '../source/scan.ts';
import type { BaseEntry } from '../state/entry-blocks.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { ChunkTable } from './chunk-table.ts';
import { contentHash } from './dedup.ts';
import type { ListingWriter } from './listing.ts';
import type { Done } from './store-entry.ts';
import type { RunTally } from './tally.ts';

/** Entries that may wait for one before them. */
const MAX_WAITING = 4096;

export interface LinePorts {
  readonly chunks: ChunkTable;
  readonly listing: ListingWriter;
  readonly state: StateWriter;
  readonly gates: Gates;
  readonly tally: RunTally;
}

/** An entry's place in the listing. */
export interface Slot {
  /** Undefined until it is known; null where there is no entry after all. */
  done: Done | null | undefined;
}

interface Reused {
  readonly found: Found;
  readonly before: BaseEntry;
}

/** Lines leave in order, each when its entry is known and its locations are complete. */
export class LineQueue {
  readonly #ports: LinePorts;
  #waiting: (Slot | Reused)[] = [];
  /** How many of them are gone. */
  #gone = 0;

  constructor(ports: LinePorts) {
    this.#ports = ports;
  }

  /** An unchanged entry: the base's lines as they are. */
  reuse(found: Found, before: BaseEntry): void {
    if (this.isEmpty) {
      this.#emitReused(found, before);
      return;
    }
    this.#waiting.push({ found, before });
    this.drain();
  }

  add(done: Done): void {
    this.#waiting.push({ done });
    this.drain();
  }

  /** The next place, for an entry that is told later. */
  reserve(): Slot {
    const slot: Slot = { done: undefined };
    this.#waiting.push(slot);
    return slot;
  }

  /** True where no more should be added before some have left. */
  get isFull(): boolean {
    return this.#waiting.length - this.#gone >= MAX_WAITING;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === this.#gone;
  }

  /** Lets go of all that can leave. */
  drain(): void {
    for (let next = this.#waiting[this.#gone]; next !== undefined; next = this.#waiting[this.#gone]) {
      if ('before' in next) this.#emitReused(next.found, next.before);
      else if (next.done === undefined || !this.#isLocated(next.done)) break;
      else if (next.done !== null) this.#emitDone(next.done);
      this.#gone++;
    }
    if (this.isEmpty || this.#gone > MAX_WAITING) {
      this.#waiting = this.#waiting.slice(this.#gone);
      this.#gone = 0;
    }
  }

  #isLocated(done: Done | null): boolean {
    return done?.chunks?.every((chunk) => this.#ports.chunks.isLocated(chunk)) !== false;
  }

  #emitReused(found: Found, before: BaseEntry): void {
    const { listing, state } = this.#ports;
    listing.reuse(before);
    state.reuse(before);
    this.#count(before.path, found.stat.type, Number(found.stat.size), { isUnchanged: true, isRead: true });
  }

  #emitDone({ entry, stamp, settled, chunks, before }: Done): void {
    const { listing, state } = this.#ports;
    const { path, type, size = Number(stamp.size) } = entry;
    if (chunks !== undefined) this.#addContent(entry, chunks);
    const lines = Buffer.from(encodeEntry(entry));
    if (before?.lines.equals(lines)) {
      listing.reuse(before);
      state.reuse(before);
    } else {
      listing.add(path, lines);
      state.add({ path, ...stamp, settled, lines });
    }
    this.#count(path, type, size, { isUnchanged: false, isRead: entry.error === undefined });
  }

  /** Hash and locations; only files of several chunks carry digests in their locations. */
  #addContent(entry: Entry, chunks: readonly number[]): void {
    const table = this.#ports.chunks;
    const [only] = chunks;
    if (only === undefined) return;
    if (chunks.length === 1) {
      entry.hash = table.digestText(only);
      entry.locations = [table.location(only)];
      return;
    }
    entry.hash = contentHash(chunks.map((chunk) => table.digest(chunk)));
    entry.locations = chunks.map((chunk) => ({ ...table.location(chunk), digest: table.digestText(chunk) }));
  }

  #count(
    path: BytePath,
    type: EntryType,
    anySize: number,
    { isUnchanged, isRead }: { isUnchanged: boolean; isRead: boolean },
  ): void {
    const size = type === 'file' ? anySize : 0;
    this.#ports.gates.see(path, type, size, isRead);
    this.#ports.tally.see(type, size, isUnchanged);
  }
}
