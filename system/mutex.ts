/** A lock between threads, in a word of shared memory. */

const [FREE, TAKEN, WAITED_FOR] = [0, 1, 2] as const;
/** Tries before the thread sleeps: whoever holds it is done sooner than a thread is woken. */
const SPINS = 200;

/** Held by one thread at a time, for as short as can be; the main thread may wait for it too. */
export class Mutex {
  readonly #words: Int32Array;
  readonly #at: number;

  /** `words`: in shared memory, zero at first. */
  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  hold<T>(work: () => T): T {
    this.#take();
    try {
      return work();
    } finally {
      if (Atomics.exchange(this.#words, this.#at, FREE) === WAITED_FOR) Atomics.notify(this.#words, this.#at, 1);
    }
  }

  #take(): void {
    const [words, at] = [this.#words, this.#at];
    for (let i = 0; i < SPINS; i++) if (Atomics.compareExchange(words, at, FREE, TAKEN) === FREE) return;
    while (Atomics.exchange(words, at, WAITED_FOR) !== FREE) Atomics.wait(words, at, WAITED_FOR);
  }
}
