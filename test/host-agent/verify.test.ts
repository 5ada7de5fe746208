import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BytePath } from '../../contract/byte-path.ts';
import { Verified, type VerifyReport, verifyRun } from '../../host-agent/verify.ts';
import type { ObjectStore } from '../../store/port.ts';
import { openStore } from '../../store/wire.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { publish } from '../helpers/restore-process.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun, type WrittenRun } from '../helpers/synthetic-run.ts';

type Level = 'objects' | 'listing' | 'content';

interface Chain {
  readonly host: SyntheticHost;
  readonly full: WrittenRun;
  readonly incremental: WrittenRun;
}

/** A full with `a` and `gone` in a part each, and an incremental that has `a` still, and `b` with a second name. */
async function chain(): Promise<Chain> {
  const host = await SyntheticHost.make();
  const first = new SyntheticRun(host);
  const a = first.chunk(Buffer.from('aaa'));
  first.nextPart();
  first.file('gone', 'gone');
  first.add({ path: 'a' as BytePath, ...first.contentOf([a]) });
  const full = await first.write();
  const second = new SyntheticRun(host, full);
  second.add({ path: 'a' as BytePath, ...second.contentOf([a]) });
  const b = { link: 'b' as BytePath, ...second.contentOf([second.chunk(Buffer.from('bbb')), a]) };
  second.add({ path: 'b' as BytePath, ...b });
  second.add({ path: 'b2' as BytePath, ...b });
  second.nextPart();
  second.chunk(Buffer.from('named by no entry'));
  second.add({ path: 'unread' as BytePath, size: 3, error: 'EACCES' });
  return { host, full, incremental: await second.write() };
}

async function verify(
  { host }: Chain,
  { run }: WrittenRun,
  level: Level,
  { store = host.store, verified }: { store?: ObjectStore; verified?: Verified } = {},
): Promise<VerifyReport> {
  const manifests = host.manifests(store);
  const signed = await manifests.read({ prefix: 'carcosa', set: 'data', run });
  const withKey = level === 'objects' ? {} : { reader: await host.open(run, store), readData: level === 'content' };
  return verifyRun({ store, manifests, signed, ...withKey, ...(verified === undefined ? {} : { verified }) });
}

const LEVELS: Level[] = ['objects', 'listing', 'content'];

for (const level of LEVELS) {
  test(`a whole run verifies: ${level}`, async () => {
    const made = await chain();
    const report = await verify(made, made.incremental, level);
    assert.deepEqual(report.errors, []);
    assert.equal(report.verified, true);
    assert.equal(report.level, level);
    assert.equal(report.files, level === 'objects' ? null : 3);
    assert.equal(report.unread, level === 'objects' ? null : 1);
    // Index, listing, key object and two parts; of the full one part, or all its five objects.
    assert.equal(report.objects, level === 'objects' ? 10 : 6);
    assert.equal(JSON.parse(JSON.stringify(report)).verified, true);
  });

  test(`a store that knows no hashes is read: ${level}`, async () => {
    using sandbox = new Sandbox();
    const made = await chain();
    const { store: url } = await publish(made.host, `${sandbox.root}/store`);
    const report = await verify(made, made.incremental, level, { store: await openStore(url) });
    assert.deepEqual(report.errors, []);
  });

  test(`a changed part that files need is found: ${level}`, async () => {
    const made = await chain();
    const [key = ''] = made.full.dataKeys;
    const { body } = await made.host.store.get(key);
    body[body.length - 30] = (body.at(-30) ?? 0) ^ 1;
    made.host.store.overwrite(key, body);
    const report = await verify(made, made.incremental, level);
    assert.equal(report.verified, false);
    assert.deepEqual(
      report.errors.map(({ object, code }) => [object, code]),
      [[key, 'object-damaged']],
    );
    assert.deepEqual(report.errors[0]?.files, level === 'objects' ? [] : ['a', 'b', 'b2']);
  });

  test(`a missing part of an older run that no file needs any more: ${level}`, async () => {
    const made = await chain();
    made.host.store.remove(made.full.dataKeys[1] ?? '');
    const report = await verify(made, made.incremental, level);
    assert.equal(report.verified, level !== 'objects');
  });

  test(`every object of the run counts, also one that no entry names: ${level}`, async () => {
    const made = await chain();
    for (const [key] of [...made.incremental.manifest.objects]) {
      const damaged = await chain();
      const place = made.incremental.manifest.objects.findIndex(([one]) => one === key);
      const same = damaged.incremental.manifest.objects[place]?.[0] ?? '';
      damaged.host.store.remove(same);
      const report = await verify(damaged, damaged.incremental, level);
      assert.ok(
        report.errors.some(({ object, code }) => object === same && code === 'store-absent'),
        `${level} ${key}`,
      );
    }
    const [, keyObject] = made.incremental.manifest.keyObjects[0] ?? [];
    made.host.store.remove(keyObject ?? '');
    const report = await verify(made, made.incremental, level);
    assert.deepEqual(
      report.errors.map(({ object }) => object),
      [keyObject],
    );
  });

  test(`the manifest that the run was built on is missing: ${level}`, async () => {
    const made = await chain();
    const key = `runs/carcosa/data/${made.full.run}/manifest.json`;
    made.host.store.remove(key);
    const report = await verify(made, made.incremental, level);
    assert.equal(report.verified, false);
    if (level === 'objects')
      assert.deepEqual(
        report.errors.map(({ object }) => object),
        [key],
      );
    else
      assert.deepEqual(
        report.errors.map(({ code, files }) => [code, files]),
        [['store-absent', ['a', 'b', 'b2']]],
      );
  });
}

test('only reading the data finds a chunk that is not what the listing says', async () => {
  const host = await SyntheticHost.make();
  const made = new SyntheticRun(host);
  const at = made.chunk(Buffer.from('content'));
  made.add({ path: 'wrong' as BytePath, ...made.contentOf([{ ...at, digest: `${'A'.repeat(43)}=` }]) });
  made.add({ path: 'right' as BytePath, ...made.contentOf([at]) });
  const written = await made.write();
  const world = { host, full: written, incremental: written };
  assert.equal((await verify(world, written, 'listing')).verified, true);
  const report = await verify(world, written, 'content');
  assert.deepEqual(
    report.errors.map(({ object, code, files }) => ({ object, code, files })),
    [{ object: written.dataKeys[0], code: 'content-damaged', files: ['wrong'] }],
  );
});

test('a listing that contradicts itself is found with the key', async () => {
  const host = await SyntheticHost.make();
  const made = new SyntheticRun(host);
  made.file('../escape', 'x');
  made.file('short', 'x', { size: 5 });
  const written = await made.write();
  const report = await verify({ host, full: written, incremental: written }, written, 'listing');
  assert.deepEqual(
    report.errors.map(({ code, files }) => [code, files]),
    [
      ['unsafe-path', ['../escape']],
      ['listing-invalid', ['short']],
    ],
  );
});

test('a key object that holds another key than the parts', async () => {
  const made = await chain();
  const other = await chain();
  const [attempt, key, size, sha] = made.incremental.manifest.keyObjects[0] ?? [1, '', 0, ''];
  assert.equal(attempt, 1);
  assert.ok(size > 0 && sha.length === 64);
  const reader = await made.host.open(made.incremental.run);
  const session = await reader.openKeyObject([attempt, key, size, sha]);
  const line = made.incremental.manifest.objects[0];
  assert.ok(line);
  const { sessionKey } = await reader.fetch(made.incremental.manifest, line);
  assert.ok(session.reveal().equals(sessionKey.reveal()));
  const foreign = other.incremental.manifest.keyObjects[0] ?? [1, '', 0, ''];
  made.host.store.overwrite(key, (await other.host.store.get(foreign[1])).body);
  await assert.rejects(reader.openKeyObject([attempt, key, foreign[2], foreign[3]]), { code: 'part-damaged' });
});

test('the runs of a chain share what was found out', async () => {
  const made = await chain();
  for (const level of ['objects', 'content'] as const) {
    const store = faultyStore(made.host.store);
    const verified = new Verified();
    await verify(made, made.full, level, { store, verified });
    const before = store.calls.length;
    await verify(made, made.incremental, level, { store, verified });
    const again = store.calls.slice(before).map(({ key }) => key);
    for (const key of made.full.dataKeys) assert.ok(!again.includes(key), `${level} ${key}`);
  }
});

test('a store that fails is no damage', async () => {
  const made = await chain();
  const store = faultyStore(made.host.store, {
    faults: [{ key: /^data\//, does: 'fail', code: 'store-transient', times: 100 }],
  });
  for (const level of LEVELS) {
    await assert.rejects(verify(made, made.incremental, level, { store }), { code: 'store-transient' });
  }
});
