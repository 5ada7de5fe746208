/**
 * How fast content may go out: one bucket of tokens for all uploads of a store, whichever of them asks. An upload asks
 * before each piece that it sends, so a limit is kept from the first second on, by big objects and small ones alike, and
 * uploads under way at once share it piece by piece.
 */

import { OffsiteError } from '../contract/errors.ts';
import { monotonicMilliseconds, systemClock } from '../system/clock.ts';

/** What was not used is kept for so long: a late timer costs no throughput. Milliseconds. */
const KEPT_FOR = 250;
/** Pieces in a second, as far as they do not get larger than this. */
const PIECES_A_SECOND = 8;
const LARGEST_PIECE = 256 * 1024;

export interface UploadRateOptions {
  /** Aborted when nobody waits for the uploads any more. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds on a clock that never jumps. */
  readonly now?: () => number;
  readonly sleep?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

export class UploadRate {
  readonly bytesPerSecond: number;
  /** How much to ask for at once. */
  readonly pieceSize: number;
  readonly #signal: AbortSignal | undefined;
  readonly #now: () => number;
  readonly #sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** When everything that was granted has gone out at this rate. */
  #busyUntil = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number, options: UploadRateOptions = {}) {
    if (!(bytesPerSecond >= PIECES_A_SECOND)) throw new RangeError(`${bytesPerSecond} bytes per second`);
    this.bytesPerSecond = bytesPerSecond;
    this.pieceSize = Math.min(LARGEST_PIECE, Math.floor(bytesPerSecond / PIECES_A_SECOND));
    this.#signal = options.signal;
    this.#now = options.now ?? monotonicMilliseconds;
    this.#sleep = options.sleep ?? systemClock.sleep;
  }

  /** Returns when so many bytes may be sent; in the order of the calls. Throws `interrupted` once the signal is aborted. */
  async take(bytes: number): Promise<void> {
    this.#assertWanted();
    const now = this.#now();
    const begin = Math.max(this.#busyUntil, now - KEPT_FOR);
    this.#busyUntil = begin + (bytes / this.bytesPerSecond) * 1000;
    if (begin <= now) return;
    // An aborted sleep is told by the signal itself.
    await this.#sleep(begin - now, this.#signal).catch(() => undefined);
    this.#assertWanted();
  }

  #assertWanted(): void {
    if (this.#signal?.aborted) throw new OffsiteError('interrupted', 'an upload was stopped on its way');
  }
}

/** A body in pieces, each given out when it may go. */
export async function* paced(body: Uint8Array, rate: UploadRate): AsyncIterable<Uint8Array> {
  for (let offset = 0; offset < body.length; offset += rate.pieceSize) {
    const piece = body.subarray(offset, offset + rate.pieceSize);
    await rate.take(piece.length);
    yield piece;
  }
}
