import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { isOffsiteError } from '../../contract/errors.ts';
import { openDirectoryStore } from '../../store/directory.ts';
import { MemoryStore } from '../../store/memory.ts';
import type { ObjectStore } from '../../store/port.ts';
import { openStore } from '../../store/wire.ts';
import { startS3Server } from '../helpers/s3-server.ts';
import { collect, keysOf } from './conformance.ts';

const base = await mkdtemp(join(tmpdir(), 'offsite-agreement-'));
process.env.AWS_ACCESS_KEY_ID = 'AKIDTEST';
process.env.AWS_SECRET_ACCESS_KEY = 'secret';
const server = await startS3Server();
server.pageSize = 2;
after(async () => {
  await server.close();
  await rm(base, { recursive: true, force: true });
});

/** Short, so that names often meet and continue each other; a file is never a folder, because only files end in `~`. */
const segment = fc
  .string({
    unit: fc.constantFrom('a', 'b', '-', '0', '.', 'é', '\uffee', '\u{10000}', '+', '%'),
    minLength: 1,
    maxLength: 2,
  })
  .filter((text) => text !== '.' && text !== '..');
const key = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => `${segments.join('/')}~`);
const step = fc.record({ key, body: fc.constantFrom('x', 'y'), etag: fc.constantFrom('absent', 'mine', 'wrong') });
const question = fc.record({ prefix: key.map((text) => text.slice(0, -1)), cut: fc.nat(6), after: key });

describe('directory, memory and S3', () => {
  it('answer alike, whatever is done and asked', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), question, async (steps, asked) => {
        const name = String(count++);
        const stores = [
          new MemoryStore(),
          await openDirectoryStore(join(base, name), { create: true }),
          await openStore(server.url(name), { patience: 0 }),
        ];
        const [expected, ...others] = await Promise.all(stores.map((store) => play(store, steps, asked)));
        for (const other of others) assert.deepEqual(other, expected);
      }),
      { numRuns: 40 },
    );
  });
});

async function play(
  store: ObjectStore,
  steps: { key: string; body: string; etag: string }[],
  { prefix, cut, after: from }: { prefix: string; cut: number; after: string },
): Promise<unknown> {
  const log: unknown[] = [];
  for (const { key: name, body, etag } of steps) {
    const present = etag === 'mine' ? await store.head(name).catch(() => null) : null;
    const condition = etag === 'absent' ? 'absent' : ({ etag: present?.etag ?? '"wrong"' } as const);
    log.push(await outcome(store.put(name, Buffer.from(body), { condition }).then(() => 'put')));
    log.push(await outcome(store.get(name).then((found) => String(found.body))));
  }
  const beginning = Array.from(prefix)
    .slice(0, cut)
    .join('')
    .replace(/\/\.{0,2}$/, '/');
  log.push(await outcome(keysOf(store, beginning)), await outcome(keysOf(store, beginning, from)));
  log.push(await outcome(collect(store.listFolders(beginning))));
  return log;
}

async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return await promise.catch((error) => (isOffsiteError(error) ? error.code : Promise.reject(error)));
}
