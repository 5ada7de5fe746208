/** Targets that are not empty: what is the same counts, what differs is kept unless it is to be overwritten. */

import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import type { BytePath } from '../../../contract/byte-path.ts';
import { isLeftOver, TemporaryNames } from '../../../host-agent/restore/temporary-names.ts';
import { planRestore, type RestoreReport, restore } from '../../../host-agent/restore.ts';
import { faultyStore } from '../../helpers/faulty-store.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun, type WrittenRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();

async function sampleRun(): Promise<WrittenRun> {
  const made = new SyntheticRun(host);
  made.directory('d', { mode: 0o750, mtime: '1500000000.000000000' });
  const linked = made.contentOf([made.chunk(Buffer.from('linked'))]);
  made.add({ path: 'd/l1' as BytePath, link: 'd/l1' as BytePath, ...linked });
  made.add({ path: 'd/l2' as BytePath, link: 'd/l1' as BytePath, ...linked });
  made.file('d/a', 'content', { mode: 0o640, mtime: '1600000000.000000000' });
  made.file('d/chunks', [Buffer.from('first'), Buffer.from('second')]);
  made.file('d/empty', '');
  made.file('d/sparse', [Buffer.from('data')], { size: 10_000, data: [[5000, 4]] });
  made.symlink('d/link', 'a');
  made.add({ path: 'd/pipe' as BytePath, type: 'fifo', mode: 0o622 });
  return made.write();
}

const run = await sampleRun();

async function restored(sandbox: Sandbox, overwrite = false): Promise<RestoreReport & { fetched: number }> {
  const store = faultyStore(host.store);
  const reader = await host.open(run.run, store);
  const plan = await planRestore(reader, []);
  const report = await restore({ reader, plan, target: sandbox.target, overwrite });
  const fetched = store.calls.filter(({ operation, key }) => operation === 'get' && key.startsWith('data/')).length;
  return { ...report, fetched };
}

for (const overwrite of [false, true]) {
  test(`everything is there already${overwrite ? ', and may be overwritten' : ''}: nothing is fetched`, async () => {
    using sandbox = new Sandbox();
    await restored(sandbox);
    const before = sandbox.tree();
    const inode = statSync(sandbox.path('d/a')).ino;
    chmodSync(sandbox.path('d/a'), 0o777);
    utimesSync(sandbox.path('d/a'), 1, 1);
    chmodSync(sandbox.path('d'), 0o700);
    const report = await restored(sandbox, overwrite);
    assert.deepEqual(report.errors, []);
    assert.equal(report.verified, true);
    assert.equal(report.fetched, 0);
    assert.equal(report.files, 6);
    assert.deepEqual(sandbox.tree(), before);
    assert.equal(statSync(sandbox.path('d/a')).ino, inode, 'the file itself is kept');
    assert.equal(statSync(sandbox.path('d/a')).mode & 0o7777, 0o640, 'attributes are set');
    assert.equal(statSync(sandbox.path('d/a')).mtimeMs, 1_600_000_000_000);
    assert.equal(statSync(sandbox.path('d')).mode & 0o7777, 0o750);
    assert.equal(statSync(sandbox.path('d')).mtimeMs, 1_500_000_000_000);
  });
}

const changes: Record<string, (sandbox: Sandbox) => void> = {
  'd/a': (sandbox) => writeFileSync(sandbox.path('d/a'), 'CONTENT'),
  'd/chunks': (sandbox) => writeFileSync(sandbox.path('d/chunks'), 'firstSECOND'),
  'd/empty': (sandbox) => writeFileSync(sandbox.path('d/empty'), 'x'),
  'd/sparse': (sandbox) => writeFileSync(sandbox.path('d/sparse'), 'x', { flag: 'r+' }),
  'd/link': (sandbox) => replaceBy(sandbox, 'd/link', (path) => symlinkSync('elsewhere', path)),
  'd/pipe': (sandbox) => replaceBy(sandbox, 'd/pipe', (path) => writeFileSync(path, 'no pipe')),
  'd/l2': (sandbox) => replaceBy(sandbox, 'd/l2', (path) => writeFileSync(path, 'other')),
};

function replaceBy(sandbox: Sandbox, name: string, make: (path: string) => void): void {
  sandbox.remove(name);
  make(sandbox.path(name));
}

for (const [name, change] of Object.entries(changes)) {
  test(`${name} differs`, async () => {
    using sandbox = new Sandbox();
    await restored(sandbox);
    const whole = sandbox.tree();
    change(sandbox);
    const changed = sandbox.tree();
    const kept = await restored(sandbox);
    assert.deepEqual(
      kept.errors.map(({ path, code }) => [path, code]),
      [[name, 'target-exists']],
    );
    assert.equal(kept.verified, false);
    assert.deepEqual(sandbox.tree(), changed);
    const replaced = await restored(sandbox, true);
    assert.deepEqual(replaced.errors, []);
    assert.deepEqual(sandbox.tree(), whole);
  });
}

test('a file of another size is not even read', async () => {
  using sandbox = new Sandbox();
  await restored(sandbox);
  truncateSync(sandbox.path('d/a'), 2 ** 40);
  const report = await restored(sandbox, true);
  assert.deepEqual(report.errors, []);
  assert.equal(sandbox.read('d/a'), 'content');
});

test('the first name of a file with several differs', async () => {
  using sandbox = new Sandbox();
  await restored(sandbox);
  replaceBy(sandbox, 'd/l1', (path) => writeFileSync(path, 'other!'));
  const kept = await restored(sandbox);
  assert.deepEqual(kept.errors.map(({ path }) => path).sort(), ['d/l1', 'd/l2']);
  await restored(sandbox, true);
  assert.equal(statSync(sandbox.path('d/l1')).ino, statSync(sandbox.path('d/l2')).ino);
});

test('a second name that is a file of its own counts by its content, and is reported', async () => {
  using sandbox = new Sandbox();
  await restored(sandbox);
  replaceBy(sandbox, 'd/l2', (path) => writeFileSync(path, 'linked'));
  const report = await restored(sandbox);
  assert.deepEqual(report.errors, []);
  assert.deepEqual(report.notSet, [{ what: 'hard-link', count: 1 }]);
});

test('a directory in the place of a file is never removed', async () => {
  using sandbox = new Sandbox();
  mkdirSync(sandbox.path('d/a/mine'), { recursive: true });
  mkdirSync(sandbox.path('d/link'));
  mkdirSync(sandbox.path('d/l2'));
  for (const overwrite of [false, true]) {
    const report = await restored(sandbox, overwrite);
    assert.deepEqual(report.errors.map(({ path, code }) => `${code} ${path}`).sort(), [
      'target-exists d/a',
      'target-exists d/l2',
      'target-exists d/link',
    ]);
  }
  assert.equal(sandbox.tree()['d/a/mine'], 'd');
});

test('whatever else is in the target stays', async () => {
  using sandbox = new Sandbox();
  mkdirSync(sandbox.path('d'), { recursive: true });
  writeFileSync(sandbox.path('d/mine'), 'mine');
  writeFileSync(sandbox.path('.offsite-restore-mine'), 'mine too');
  await restored(sandbox, true);
  assert.equal(sandbox.read('d/mine'), 'mine');
  assert.equal(sandbox.read('.offsite-restore-mine'), 'mine too');
});

test('what a killed restore left behind is removed, what a running one writes is not', async () => {
  using sandbox = new Sandbox();
  mkdirSync(sandbox.path('d'), { recursive: true });
  const dead = '.offsite-restore-4194303-12-0123456789abcdef-1f';
  const alive = `.offsite-restore-${process.pid}--0123456789abcdef-0`;
  for (const name of [dead, `d/${dead}`, alive]) writeFileSync(sandbox.path(name), 'half');
  const report = await restored(sandbox);
  assert.deepEqual(report.errors, []);
  assert.deepEqual(readdirSync(sandbox.target).sort(), [alive, 'd']);
  assert.ok(!readdirSync(sandbox.path('d')).includes(dead));
});

test('a directory that a killed restore left behind is removed with all in it, and no link in it is followed', async () => {
  using sandbox = new Sandbox();
  const dead = '.offsite-restore-4194303-12-0123456789abcdef-2';
  const alive = `.offsite-restore-${process.pid}--0123456789abcdef-1`;
  mkdirSync(sandbox.path(`${dead}/below`), { recursive: true });
  mkdirSync(sandbox.path(alive));
  writeFileSync(sandbox.path(`${dead}/below/half`), 'half');
  symlinkSync(sandbox.outside, sandbox.path(`${dead}/below/link`));
  const report = await restored(sandbox);
  assert.deepEqual(report.errors, []);
  assert.deepEqual(readdirSync(sandbox.target).sort(), [alive, 'd']);
  assert.ok(sandbox.isOutsideUntouched);
});

test('what a restore in another container or on another machine makes is left alone: whether it runs cannot be told', () => {
  const [mine] = [new TemporaryNames().next()];
  assert.equal(isLeftOver(mine.replace(/restore-\d+-/, 'restore-4194303-')), true, 'dead here');
  assert.equal(isLeftOver(mine), false);
  assert.equal(isLeftOver('.offsite-restore-4194303-12-00000000-0123456789abcdef-2'), false);
});

test('what appears in the place of a directory is kept, and all else of it is restored beside it', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.directory('d', { mode: 0o750 });
  for (const name of ['a', 'b', 'c', 'e']) made.file(`d/${name}`, `content of ${name}`, { mode: 0o640 });
  made.directory('d/sub', { mode: 0o711 });
  made.file('d/sub/x', 'below');
  made.symlink('d/sub/y', 'x');
  const written = await made.write();
  const racing = faultyStore(host.store);
  const reader = await host.open(written.run, {
    ...racing,
    get: (key, options) => {
      if (key.startsWith('data/')) writeFileSync(sandbox.path('d/b'), 'faster');
      return racing.get(key, options);
    },
  });
  const report = await restore({ reader, plan: await planRestore(reader, []), target: sandbox.target });
  assert.deepEqual(
    report.errors.map(({ path, code }) => [path, code]),
    [['d/b', 'target-exists']],
  );
  assert.equal(report.files, 4, 'the one that was in vain does not count');
  assert.equal(sandbox.read('d/b'), 'faster');
  assert.equal(sandbox.read('d/sub/y'), 'below');
  assert.equal(lstatSync(sandbox.path('d/a')).nlink, 1);
  assert.equal(statSync(sandbox.path('d/sub')).mode & 0o7777, 0o711);
  assert.equal(statSync(sandbox.path('d')).mode & 0o7777, 0o750);
  assert.deepEqual(readdirSync(sandbox.target), ['d']);
});

test('an existing file is kept though it appears only while the restore runs', async () => {
  using sandbox = new Sandbox();
  const reader = await host.open(run.run);
  const plan = await planRestore(reader, []);
  const racing = faultyStore(host.store);
  const open = await host.open(run.run, {
    ...racing,
    get: (key, options) => {
      if (key.startsWith('data/')) writeFileSync(sandbox.path('d/a'), 'faster');
      return racing.get(key, options);
    },
  });
  const report = await restore({ reader: open, plan, target: sandbox.target });
  assert.deepEqual(
    report.errors.map(({ path, code }) => [path, code]),
    [['d/a', 'target-exists']],
  );
  assert.equal(sandbox.read('d/a'), 'faster');
  assert.equal(lstatSync(sandbox.path('d/a')).nlink, 1);
});
