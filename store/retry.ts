import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { jitter } from '../system/random.ts';
import { compareKeys } from './keys-safety.ts';
import type { ObjectStore } from './port.ts';

export interface RetryOptions {
  readonly clock?: Clock;
  /** Milliseconds that one operation may wait in all before it gives up; 0 never tries again. */
  readonly patience?: number;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
  /** Told before each wait. */
  readonly onRetry?: (retry: Retry) => void;
}

export interface Retry {
  readonly error: OffsiteError;
  /** Milliseconds until the next try. */
  readonly wait: number;
}

/** The first wait; each further one is twice as long. A store that asks to slow down is left alone longer. */
const FIRST_WAIT = { 'store-transient': 250, 'store-throttled': 1000 } as const;
const LONGEST_WAIT = 30_000;
const PATIENCE = 60_000;

/**
 * The store with `store-throttled` and `store-transient` tried again, after waits that double up to 30 s, of which
 * the second half is random. When patience ends, the last error is thrown. A list goes on after the last key it gave.
 *
 * A put whose reply was lost may have happened, so the try after it can be told `store-exists` (or `store-changed`)
 * because of itself. That is handed on as it is: only the caller knows whether the key carries the hash of the content,
 * and a host with a job may not read what is there. The message says that it may be so.
 */
export function retried(store: ObjectStore, options: RetryOptions = {}): ObjectStore {
  const again = <T>(work: () => Promise<T>) => persistently(new Persistence(options), work);
  return {
    url: store.url,
    put: (key, body, putOptions) => {
      const persistence = new Persistence(options);
      return persistently(persistence, async () => {
        try {
          return await store.put(key, body, putOptions);
        } catch (error) {
          if (persistence.tries === 1 || !isOffsiteError(error, 'store-exists', 'store-changed')) throw error;
          const message = `${error.message} An earlier try of this same call may have written it.`;
          throw new OffsiteError(error.code, message, { cause: error });
        }
      });
    },
    get: (key, getOptions) => again(() => store.get(key, getOptions)),
    head: (key) => again(() => store.head(key)),
    list: (prefix, listOptions) =>
      resumed(
        options,
        (after) => store.list(prefix, after === undefined ? listOptions : { after }),
        ({ key }) => key,
      ),
    listFolders: (prefix) =>
      resumed(
        options,
        () => store.listFolders(prefix),
        (folder) => folder,
      ),
  };
}

async function persistently<T>(persistence: Persistence, work: () => Promise<T>): Promise<T> {
  for (;;) {
    persistence.tries++;
    try {
      return await work();
    } catch (error) {
      await persistence.waitAfter(error);
    }
  }
}

/** Iterates what `begin` lists, begun again after the last item that was given whenever it fails. */
async function* resumed<T>(
  options: RetryOptions,
  begin: (after: string | undefined) => AsyncIterable<T>,
  keyOf: (item: T) => string,
): AsyncIterable<T> {
  let last: string | undefined;
  let persistence = new Persistence(options);
  for (;;) {
    persistence.tries++;
    const iterator = begin(last)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await iterator.next().catch(async (error: unknown) => {
          await persistence.waitAfter(error);
          return null;
        });
        if (step === null) break;
        if (step.done) return;
        if (last !== undefined && compareKeys(keyOf(step.value), last) <= 0) continue;
        last = keyOf(step.value);
        persistence = new Persistence(options);
        yield step.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
}

/** The tries of one operation, and how long it has waited between them. */
class Persistence {
  tries = 0;
  #waited = 0;
  readonly #options: RetryOptions;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  /** Returns when it is time for another try, or throws the error: as it is, or with the number of tries. */
  async waitAfter(error: unknown): Promise<void> {
    if (!isOffsiteError(error, 'store-transient', 'store-throttled')) throw error;
    const { clock = systemClock, patience = PATIENCE, random = jitter, onRetry } = this.#options;
    const first = FIRST_WAIT[error.code as keyof typeof FIRST_WAIT];
    const longest = Math.min(first * 2 ** (this.tries - 1), LONGEST_WAIT);
    const wait = longest / 2 + random() * (longest / 2);
    if (this.#waited + wait > patience) {
      if (this.tries === 1) throw error;
      const seconds = Math.round(this.#waited / 1000);
      throw new OffsiteError(error.code, `${error.message} (${this.tries} tries, ${seconds} s of waiting)`, {
        cause: error,
      });
    }
    this.#waited += wait;
    onRetry?.({ error, wait });
    await clock.sleep(wait);
  }
}

/** True for a `store-exists` or `store-changed` that an earlier try of the same call may itself have caused. */
export function mayBeOwnDoing(error: unknown): boolean {
  return isOffsiteError(error, 'store-exists', 'store-changed') && isOffsiteError(error.cause, error.code);
}
