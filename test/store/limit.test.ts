import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limited } from '../../store/limit.ts';
import { MemoryStore } from '../../store/memory.ts';
import type { ObjectStore } from '../../store/port.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { conforms, keysOf, rejects } from './conformance.ts';

const ABSENT = { condition: 'absent' } as const;
const X = Buffer.from('x');

conforms('limited store', async () => ({ store: limited(new MemoryStore(), 1) }));

/** A store that counts how many puts are under way, and ends each only after all others had a chance to begin. */
function counting(inner: ObjectStore) {
  const seen = { now: 0, most: 0, order: [] as string[] };
  const store: ObjectStore = {
    ...faultyStore(inner),
    async put(key, body, options) {
      seen.most = Math.max(seen.most, ++seen.now);
      seen.order.push(key);
      await new Promise((resolve) => setTimeout(resolve, 2));
      seen.now--;
      return await inner.put(key, body, options);
    },
  };
  return { seen, store };
}

describe('limited store', () => {
  it('does so many things at once and no more, in the order of the calls', async () => {
    for (const slots of [1, 3]) {
      const { seen, store } = counting(new MemoryStore());
      const keys = Array.from({ length: 10 }, (_, n) => `k${n}`);
      const slow = limited(store, slots);
      await Promise.all(keys.map((key) => slow.put(key, X, ABSENT)));
      assert.equal(seen.most, slots);
      assert.deepEqual(seen.order, keys);
    }
  });

  it('frees the slot of an operation that fails', async () => {
    const inner = faultyStore(new MemoryStore(), { faults: [{ does: 'fail', times: 3 }] });
    const store = limited(inner, 1);
    for (let n = 0; n < 3; n++) await rejects(store.put('a', X, ABSENT), 'store-transient');
    await store.put('a', X, ABSENT);
    const failing = limited(faultyStore(new MemoryStore(), { faults: [{ does: 'fail' }] }), 1);
    await rejects(keysOf(failing, ''), 'store-transient');
    await failing.put('a', X, ABSENT);
  });

  it('holds no slot while the reader of a list works', async () => {
    const store = limited(new MemoryStore(), 1);
    await store.put('a', X, ABSENT);
    await store.put('b', X, ABSENT);
    const seen: string[] = [];
    for await (const { key } of store.list('')) {
      await store.get(key);
      for await (const inner of store.list('')) seen.push(`${key}${inner.key}`);
    }
    assert.deepEqual(seen, ['aa', 'ab', 'ba', 'bb']);
  });

  it('needs a slot', () => {
    for (const slots of [0, -1, 1.5, Number.NaN]) assert.throws(() => limited(new MemoryStore(), slots), RangeError);
  });
});
