import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareKeys } from '../../store/keys-safety.ts';
import { MemoryStore } from '../../store/memory.ts';
import { collect, conforms, keysOf, rejects } from './conformance.ts';

const ABSENT = { condition: 'absent' } as const;

conforms('memory store', async () => ({ store: new MemoryStore() }));

describe('memory store', () => {
  it('dates objects by the given clock', async () => {
    const now = new Date('2026-01-02T03:04:05Z');
    const store = new MemoryStore({ clock: { now: () => now, sleep: async () => {} } });
    await store.put('a', Buffer.from('x'), ABSENT);
    assert.deepEqual((await store.head('a')).lastModified, now);
  });

  it('keeps its own copy of every body', async () => {
    const store = new MemoryStore();
    const body = Buffer.from('abc');
    await store.put('a', body, ABSENT);
    body.fill('x');
    (await store.get('a')).body.fill('y');
    assert.equal(String((await store.get('a')).body), 'abc');
  });

  it('plays a cold storage class and another hand', async () => {
    const store = new MemoryStore();
    await store.put('a', Buffer.from('abc'), ABSENT);
    store.setCold('a', true);
    assert.equal((await store.head('a')).cold, true);
    await rejects(store.get('a'), 'store-cold');
    store.setCold('a', false);
    store.overwrite('a', Buffer.from('forged'));
    assert.equal(String((await store.get('a')).body), 'forged');
    assert.equal(store.remove('a'), true);
    assert.equal(store.remove('a'), false);
    await rejects(store.get('a'), 'store-absent');
  });

  it('lists thousands of keys in order, whatever is put and removed in between', async () => {
    const store = new MemoryStore();
    const present = new Set<string>();
    // Multiplying by a prime makes an order that is neither sorted nor repeated.
    const nth = (n: number) => `${(n * 7919) % 11 === 0 ? 'é/' : ''}folder-${(n * 7919) % 13}/${(n * 7919) % 10_007}`;
    for (let n = 0; n < 5000; n++) {
      if (!present.has(nth(n))) await store.put(nth(n), Buffer.from('x'), ABSENT);
      present.add(nth(n));
      if (n % 3 === 0 && present.delete(nth(n / 3))) store.remove(nth(n / 3));
    }
    const sorted = [...present].sort(compareKeys);
    assert.deepEqual(await keysOf(store, ''), sorted);
    assert.deepEqual(
      await keysOf(store, 'folder-7/'),
      sorted.filter((key) => key.startsWith('folder-7/')),
    );
    const [middle = ''] = sorted.slice(sorted.length / 2);
    assert.deepEqual(await keysOf(store, '', middle), sorted.slice(sorted.length / 2 + 1));
    assert.deepEqual(await collect(store.listFolders('é/')), [
      ...new Set(sorted.flatMap((key) => /^é\/[^/]*\//.exec(key)?.[0] ?? [])),
    ]);
    for (const key of present) assert.ok(store.remove(key));
    assert.deepEqual(await keysOf(store, ''), []);
  });

  it('shows a list what is put behind the place that it has reached', async () => {
    const store = new MemoryStore();
    for (let n = 1000; n < 3000; n++) await store.put(`k/${n}`, Buffer.from('x'), ABSENT);
    const seen: string[] = [];
    for await (const { key } of store.list('k/')) {
      if (key === 'k/1000') await store.put('k/9', Buffer.from('x'), ABSENT);
      seen.push(key);
    }
    assert.equal(seen.at(-1), 'k/9');
    assert.equal(seen.length, 2001);
  });
});
