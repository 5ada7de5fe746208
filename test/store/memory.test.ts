import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from '../../store/memory.ts';
import { conforms, rejects } from './conformance.ts';

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
});
