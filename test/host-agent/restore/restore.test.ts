import assert from 'node:assert/strict';
import { linkSync, lstatSync, readFileSync, rmSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { type BytePath, pathToBytes } from '../../../contract/byte-path.ts';
import { planRestore, restore } from '../../../host-agent/restore.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();

async function restored(made: SyntheticRun, sandbox: Sandbox, options: { paths?: string[]; workers?: number } = {}) {
  const { run } = await made.write();
  const reader = await host.open(run);
  const plan = await planRestore(reader, (options.paths ?? []) as BytePath[]);
  const { workers = 0 } = options;
  return restore({ reader, plan, target: sandbox.target, workers, accounts: NOBODY });
}

const NOBODY = { user: new Map(), group: new Map() };

const filled = (length: number, seed: number) => Buffer.alloc(length, `${seed} `);

for (const workers of [0, 2]) {
  test(`content of every shape, with ${workers} workers`, async () => {
    using sandbox = new Sandbox();
    const made = new SyntheticRun(host);
    made.file('empty', '');
    made.file('one', 'x');
    const [a, b, c] = [filled(300_000, 1), filled(4 * 2 ** 20, 2), filled(256 * 1024, 3)];
    made.file('chunks', [a, b]);
    made.nextPart();
    const grouped = made.group(Buffer.from('first'), Buffer.from('second'), Buffer.from('third'));
    for (const [i, location] of grouped.entries())
      made.add({ path: `grouped-${i}` as BytePath, ...made.contentOf([location]) });
    const shared = made.chunk(c);
    made.nextPart();
    const last = made.chunk(Buffer.from('end'));
    // Chunks of two parts, the later part first, and one of them twice.
    made.add({ path: 'across' as BytePath, ...made.contentOf([last, shared, last, ...grouped]) });
    made.add({ path: 'shared' as BytePath, ...made.contentOf([shared]) });
    for (let i = 0; i < 200; i++) made.add({ path: `many-${i}` as BytePath, ...made.contentOf([shared, last]) });
    const report = await restored(made, sandbox, { workers });
    assert.deepEqual(report.errors, []);
    assert.equal(report.verified, true);
    assert.equal(report.files, 208);
    assert.equal(sandbox.read('empty'), '');
    assert.equal(sandbox.read('one'), 'x');
    assert.ok(readFileSync(sandbox.path('chunks')).equals(Buffer.concat([a, b])));
    assert.equal(sandbox.read('grouped-1'), 'second');
    assert.equal(sandbox.read('across'), `end${c}endfirstsecondthird`);
    assert.equal(sandbox.read('many-199'), `${c}end`);
    assert.equal(Object.keys(sandbox.tree()).length, 208, 'no temporary file is left');
  });
}

test('chunks of an earlier run of the chain', async () => {
  using sandbox = new Sandbox();
  const full = new SyntheticRun(host);
  const old = full.chunk(Buffer.from('old '));
  full.file('x', 'x');
  const written = await full.write();
  const made = new SyntheticRun(host, written);
  made.add({ path: 'f' as BytePath, ...made.contentOf([old, made.chunk(Buffer.from('new'))]) });
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  assert.deepEqual(sandbox.tree(), { f: 'f old new' });
});

test('sparse files keep their holes', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const size = 64 * 2 ** 20;
  const data: [number, number][] = [
    [4096, 6],
    [1_000_000, 4],
    [size - 4096, 2],
  ];
  made.file('sparse', [Buffer.from('abcdefGH'), Buffer.from('IJzz')], { size, data });
  made.add({ path: 'hole' as BytePath, size: 10_000_000, data: [] });
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  const content = readFileSync(sandbox.path('sparse'));
  const expected = Buffer.alloc(size);
  expected.write('abcdef', 4096);
  expected.write('GHIJ', 1_000_000);
  expected.write('zz', size - 4096);
  assert.ok(content.equals(expected));
  assert.ok(statSync(sandbox.path('sparse')).blocks * 512 < 1_000_000);
  assert.equal(statSync(sandbox.path('hole')).size, 10_000_000);
  assert.equal(statSync(sandbox.path('hole')).blocks, 0);
});

test('hard links, also where the first name is not selected', async () => {
  const made = new SyntheticRun(host);
  const content = made.contentOf([made.chunk(Buffer.from('linked'))]);
  const link = 'a/first' as BytePath;
  for (const directory of ['a', 'b', 'c']) made.directory(directory);
  for (const path of ['a/first', 'b/second', 'b/third', 'c/fourth'])
    made.add({ path: path as BytePath, link, ...content });
  const { run } = await made.write();
  for (const paths of [[], ['b', 'c']]) {
    using sandbox = new Sandbox();
    const reader = await host.open(run);
    const plan = await planRestore(reader, paths as BytePath[]);
    const report = await restore({ reader, plan, target: sandbox.target, accounts: NOBODY });
    assert.deepEqual(report.errors, []);
    assert.equal(report.bytes, 6);
    const names =
      paths.length === 0 ? ['a/first', 'b/second', 'b/third', 'c/fourth'] : ['b/second', 'b/third', 'c/fourth'];
    assert.equal(report.files, names.length);
    const inodes = new Set(names.map((name) => statSync(sandbox.path(name)).ino));
    assert.equal(inodes.size, 1);
    assert.equal(sandbox.read('c/fourth'), 'linked');
    assert.equal(statSync(sandbox.path('c/fourth')).nlink, names.length);
  }
});

test('a member of a hard link group with other content is not linked', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const link = 'a' as BytePath;
  made.file('a', 'one', { link });
  made.file('b', 'two', { link });
  const report = await restored(made, sandbox);
  assert.deepEqual(sandbox.tree(), { a: 'f one' });
  assert.deepEqual(
    report.errors.map(({ path, code }) => [path, code]),
    [['b', 'listing-invalid']],
  );
});

test('names that are not UTF-8, with newlines, of 255 bytes, deep and long', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const names = ['\xff\xfe\x80', 'new\nline', 'x'.repeat(255), '\xc3\xa4'.repeat(127), ' ', '-rf', '\\'];
  for (const [i, name] of names.entries()) made.file(name, `content ${i}`);
  const deep = Array.from({ length: 150 }, (_, i) => `d${i}`).join('/');
  const long = `${'y'.repeat(250)}/`.repeat(15);
  made.file(`${deep}/bottom`, 'deep');
  made.file(`${long}bottom`, 'long');
  made.symlink('\xfflink', 'x');
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  const tree = sandbox.tree();
  for (const [i, name] of names.entries()) assert.equal(tree[name], `f content ${i}`);
  assert.equal(tree[`${deep}/bottom`], 'f deep');
  assert.equal(tree[`${long}bottom`], 'f long');
  assert.ok(
    lstatSync(Buffer.concat([Buffer.from(`${sandbox.target}/`), pathToBytes('\xfflink' as BytePath)])).isSymbolicLink(),
  );
});

test('only what was asked for, with the directories above it', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.directory('etc', { mode: 0o711 });
  made.file('etc/hosts', 'hosts');
  made.file('etc/hosts.allow', 'no');
  made.directory('etc/ssh', { mode: 0o750, mtime: '1600000000.000000000' });
  made.file('etc/ssh/config', 'config');
  made.directory('var', { mode: 0o700 });
  made.file('var/big', [filled(1000, 1)]);
  const report = await restored(made, sandbox, { paths: ['/etc/ssh/', 'etc/hosts', 'etc/ssh/config'] });
  assert.deepEqual(sandbox.tree(), { etc: 'd', 'etc/hosts': 'f hosts', 'etc/ssh': 'd', 'etc/ssh/config': 'f config' });
  assert.equal(report.files, 2);
  assert.equal(report.directories, 1);
  assert.equal(statSync(sandbox.path('etc')).mode & 0o7777, 0o711);
  assert.equal(statSync(sandbox.path('etc/ssh')).mode & 0o7777, 0o750);
  assert.equal(statSync(sandbox.path('etc/ssh')).mtimeMs, 1_600_000_000_000);
});

test('directories above a selected path that are there already stay as they are', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.directory('etc', { mode: 0o711, mtime: '1600000000.000000000' });
  made.file('etc/a', 'a');
  made.file('etc/b', 'b');
  await restored(made, sandbox);
  rmSync(sandbox.path('etc/b'));
  linkSync(sandbox.path('etc/a'), sandbox.path('etc/mine'));
  const again = new SyntheticRun(host);
  again.directory('etc', { mode: 0o700 });
  again.file('etc/b', 'b');
  await restored(again, sandbox, { paths: ['etc/b'] });
  assert.equal(statSync(sandbox.path('etc')).mode & 0o7777, 0o711);
  assert.deepEqual(sandbox.tree(), { etc: 'd', 'etc/a': 'f a', 'etc/b': 'f b', 'etc/mine': 'f a' });
});

test('a path that is not in the run fails before anything is written, and all of them are named', async () => {
  const made = new SyntheticRun(host);
  made.file('a', 'a');
  const { run } = await made.write();
  const reader = await host.open(run);
  const paths = ['b', 'a', 'a/x', '../etc'] as BytePath[];
  await assert.rejects(planRestore(reader, paths), { code: 'path-not-found', message: /: \.\.\/etc, a\/x, b$/ });
});

test('what the host could not read', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.add({ path: 'unread' as BytePath, size: 10, error: 'EACCES' });
  made.file('stale', 'older', { error: 'EIO', stale: true });
  made.directory('closed', { error: 'EACCES' });
  made.file('log', 'moving', { unstable: true });
  const report = await restored(made, sandbox);
  assert.deepEqual(sandbox.tree(), { closed: 'd', log: 'f moving', stale: 'f older' });
  assert.equal(report.verified, false);
  assert.deepEqual(
    report.errors.map(({ path, code }) => [path, code]),
    [
      ['closed', 'restore-incomplete'],
      ['stale', 'restore-incomplete'],
      ['unread', 'restore-incomplete'],
    ],
  );
});

test('a plan can be printed, and says what is cold', async () => {
  const made = new SyntheticRun(host);
  made.directory('d');
  made.file('d/a', 'aaa');
  made.nextPart();
  made.file('d/b', 'bb');
  made.symlink('d/l', 'a');
  const { run, dataKeys } = await made.write();
  host.store.setCold(dataKeys[1] ?? '', true);
  const reader = await host.open(run);
  const { summary, parts } = await planRestore(reader, [], { askStore: true });
  const { files, directories, symlinks, bytes, coldParts } = summary;
  assert.deepEqual(
    { files, directories, symlinks, bytes, coldParts },
    { files: 2, directories: 1, symlinks: 1, bytes: 5, coldParts: 1 },
  );
  assert.deepEqual(
    parts.map(({ problem }) => problem?.code ?? null),
    [null, 'store-cold'],
  );
  assert.equal(JSON.parse(JSON.stringify(summary)).parts, 2);
});

test('a target that cannot be made', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.file('a', 'a');
  const { run } = await made.write();
  const reader = await host.open(run);
  const plan = await planRestore(reader, []);
  const target = `${sandbox.outside}/precious/target`;
  await assert.rejects(restore({ reader, plan, target }), { code: 'target-unusable' });
  assert.ok(sandbox.isOutsideUntouched);
});
