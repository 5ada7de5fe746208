/** The base of an incremental, entry by entry. */

import { type BytePath, comparePaths } from '../../contract/byte-path.ts';
import { decodeLine, type Entry } from '../../contract/entry.ts';
import type { BaseEntry } from '../state/entry-blocks.ts';

/** Walks through the base in step with the scan. */
export class BaseCursor {
  readonly #entries: Iterator<BaseEntry> | null;
  #next: BaseEntry | null = null;

  constructor(entries: Iterator<BaseEntry> | null) {
    this.#entries = entries;
    this.#advance(null);
  }

  /** The base's entry of this path; calls come in order. `passOver` is told of those between that the scan did not find. */
  seek(path: BytePath, passOver: (entry: BaseEntry) => void): BaseEntry | null {
    for (let next = this.#next; next !== null; next = this.#next) {
      if (next.path === path) return this.#advance(next);
      if (comparePaths(next.path, path) > 0) return null;
      passOver(this.#advance(next));
    }
    return null;
  }

  /** Passes over all that is left. */
  end(passOver: (entry: BaseEntry) => void): void {
    while (this.#next !== null) passOver(this.#advance(this.#next));
  }

  /** Lets go of what the base is read from. */
  close(): void {
    this.#entries?.return?.();
  }

  /** Goes on behind `present`, and returns it. */
  #advance<T>(present: T): T {
    const next = this.#entries?.next();
    this.#next = next === undefined || next.done === true ? null : next.value;
    return present;
  }
}

/** An entry from its lines in the base's listing. */
export function entryOfLines(lines: Buffer): Entry {
  let entry: Entry | null = null;
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf(0x0a, start);
    const decoded = decodeLine(lines.subarray(start, end));
    if ('entry' in decoded) entry = decoded.entry;
    else if (entry !== null) entry.locations = [...(entry.locations ?? []), ...decoded.more];
    start = end + 1;
  }
  if (entry === null) throw new RangeError('lines without an entry');
  return entry;
}
