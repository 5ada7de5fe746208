/** A clock that stands until it is told to go on: hours of schedule pass in a moment. */

import { fileURLToPath } from 'node:url';
import type { ListedObject, ObjectStore } from '../store/port.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { wholeEnvironment } from '../system/environment.ts';

const PRELOAD = fileURLToPath(new URL('../system/shifted-clock.ts', import.meta.url));

export class ManualClock implements Clock {
  #now: Date;
  /** From when on, by the machine's clock, this one was so far ahead of it. Milliseconds, oldest first. */
  readonly #shifts: { since: number; shift: number }[] = [];

  constructor(start: Date) {
    this.#now = start;
    this.#note();
  }

  now(): Date {
    return new Date(this.#now);
  }

  /** Goes on to `instant`; never back. */
  advanceTo(instant: Date): void {
    if (instant <= this.#now) return;
    this.#now = new Date(instant);
    this.#note();
  }

  /** Sleeping is instantaneous: nothing here waits for real. */
  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.advanceTo(new Date(this.#now.getTime() + milliseconds));
  }

  /** What this clock said when the machine's said `real`. */
  whenMachineSaid(real: Date): Date {
    const note = this.#shifts.findLast(({ since }) => since <= real.getTime()) ?? this.#shifts[0];
    return new Date(real.getTime() + (note?.shift ?? 0));
  }

  /** The environment for a child process that is to live by this clock. */
  environment(): Record<string, string> {
    const environment = wholeEnvironment();
    const shift = String(this.#shifts.at(-1)?.shift ?? 0);
    const options = `${environment.NODE_OPTIONS ?? ''} --import=${PRELOAD}`.trim();
    return { ...environment, NODE_OPTIONS: options, OFFSITE_CLOCK_SHIFT: shift };
  }

  #note(): void {
    // A file's time may be some milliseconds older than the clock that was read before it was written.
    const real = systemClock.now().getTime();
    this.#shifts.push({ since: real - 20, shift: this.#now.getTime() - real });
  }
}

/** The store as it would look if its own clock were this one. */
export function storeByClock(store: ObjectStore, clock: ManualClock): ObjectStore {
  const shifted = <T extends ListedObject>(object: T): T => ({
    ...object,
    lastModified: clock.whenMachineSaid(object.lastModified),
  });
  return {
    url: store.url,
    put: (key, body, options) => store.put(key, body, options),
    get: async (key, options) => {
      const object = await store.get(key, options);
      const { body, etag, size, sha256, cold } = object;
      return { ...shifted({ key, size, lastModified: object.lastModified, etag, sha256, cold }), body };
    },
    head: async (key) => shifted(await store.head(key)),
    async *list(prefix, options) {
      for await (const object of store.list(prefix, options)) yield shifted(object);
    },
    listFolders: (prefix) => store.listFolders(prefix),
  };
}
