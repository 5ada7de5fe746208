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
      if ('before' in one) this.#emit(one.found, one.before.lines, true);
      else this.#emit(one.found, Buffer.from(encodeEntry(one.entry)), one.settled, one.entry);
    }
    this.#waiting = [];
  }

  #emit(found: Found, lines: Buffer, settled: boolean, entry?: Entry): void {
    const { listing, state, tally, gates } = this.#ports;
    const type = entry?.type ?? typeOf(found.stat);
    const size = type === 'file' ? (entry?.size ?? Number(found.stat.size)) : 0;
    listing.add(found.path, lines);
    const { size: statSize, mtimeNs, ctimeNs, ino } = found.stat;
    state.add({ path: found.path, size: statSize, mtimeNs, ctimeNs, inode: ino, settled, lines });
    gates.see(found.path, type, size);
    tally.see(type, size, entry === undefined);
  }
}
