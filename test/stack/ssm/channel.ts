/**
 * The channel that status events go through. AWS promises "best effort", so of all events a fifth is lost, comes twice, or
 * comes after its successor, as a seed has it.
 */

export interface ChannelCounts {
  sent: number;
  lost: number;
  doubled: number;
  swapped: number;
}

/** How long a swapped event waits for a successor. Milliseconds. */
const PATIENCE = 1500;

export class LossyChannel<Item> {
  readonly counts: ChannelCounts = { sent: 0, lost: 0, doubled: 0, swapped: 0 };
  readonly #deliver: (item: Item) => Promise<void>;
  readonly #random: () => number;
  #held: Item | null = null;
  #last: Promise<void> = Promise.resolve();
  /** Off, every event arrives once and in order. */
  isLossy = true;

  constructor(seed: number, deliver: (item: Item) => Promise<void>) {
    this.#deliver = deliver;
    this.#random = seeded(seed);
  }

  send(item: Item): void {
    this.counts.sent++;
    const drawn = this.isLossy ? this.#random() : 1;
    if (drawn < 0.2 / 3) {
      this.counts.lost++;
      return;
    }
    if (drawn >= 0.4 / 3 && drawn < 0.2 && this.#held === null) {
      this.counts.swapped++;
      this.#held = item;
      setTimeout(() => this.#release(), PATIENCE).unref();
      return;
    }
    this.#queue(item);
    if (drawn < 0.4 / 3) {
      this.counts.doubled++;
      this.#queue(item);
    }
    this.#release();
  }

  /** Resolves when everything that was not lost is delivered. */
  async flushed(): Promise<void> {
    this.#release();
    await this.#last;
  }

  #release(): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#queue(held);
  }

  #queue(item: Item): void {
    this.#last = this.#last.then(() => this.#deliver(item)).catch(() => undefined);
  }
}

/** Numbers from 0 to 1, the same for one seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
