import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MemoryStore } from '../../store/memory.ts';
import { openStore } from '../../store/wire.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { conforms, keysOf, rejects } from './conformance.ts';

const ABSENT = { condition: 'absent' } as const;
const X = Buffer.from('x');

if (process.argv[2] === 'die') await die(process.argv[3] ?? '', process.argv[4] === 'kill' ? 'kill' : 'kill-after');
else tests();

function tests(): void {
  conforms('faulty store without faults', async () => ({ store: faultyStore(new MemoryStore()) }));

  describe('faulty store', () => {
    it('fails the call that it is told to, before or after it is done', async () => {
      const memory = new MemoryStore();
      const store = faultyStore(memory, {
        faults: [
          { operation: 'put', call: 2, does: 'fail' },
          { operation: 'put', key: /^c/, does: 'lose-reply', code: 'store-throttled' },
        ],
      });
      await store.put('a', X, ABSENT);
      await rejects(store.put('b', X, ABSENT), 'store-transient');
      await rejects(store.put('c', X, ABSENT), 'store-throttled');
      await store.put('d', X, ABSENT);
      assert.deepEqual(await keysOf(memory, ''), ['a', 'c', 'd']);
      assert.deepEqual(
        store.calls.map(({ operation, key }) => `${operation} ${key}`),
        ['put a', 'put b', 'put c', 'put d'],
      );
    });

    it('runs out of room', async () => {
      const store = faultyStore(new MemoryStore(), { room: 10 });
      await store.put('a', Buffer.alloc(6), ABSENT);
      await rejects(store.put('b', Buffer.alloc(5), ABSENT), 'store-full');
      await store.put('c', Buffer.alloc(4), ABSENT);
      await rejects(store.put('d', Buffer.alloc(1), ABSENT), 'store-full');
    });

    for (const [does, left] of [
      ['kill', ['1']],
      ['kill-after', ['1', '2']],
    ] as const) {
      it(`kills the process (${does})`, async () => {
        const folder = await mkdtemp(join(tmpdir(), 'offsite-faulty-'));
        after(() => rm(folder, { recursive: true, force: true }));
        const url = pathToFileURL(folder).href;
        const store = await openStore(url, { create: true });
        const child = fork(fileURLToPath(import.meta.url), ['die', url, does]);
        assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
        assert.deepEqual(await keysOf(store, ''), left);
      });
    }
  });
}

async function die(url: string, does: 'kill' | 'kill-after'): Promise<void> {
  const store = faultyStore(await openStore(url), { faults: [{ call: 2, does }] });
  for (const key of ['1', '2', '3']) await store.put(key, X, ABSENT);
}
