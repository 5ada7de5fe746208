/** A store that lost or garbled something: what is hurt is named, everything else is restored. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BytePath } from '../../../contract/byte-path.ts';
import { encodeEntry } from '../../../contract/entry.ts';
import { planRestore, type RestoreReport, restore } from '../../../host-agent/restore.ts';
import type { ObjectStore } from '../../../store/port.ts';
import { faultyStore } from '../../helpers/faulty-store.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun, type WrittenRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();

const ATTRIBUTES = { root: '/', type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: '0.000000000' } as const;

/** `a`, `b` and `c` in a part each, a file and its second name in the first two of them, and one that needs none. */
async function threeParts(): Promise<WrittenRun> {
  const made = new SyntheticRun(host);
  const a = made.chunk(Buffer.from('aaa'));
  made.nextPart();
  const b = made.chunk(Buffer.from('bbb'));
  made.nextPart();
  const c = made.chunk(Buffer.from('ccc'));
  const both = { link: 'd/ab' as BytePath, ...made.contentOf([a, b]) };
  made.directory('d');
  made.add({ path: 'd/a' as BytePath, ...made.contentOf([a]) });
  made.add({ path: 'd/b' as BytePath, ...made.contentOf([b]) });
  made.add({ path: 'd/c' as BytePath, ...made.contentOf([c]) });
  made.add({ path: 'd/ab' as BytePath, ...both });
  made.add({ path: 'd/ab2' as BytePath, ...both });
  made.file('d/empty', '');
  return made.write();
}

async function restored(written: WrittenRun, sandbox: Sandbox, store?: ObjectStore): Promise<RestoreReport> {
  const reader = await host.open(written.run, store);
  const plan = await planRestore(reader, []);
  return restore({ reader, plan, target: sandbox.target });
}

const damages: Record<string, { damage: (key: string, other: string) => unknown; code: string }> = {
  missing: { damage: (key) => host.store.remove(key), code: 'store-absent' },
  cold: { damage: (key) => host.store.setCold(key, true), code: 'store-cold' },
  'one bit other': { damage: (key) => alter(key, flip), code: 'object-damaged' },
  'cut short': { damage: (key) => alter(key, (bytes) => bytes.subarray(0, -1)), code: 'object-damaged' },
  'a byte longer': {
    damage: (key) => alter(key, (bytes) => Buffer.concat([bytes, Buffer.of(0)])),
    code: 'object-damaged',
  },
  empty: { damage: (key) => alter(key, () => Buffer.alloc(0)), code: 'object-damaged' },
  'another part': { damage: async (key, other) => replace(key, await read(other)), code: 'object-damaged' },
};

for (const [name, { damage, code }] of Object.entries(damages)) {
  test(`a part that is ${name} costs the files with content in it`, async () => {
    using sandbox = new Sandbox();
    const written = await threeParts();
    const [, hurt = '', other = ''] = written.dataKeys;
    await damage(hurt, other);
    const report = await restored(written, sandbox);
    assert.deepEqual(sandbox.tree(), { d: 'd', 'd/a': 'f aaa', 'd/c': 'f ccc', 'd/empty': 'f ' });
    assert.deepEqual(report.errors.map(({ path }) => path).sort(), ['d/ab', 'd/ab2', 'd/b']);
    assert.equal(report.errors.find(({ path }) => path === 'd/b')?.code, code);
    assert.ok(report.errors.find(({ path }) => path === 'd/b')?.message.includes(hurt), 'the object is named');
    assert.equal(report.verified, false);
    assert.equal(report.files, 3);
  });
}

test('when the part is back, the same restore completes', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.file('a', 'aaa');
  made.nextPart();
  made.file('b', 'bbb');
  const written = await made.write();
  const hurt = written.dataKeys[1] ?? '';
  host.store.setCold(hurt, true);
  assert.equal((await restored(written, sandbox)).errors.length, 1);
  host.store.setCold(hurt, false);
  const report = await restored(written, sandbox);
  assert.deepEqual(report.errors, []);
  assert.equal(report.kept, 1);
  assert.deepEqual(sandbox.tree(), { a: 'f aaa', b: 'f bbb' });
});

test('a run that the chain was built on is gone: its files are named', async () => {
  using sandbox = new Sandbox();
  const full = new SyntheticRun(host);
  const old = full.chunk(Buffer.from('old'));
  full.file('x', 'x');
  const written = await full.write();
  const made = new SyntheticRun(host, written);
  made.add({ path: 'old' as BytePath, ...made.contentOf([old]) });
  made.file('new', 'new');
  const next = await made.write();
  host.store.remove(`runs/carcosa/data/${written.run}/manifest.json`);
  const report = await restored(next, sandbox);
  assert.deepEqual(sandbox.tree(), { new: 'f new' });
  assert.deepEqual(
    report.errors.map(({ path, code }) => [path, code]),
    [['old', 'store-absent']],
  );
});

test('a damaged listing part costs the entries in it', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  for (let i = 10; i < 40; i++) made.file(`f${i}`, `${i}`);
  const written = await made.write({ linesAChunk: 5, chunksAPart: 2 });
  assert.equal(written.metaKeys.length, 3);
  await alter(written.metaKeys[1] ?? '', flip);
  const report = await restored(written, sandbox);
  assert.equal(report.files, 20);
  assert.equal(sandbox.tree().f20, undefined);
  assert.equal(sandbox.tree().f30, 'f 30');
  assert.deepEqual(
    report.errors.map(({ path, code }) => [path, code]),
    [
      ['f20', 'object-damaged'],
      ['f25', 'object-damaged'],
    ],
  );
  const reader = await host.open(written.run);
  const plan = await planRestore(reader, ['f11', 'f22'] as BytePath[]);
  assert.equal(plan.summary.files, 1);
  assert.equal(plan.problems.length, 1, 'what may have been there is not called absent');
});

test('locations that went lost with a listing part are noticed', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const at = made.chunk(Buffer.from('x'));
  const many = { path: 'many' as BytePath, ...made.contentOf(Array.from({ length: 5000 }, () => at)) };
  const [first = '', more = ''] = encodeEntry({ ...ATTRIBUTES, ...many }).match(/.*\n/g) ?? [];
  made.file('a', 'a');
  made.addLine('many', first);
  made.addLine('many', more);
  made.file('z', 'z');
  const written = await made.write({ linesAChunk: 1, chunksAPart: 1 });
  const before = await restored(written, sandbox);
  assert.deepEqual(before.errors, []);
  assert.equal(sandbox.read('many').length, 5000);

  using damaged = new Sandbox();
  await alter(written.metaKeys[2] ?? '', flip);
  const report = await restored(written, damaged);
  assert.deepEqual(damaged.tree(), { a: 'f a', z: 'f z' });
  assert.deepEqual(new Set(report.errors.map(({ path, code }) => `${code} ${path}`)), new Set(['object-damaged many']));

  using halved = new Sandbox();
  await alter(written.metaKeys[1] ?? '', flip);
  assert.deepEqual((await restored(written, halved)).files, 2, 'the rest of a lost entry belongs to nobody');
});

test('a store that fails altogether ends the restore, and leaves nothing half done', async () => {
  using sandbox = new Sandbox();
  const written = await threeParts();
  const store = faultyStore(host.store, {
    faults: [{ operation: 'get', key: /\/000001-/, does: 'fail', code: 'store-transient' }],
  });
  await assert.rejects(restored(written, sandbox, store), { code: 'store-transient' });
  assert.deepEqual(
    Object.keys(sandbox.tree()).filter((name) => name.includes('offsite')),
    [],
  );
});

test('every part is fetched once, and none where nothing of it is wanted', async () => {
  using sandbox = new Sandbox();
  const written = await threeParts();
  const store = faultyStore(host.store);
  const reader = await host.open(written.run, store);
  const plan = await planRestore(reader, ['d/ab', 'd/b'] as BytePath[]);
  await restore({ reader, plan, target: sandbox.target });
  const fetched = store.calls.filter(({ operation, key }) => operation === 'get' && key.startsWith('data/'));
  assert.deepEqual(fetched.map(({ key }) => key).sort(), written.dataKeys.slice(0, 2));
});

async function read(key: string): Promise<Buffer> {
  return (await host.store.get(key)).body;
}

const replace = (key: string, bytes: Buffer) => host.store.overwrite(key, bytes);

async function alter(key: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  replace(key, change(await read(key)));
}

/** One bit in the encrypted content. */
function flip(bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  const place = bytes.length - 30;
  flipped[place] = (flipped[place] ?? 0) ^ 1;
  return flipped;
}
