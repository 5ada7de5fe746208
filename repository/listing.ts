/** From the decrypted pieces of a listing to entries: which pieces to read, and what a piece's lines say. */

import { type BytePath, comparePaths, displayPath, isUnder } from '../contract/byte-path.ts';
import { type Entry, MAX_LINE_BYTES } from '../contract/entry.ts';
import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { decodePath, type ListingChunk } from '../contract/run-index.ts';
import { readLine } from './entry-line.ts';

/** What cannot be read of a listing: so many entries, in order from the one with this path or behind it. */
export interface ListingDamage {
  readonly from: BytePath;
  readonly entries: number;
  readonly error: OffsiteError;
}

/** The pieces that can hold `under` and what lies beneath, judged by their first paths. */
export function chunksFor(listing: readonly ListingChunk[], under: BytePath): readonly ListingChunk[] {
  if (under === '') return listing;
  const from = firstWhere(listing, (path) => comparePaths(path, under) >= 0);
  const to = firstWhere(listing, (path) => comparePaths(path, under) > 0 && !isUnder(path, under));
  // The piece before may hold the entry itself: pieces are cut anywhere between lines.
  return listing.slice(Math.max(0, from - 1), to);
}

function firstWhere(listing: readonly ListingChunk[], holds: (firstPath: BytePath) => boolean): number {
  let low = 0;
  let high = listing.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const chunk = listing[middle];
    if (chunk !== undefined && !holds(decodePath(chunk[2]))) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Reads pieces in order into entries. An entry is only complete when the next begins, because a piece may begin with
 * the rest of the entry before it. What is wrong is thrown (`listing-invalid`), or, with `onDamage`, told and left out.
 */
export class ListingDecoder {
  readonly #onDamage: ((damage: ListingDamage) => void) | undefined;
  /** The entry that may still go on. */
  #open: Entry | null = null;
  #last: BytePath | null = null;

  constructor(onDamage?: (damage: ListingDamage) => void) {
    this.#onDamage = onDamage;
  }

  /** The entries that are complete after this piece. */
  *decode(bytes: Buffer): Generator<Entry> {
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(0x0a, start);
      if (end < 0 || end - start > MAX_LINE_BYTES) {
        yield* this.#refuse(new OffsiteError('listing-invalid', 'a line of the listing has no end'));
        return;
      }
      yield* this.#line(bytes.subarray(start, end));
      start = end + 1;
    }
  }

  /** Goes on behind a piece that is lost: of the entry before it and the one behind only what is whole is given out. */
  *lost(damage: ListingDamage): Generator<Entry> {
    if (this.#onDamage === undefined) throw damage.error;
    this.#onDamage(damage);
    // The lost piece began with more of the entry before it.
    if (this.#open !== null && this.#open.path === damage.from) {
      this.#open = null;
      this.#onDamage({ ...damage, entries: 1 });
    }
    yield* this.end();
  }

  /** The last entry. */
  *end(): Generator<Entry> {
    if (this.#open !== null) yield this.#open;
    this.#open = null;
  }

  *#line(line: Buffer): Generator<Entry> {
    let decoded: ReturnType<typeof readLine>;
    try {
      decoded = readLine(line);
    } catch (error) {
      if (!isOffsiteError(error)) throw error;
      return yield* this.#refuse(error);
    }
    if ('entry' in decoded) {
      yield* this.end();
      const { path } = decoded.entry;
      if (this.#last !== null && comparePaths(this.#last, path) >= 0) {
        const why = `the listing is out of order at ${displayPath(path)}`;
        return yield* this.#refuse(new OffsiteError('listing-invalid', why), path);
      }
      this.#last = path;
      this.#open = decoded.entry;
    } else if (this.#open !== null) {
      this.#open.locations = [...(this.#open.locations ?? []), ...decoded.more];
    }
    // Else it is the rest of an entry that was not asked for, or was refused.
  }

  *#refuse(error: OffsiteError, path: BytePath | null = this.#last): Generator<Entry> {
    if (this.#onDamage === undefined) {
      if (error.code === 'listing-invalid') throw error;
      throw new OffsiteError('listing-invalid', error.message, { cause: error });
    }
    yield* this.end();
    this.#onDamage({ from: path ?? ('' as BytePath), entries: 1, error });
  }
}
