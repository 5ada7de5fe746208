import type { ObjectStore } from './port.ts';

/**
 * The store with at most `slots` operations under way at once, in the order of the calls. A list holds a slot only
 * while it fetches, not while its reader works, so a reader may use the store in its loop.
 */
export function limited(store: ObjectStore, slots: number): ObjectStore {
  const gate = new Gate(slots);
  return {
    url: store.url,
    put: (key, body, options) => gate.pass(() => store.put(key, body, options)),
    get: (key, options) => gate.pass(() => store.get(key, options)),
    head: (key) => gate.pass(() => store.head(key)),
    list: (prefix, options) => stepwise(gate, store.list(prefix, options)),
    listFolders: (prefix) => stepwise(gate, store.listFolders(prefix)),
  };
}

async function* stepwise<T>(gate: Gate, items: AsyncIterable<T>): AsyncIterable<T> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await gate.pass(() => iterator.next());
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Lets so many through at once; the others wait in line. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number) {
    if (!Number.isInteger(slots) || slots < 1) throw new RangeError(`${slots} operations at once`);
    this.#free = slots;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
