/**
 * Units of the base's listing: chunks one after the other that hold whole entries, mostly one chunk each. Where all
 * entries of a unit come again, and the writer stands at the beginning of a chunk, its chunks come again too: where a
 * chunk ends depends on nothing before it.
 */

import type { ListingChunk } from '../../contract/run-index.ts';

/** The listing of the base, and the lines of its entries. */
export interface BaseListing {
  readonly chunks: readonly ListingChunk[];
  /** For each chunk whether it begins with a new entry. */
  readonly begins: readonly boolean[];
  /** The lines of the entries from `from` to `to`. */
  lines(from: number, to: number): Buffer;
}

export interface Unit {
  /** The first of its entries, and the one behind the last. */
  readonly first: number;
  readonly end: number;
  /** Places of its chunks in the listing. */
  readonly chunks: readonly number[];
}

export class ListingUnits {
  /** By the first entry. */
  readonly #units = new Map<number, Unit>();

  constructor(base: BaseListing | null) {
    if (base === null) return;
    let entry = 0;
    let open: { first: number; chunks: number[] } | null = null;
    for (const [i, [, , , entries]] of base.chunks.entries()) {
      if (base.begins[i]) {
        this.#add(open, entry);
        open = { first: entry, chunks: [] };
      }
      open?.chunks.push(i);
      entry += entries;
    }
    // The last unit ends where the listing ended: its last chunk would be longer if something followed.
  }

  /** The unit that begins with this entry. */
  at(entry: number): Unit | undefined {
    return this.#units.get(entry);
  }

  #add(unit: { first: number; chunks: number[] } | null, end: number): void {
    if (unit !== null && end > unit.first) this.#units.set(unit.first, { ...unit, end });
  }
}
