/** A store far away: each call takes its time, and a list takes it for each page of a thousand keys. */

import type { ObjectStore } from '../../store/port.ts';

export interface Waits {
  /** Calls that were made, pages of lists among them. */
  calls: number;
  /** Milliseconds for which whoever asked had to wait, calls made at the same time taken together. */
  waited: number;
}

const PAGE = 1000;

/**
 * The store with `milliseconds` added to each call. With `isCounted` nobody really waits: calls that are under way
 * together are answered together, and what that would have taken is added up in `waits`.
 */
export function slowStore(
  inner: ObjectStore,
  { milliseconds, isCounted }: { milliseconds: number; isCounted: boolean },
): { store: ObjectStore; waits: Waits } {
  const waits: Waits = { calls: 0, waited: 0 };
  let together: Promise<void> | null = null;
  const wait = (): Promise<void> => {
    waits.calls++;
    if (!isCounted) return new Promise((resolve) => setTimeout(resolve, milliseconds));
    together ??= new Promise((resolve) =>
      setImmediate(() => {
        together = null;
        waits.waited += milliseconds;
        resolve();
      }),
    );
    return together;
  };
  async function* pages<T>(items: AsyncIterable<T>): AsyncIterable<T> {
    let left = 0;
    for await (const item of items) {
      if (left === 0) {
        await wait();
        left = PAGE;
      }
      left--;
      yield item;
    }
    if (left === 0) await wait();
  }
  const store: ObjectStore = {
    url: inner.url,
    put: async (...call) => {
      await wait();
      return inner.put(...call);
    },
    get: async (...call) => {
      await wait();
      return inner.get(...call);
    },
    head: async (...call) => {
      await wait();
      return inner.head(...call);
    },
    list: (...call) => pages(inner.list(...call)),
    listFolders: (prefix) => pages(inner.listFolders(prefix)),
  };
  return { store, waits };
}
