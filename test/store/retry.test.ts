import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OffsiteError } from '../../contract/errors.ts';
import { MemoryStore } from '../../store/memory.ts';
import type { ObjectStore } from '../../store/port.ts';
import { type Retry, retried } from '../../store/retry.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { collect, conforms, keysOf, rejects } from './conformance.ts';

const ABSENT = { condition: 'absent' } as const;
const X = Buffer.from('x');

/** A clock on which sleeping takes no time; it keeps the waits. */
function fakeClock() {
  const waits: number[] = [];
  return { waits, now: () => new Date(0), sleep: async (wait: number) => void waits.push(wait) };
}

conforms('retried store', async () => ({ store: retried(new MemoryStore(), { patience: 0 }) }));

describe('retried store', () => {
  it('doubles its waits up to half a minute, the second half of each by chance', async () => {
    for (const [random, expected] of [
      [0, [125, 250, 500, 1000, 2000, 4000, 8000, 15000, 15000]],
      [0.5, [187.5, 375, 750, 1500, 3000, 6000, 12000, 22500]],
    ] as const) {
      const clock = fakeClock();
      const inner = faultyStore(new MemoryStore(), { faults: [{ does: 'fail', times: 100 }] });
      const store = retried(inner, { clock, random: () => random });
      await rejects(store.get('a'), 'store-transient');
      assert.deepEqual(clock.waits, expected);
      assert.equal(inner.calls.length, expected.length + 1);
    }
  });

  it('leaves a store alone longer that asks to slow down', async () => {
    const clock = fakeClock();
    const faults = [{ does: 'fail', code: 'store-throttled', times: 3 }] as const;
    const store = retried(faultyStore(new MemoryStore(), { faults }), { clock, random: () => 0 });
    await store.put('a', X, ABSENT);
    assert.deepEqual(clock.waits, [500, 1000, 2000]);
  });

  it('never waits longer than its patience, and says how often it tried', async () => {
    const clock = fakeClock();
    const inner = faultyStore(new MemoryStore(), { faults: [{ does: 'fail', times: 100 }] });
    const error = await rejects(
      retried(inner, { clock, patience: 1000, random: () => 0 }).head('a'),
      'store-transient',
    );
    assert.deepEqual(clock.waits, [125, 250, 500]);
    assert.match(error.message, /4 tries, 1 s/);
  });

  it('tells of every wait', async () => {
    const told: Retry[] = [];
    const inner = faultyStore(new MemoryStore(), { faults: [{ does: 'fail', times: 2 }] });
    const store = retried(inner, { clock: fakeClock(), random: () => 0, onRetry: (retry) => told.push(retry) });
    await store.put('a', X, ABSENT);
    assert.deepEqual(
      told.map(({ error, wait }) => [error.code, wait]),
      [
        ['store-transient', 125],
        ['store-transient', 250],
      ],
    );
  });

  it('does not try again what cannot change', async () => {
    const clock = fakeClock();
    for (const code of ['store-denied', 'store-full', 'store-cold', 'store-absent', 'internal'] as const) {
      const inner = faultyStore(new MemoryStore(), { faults: [{ does: 'fail', code, times: 5 }] });
      await rejects(retried(inner, { clock }).put('a', X, ABSENT), code);
      await rejects(keysOf(retried(inner, { clock }), ''), code);
    }
    assert.deepEqual(clock.waits, []);
  });

  it('hands on "exists" after a lost reply, and says that it may be its own doing', async () => {
    const memory = new MemoryStore();
    const store = retried(faultyStore(memory, { faults: [{ does: 'lose-reply' }] }), { clock: fakeClock() });
    const error = await rejects(store.put('a', X, ABSENT), 'store-exists');
    assert.match(error.message, /earlier try/);
    assert.equal(String((await memory.get('a')).body), 'x');
    const plain = await rejects(store.put('a', X, ABSENT), 'store-exists');
    assert.doesNotMatch(plain.message, /earlier try/);
  });

  it('hands on "changed" after a lost reply in the same way', async () => {
    const memory = new MemoryStore();
    const { etag } = await memory.put('a', X, ABSENT);
    const store = retried(faultyStore(memory, { faults: [{ does: 'lose-reply' }] }), { clock: fakeClock() });
    const error = await rejects(store.put('a', Buffer.from('y'), { condition: { etag } }), 'store-changed');
    assert.match(error.message, /earlier try/);
  });

  it('goes on with a list after the last key that it gave', async () => {
    const memory = new MemoryStore();
    const keys = ['a/1', 'a/2', 'b/1', 'c/1'];
    for (const key of keys) await memory.put(key, X, ABSENT);
    const clock = fakeClock();
    const faults = [{ does: 'lose-reply', times: 2 }] as const;
    assert.deepEqual(await keysOf(retried(faultyStore(memory, { faults }), { clock }), ''), keys);

    const broken = { ...faultyStore(memory), listFolders: breakingAfter(memory, 2) };
    assert.deepEqual(await collect(retried(broken, { clock }).listFolders('')), ['a/', 'b/', 'c/']);
    assert.equal(clock.waits.length, 3);
  });

  it('gives up a list that never goes on', async () => {
    const memory = new MemoryStore();
    await memory.put('a', X, ABSENT);
    const clock = fakeClock();
    const store = retried(faultyStore(memory, { faults: [{ does: 'lose-reply', times: 100 }] }), { clock });
    await rejects(keysOf(store, ''), 'store-transient');
    assert.ok(clock.waits.length > 3 && clock.waits.length < 20);
  });
});

/** `listFolders` whose first iteration fails after so many folders. */
function breakingAfter(memory: MemoryStore, count: number): ObjectStore['listFolders'] {
  let first = true;
  return async function* (prefix) {
    const fails = first;
    first = false;
    let given = 0;
    for await (const folder of memory.listFolders(prefix)) {
      if (fails && given++ === count) throw new OffsiteError('store-transient', 'by script');
      yield folder;
    }
  };
}
