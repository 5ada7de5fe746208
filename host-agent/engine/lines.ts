/** From entries to the lines of listing and state, in order. */

import { type Entry, encodeEntry } from '../../contract/entry.ts';
import { typeOf } from '../source/attributes.ts';
import type { Gates } from '../source/gates.ts';
import type { Found } from '../source/scan.ts';
import type { BaseEntry, StateWriter } from '../state/state.ts';
import type { ContentStore } from './content-store.ts';
import type { ListingWriter } from './listing.ts';
import type { Done } from './store-entry.ts';
import type { RunTally } from './tally.ts';

/** Entries that wait for an open frame; with more, the frame is closed although it has room. */
const MAX_WAITING = 16_384;

export interface LinePorts {
  content: ContentStore;
  listing: ListingWriter;
  state: StateWriter;
  gates: Gates;
  tally: RunTally;
}

/** Lines leave in order, each when its locations are complete. */
export class LineQueue {
  readonly #ports: LinePorts;
  #waiting: (Done | { found: Found; before: BaseEntry })[] = [];

  constructor(ports: LinePorts) {
    this.#ports = ports;
  }

  /** An unchanged entry: the base's lines as they are. */
  reuse(found: Found, before: BaseEntry): void {
    this.#push({ found, before });
  }

  add(done: Done): void {
    this.#push(done);
  }

  flush(): void {
    this.#ports.content.closeFrame();
    this.#drain();
  }

  #push(one: Done | { found: Found; before: BaseEntry }): void {
    this.#waiting.push(one);
    if (!this.#ports.content.isOpen) this.#drain();
    else if (this.#waiting.length >= MAX_WAITING) this.flush();
  }

  #drain(): void {
    for (const one of this.#waiting) {
      if ('before' in one)
        this.#emit(one.before, typeOf(one.found.stat), Number(one.found.stat.size), {
          isUnchanged: true,
          isRead: true,
        });
      else this.#emitDone(one);
    }
    this.#waiting = [];
  }

  #emitDone({ entry, stamp, settled }: Done): void {
    const { path, type, size = Number(stamp.size) } = entry;
    this.#emit({ path, ...stamp, settled, lines: Buffer.from(encodeEntry(entry)) }, type, size, {
      isUnchanged: false,
      isRead: entry.error === undefined,
    });
  }

  #emit(
    entry: BaseEntry,
    type: Entry['type'],
    anySize: number,
    { isUnchanged, isRead }: { isUnchanged: boolean; isRead: boolean },
  ): void {
    const { listing, state, tally, gates } = this.#ports;
    const size = type === 'file' ? anySize : 0;
    listing.add(entry.path, entry.lines);
    state.add(entry);
    gates.see(entry.path, type, size, isRead);
    tally.see(type, size, isUnchanged);
  }
}
