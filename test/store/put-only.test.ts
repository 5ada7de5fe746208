import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from '../../store/memory.ts';
import { putOnly } from '../../store/put-only.ts';
import { collect, keysOf, rejects } from './conformance.ts';

const ABSENT = { condition: 'absent' } as const;
const X = Buffer.from('x');

describe('put-only store', () => {
  it('lets objects be made under its prefixes, once', async () => {
    const memory = new MemoryStore();
    const store = putOnly(memory, ['data/host/', 'runs/host/']);
    await store.put('data/host/a', X, ABSENT);
    await store.put('runs/host/b', X, ABSENT);
    await rejects(store.put('data/host/a', X, ABSENT), 'store-exists');
    assert.deepEqual(await keysOf(memory, ''), ['data/host/a', 'runs/host/b']);
  });

  it('denies every other name', async () => {
    const memory = new MemoryStore();
    const store = putOnly(memory, ['data/host/', 'runs/host']);
    for (const key of ['data/other/a', 'data/host', 'data/hosts/a', 'x', 'runs/host/a', 'runs/hostile/a']) {
      await rejects(store.put(key, X, ABSENT), 'store-denied');
    }
    await rejects(store.put('data/host/../other/a', X, ABSENT), 'object-key-invalid');
    assert.deepEqual(await keysOf(memory, ''), []);
  });

  it('denies everything but making objects', async () => {
    const memory = new MemoryStore();
    const store = putOnly(memory, ['data/']);
    const { etag } = await store.put('data/a', X, ABSENT);
    await rejects(store.put('data/a', X, { condition: { etag } }), 'store-denied');
    await rejects(store.get('data/a'), 'store-denied');
    await rejects(store.head('data/a'), 'store-denied');
    await rejects(collect(store.list('data/')), 'store-denied');
    await rejects(collect(store.listFolders('')), 'store-denied');
  });
});
