/** A process that dies at a chosen step: from then on nothing it asks for happens any more. */

import type { ObjectStore } from '../../store/port.ts';

/** Not an OffsiteError: nobody may mistake it for an answer. */
export class Died extends Error {}

/** Counts the steps of a process that change anything outside of it, and dies before or after one of them. */
export class Mortality {
  steps = 0;
  isDead = false;
  readonly #diesAt: number;
  readonly #when: 'before' | 'after';

  /** It dies at its `diesAt`th step, from 1; 0 is never. */
  constructor(diesAt = 0, when: 'before' | 'after' = 'before') {
    this.#diesAt = diesAt;
    this.#when = when;
  }

  async step<T>(work: () => Promise<T>): Promise<T> {
    this.assertAlive();
    const isLast = ++this.steps === this.#diesAt;
    if (isLast && this.#when === 'before') this.#die();
    const result = await work();
    if (isLast) this.#die();
    this.assertAlive();
    return result;
  }

  readonly #unmarked = new Set<string>();

  /** A step that tells people of what is kept under these keys; puts to them, which mark it, follow. */
  async publication(keys: readonly string[], work: () => Promise<void>): Promise<void> {
    await this.step(async () => {
      await work();
      for (const key of keys) this.#unmarked.add(key);
    });
  }

  /** What was published of this key has been marked. */
  marked(key: string): void {
    this.#unmarked.delete(key);
  }

  /** True where it died after a message was out, or on its way, and before all that it told was marked as told. */
  get diedPublishing(): boolean {
    return this.isDead && this.#unmarked.size > 0;
  }

  assertAlive(): void {
    if (this.isDead) throw new Died('dead');
  }

  #die(): never {
    this.isDead = true;
    throw new Died('dies here');
  }
}

/** The store as a mortal process sees it: its puts are steps. */
export function mortalStore(inner: ObjectStore, life: Mortality): ObjectStore {
  const alive = <T>(work: () => Promise<T>) => {
    life.assertAlive();
    return work();
  };
  return {
    url: inner.url,
    put: (key, body, options) =>
      life.step(async () => {
        const put = await inner.put(key, body, options);
        life.marked(key);
        return put;
      }),
    get: (key, options) => alive(() => inner.get(key, options)),
    head: (key) => alive(() => inner.head(key)),
    list: (prefix, options) => {
      life.assertAlive();
      return inner.list(prefix, options);
    },
    listFolders: (prefix) => {
      life.assertAlive();
      return inner.listFolders(prefix);
    },
  };
}
