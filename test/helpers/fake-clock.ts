import type { Clock } from '../../system/clock.ts';

/** A clock that stands still until it is told to go on. Sleeping takes no time and moves it. */
export class FakeClock implements Clock {
  #now: number;

  constructor(now: string | Date) {
    this.#now = new Date(now).getTime();
  }

  now(): Date {
    return new Date(this.#now);
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#now += milliseconds;
  }

  set(now: string | Date): void {
    this.#now = new Date(now).getTime();
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
