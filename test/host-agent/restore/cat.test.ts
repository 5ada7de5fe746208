import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BytePath } from '../../../contract/byte-path.ts';
import { catFile } from '../../../host-agent/restore.ts';
import { faultyStore } from '../../helpers/faulty-store.ts';
import { SyntheticHost, SyntheticRun, type WrittenRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();

async function sampleRun(): Promise<WrittenRun> {
  const made = new SyntheticRun(host);
  const a = made.chunk(Buffer.from('aaa'));
  made.nextPart();
  const [b, c] = made.group(Buffer.from('bbb'), Buffer.from('ccc'));
  if (b === undefined || c === undefined) throw new Error('no chunks');
  made.nextPart();
  made.file('other', 'other');
  made.directory('dir');
  made.add({ path: 'dir/abc' as BytePath, ...made.contentOf([a, b, c, b]) });
  made.file('empty', '');
  made.file('sparse', [Buffer.from('data'), Buffer.from('more')], {
    size: 100_000,
    data: [
      [10, 6],
      [70_000, 2],
    ],
  });
  made.add({ path: 'hole' as BytePath, size: 70_000, data: [] });
  made.add({ path: 'unread' as BytePath, size: 5, error: 'EACCES' });
  made.file('stale', 'older', { stale: true, error: 'EIO' });
  made.add({ path: 'wrong' as BytePath, ...made.contentOf([a, { ...b, digest: c.digest ?? '' }]) });
  return made.write();
}

const written = await sampleRun();

async function cat(path: string): Promise<{ content: string; fetched: string[]; error: unknown }> {
  const store = faultyStore(host.store);
  const reader = await host.open(written.run, store);
  const pieces: Buffer[] = [];
  let error: unknown = null;
  await catFile(reader, path as BytePath, async (bytes) => {
    pieces.push(Buffer.from(bytes));
  }).catch((reason: unknown) => {
    error = reason;
  });
  const fetched = store.calls.filter(({ operation, key }) => operation === 'get' && key.startsWith('data/'));
  return { content: Buffer.concat(pieces).toString('latin1'), fetched: fetched.map(({ key }) => key), error };
}

test('a file of chunks in several parts; each part is fetched once', async () => {
  const { content, fetched, error } = await cat('/dir/abc');
  assert.equal(error, null);
  assert.equal(content, 'aaabbbcccbbb');
  assert.deepEqual(fetched, written.dataKeys.slice(0, 2));
});

test('an empty file, and holes', async () => {
  assert.deepEqual(await cat('empty'), { content: '', fetched: [], error: null });
  const expected = Buffer.alloc(100_000);
  expected.write('datamo', 10);
  expected.write('re', 70_000);
  assert.equal((await cat('sparse')).content, expected.toString('latin1'));
  assert.equal((await cat('hole')).content, '\0'.repeat(70_000));
});

test('what is no file, or not there', async () => {
  for (const path of ['dir', 'dir/ab', 'dir/abc/d', '', '/', 'nothing']) {
    const { error, content } = await cat(path);
    assert.equal((error as { code?: string }).code, 'path-not-found', path);
    assert.equal(content, '');
  }
});

test('what the host could not read', async () => {
  const unread = await cat('unread');
  assert.equal((unread.error as { code?: string }).code, 'restore-incomplete');
  const stale = await cat('stale');
  assert.equal(stale.content, 'older');
  assert.equal((stale.error as { code?: string }).code, 'restore-incomplete');
});

test('nothing that does not verify is written', async () => {
  const wrong = await cat('wrong');
  assert.equal(wrong.content, 'aaa');
  assert.equal((wrong.error as { code?: string }).code, 'content-damaged');
});
