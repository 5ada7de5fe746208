/** Long synchronous work lets other work go on now and then, and ends when it is told to. */

import { OffsiteError } from '../../contract/errors.ts';
import { breathe, monotonicMilliseconds } from '../../system/clock.ts';

/** Milliseconds of work between two breaths. */
const STRETCH = 20;

export class Breath {
  readonly #signal: AbortSignal | undefined;
  readonly #onBreath: () => void;
  #last = monotonicMilliseconds();

  /** `onBreath`: told each time, for progress. */
  constructor(signal: AbortSignal | undefined, onBreath: () => void = () => {}) {
    this.#signal = signal;
    this.#onBreath = onBreath;
  }

  /** Throws `interrupted` where the signal was given. */
  check(): void {
    if (this.#signal?.aborted) {
      throw new OffsiteError('interrupted', 'interrupted; what is complete is kept, and the same command continues');
    }
  }

  /** Waits a moment if it is time to. */
  async take(): Promise<void> {
    if (monotonicMilliseconds() - this.#last < STRETCH) return;
    this.#onBreath();
    await breathe();
    this.check();
    this.#last = monotonicMilliseconds();
  }
}
