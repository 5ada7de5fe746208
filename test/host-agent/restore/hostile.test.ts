/** Listings that no agent writes. They are signed and verify, and must not do harm all the same. */

import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import type { BytePath } from '../../../contract/byte-path.ts';
import { encodeEntry } from '../../../contract/entry.ts';
import { planRestore, type RestoreReport, restore } from '../../../host-agent/restore.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { frameOf, SyntheticHost, SyntheticRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();

interface Options {
  paths?: string[];
  isSorted?: boolean;
  overwrite?: boolean;
  linesAChunk?: number;
}

async function restored(made: SyntheticRun, sandbox: Sandbox, options: Options = {}): Promise<RestoreReport> {
  const { isSorted = true, linesAChunk = 100, overwrite = false } = options;
  const { run } = await made.write({ isSorted, linesAChunk });
  const reader = await host.open(run);
  const plan = await planRestore(reader, (options.paths ?? []) as BytePath[]);
  const report = await restore({ reader, plan, target: sandbox.target, overwrite });
  assert.ok(sandbox.isOutsideUntouched, 'something outside the target was touched');
  return report;
}

const codes = (report: RestoreReport) => report.errors.map(({ path, code }) => `${code} ${path}`);

test('paths that lead out of the target are refused one by one', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const unsafe = [
    '../outside/precious',
    'good/../../outside/precious',
    '..',
    '.',
    './x',
    'good/./x',
    'good/',
    'good//x',
    `${sandbox.outside}/precious`,
    '/etc/offsite-was-here',
    'nul\0byte',
    'x'.repeat(256),
    `good/${'y'.repeat(256)}/z`,
    `${'z'.repeat(200)}/`.repeat(21),
    '',
  ];
  for (const path of unsafe) made.file(path, 'hostile');
  made.directory('good');
  made.file('good/file', 'fine');
  const report = await restored(made, sandbox);
  assert.deepEqual(sandbox.tree(), { good: 'd', 'good/file': 'f fine' });
  assert.equal(report.errors.length, unsafe.length);
  assert.deepEqual(new Set(report.errors.map(({ code }) => code)), new Set(['unsafe-path']));
});

test('a path of just below 4096 bytes in all is restored', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const path = `${'d/'.repeat(2040)}file`;
  made.file(path, 'bottom');
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  assert.equal(report.files, 1);
});

test('nothing is written through a symbolic link of the listing', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.symlink('a', sandbox.outside);
  made.file('a/precious', 'overwritten');
  made.directory('a/new');
  made.file('a/new/file', 'planted');
  made.file('b', 'fine');
  made.file('b/c', 'under a file');
  const report = await restored(made, sandbox);
  assert.deepEqual(sandbox.tree(), { a: `l ${sandbox.outside}`, b: 'f fine' });
  assert.deepEqual(codes(report).sort(), [
    'unsafe-path a/new',
    'unsafe-path a/new/file',
    'unsafe-path a/precious',
    'unsafe-path b/c',
  ]);
});

test('the same where the link itself is not what was asked for', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.symlink('a', sandbox.outside);
  made.file('a/b/precious', 'overwritten');
  const report = await restored(made, sandbox, { paths: ['a/b'] });
  assert.deepEqual(sandbox.tree(), {});
  assert.deepEqual(codes(report), ['unsafe-path a/b/precious']);
});

for (const overwrite of [false, true]) {
  test(`a symbolic link planted in the target is not followed${overwrite ? ', and makes way' : ''}`, async () => {
    using sandbox = new Sandbox();
    mkdirSync(sandbox.target);
    symlinkSync(sandbox.outside, sandbox.path('etc'));
    symlinkSync(join(sandbox.outside, 'precious'), sandbox.path('passwd'));
    symlinkSync(join(sandbox.outside, 'new'), sandbox.path('dangling'));
    const made = new SyntheticRun(host);
    made.directory('etc', { mode: 0o777 });
    made.directory('etc/sub');
    made.file('etc/precious', 'overwritten');
    made.file('passwd', 'overwritten');
    made.file('dangling', 'planted');
    const report = await restored(made, sandbox, { overwrite });
    if (overwrite) {
      assert.deepEqual(report.errors, []);
      assert.equal(sandbox.tree()['etc/precious'], 'f overwritten');
      assert.equal(sandbox.tree().passwd, 'f overwritten');
    } else {
      const expected = ['dangling', 'etc', 'etc/precious', 'etc/sub', 'passwd'].map((path) => `target-exists ${path}`);
      assert.deepEqual(codes(report).sort(), expected);
      assert.equal(sandbox.tree().etc, `l ${sandbox.outside}`);
    }
  });
}

test('a hard link group names a path outside', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.file('evil', 'content', { link: '../outside/precious' as BytePath });
  made.file('evil2', 'content', { link: '../outside/precious' as BytePath });
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  assert.deepEqual(sandbox.tree(), { evil: 'f content', evil2: 'f content' });
});

test('symbolic links with impossible targets', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.add({ path: 'none' as BytePath, type: 'symlink' });
  made.symlink('empty', '');
  made.symlink('nul', 'a\0b');
  made.symlink('long', 'x'.repeat(5000));
  made.symlink('outside', '../outside/precious');
  const report = await restored(made, sandbox);
  assert.deepEqual(sandbox.tree(), { outside: 'l ../outside/precious' });
  assert.equal(report.errors.length, 4);
});

test('lines that are out of order, twice, or no lines at all cost only themselves', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.file('b', 'b');
  made.file('a', 'too late');
  made.file('c', 'c');
  made.file('c', 'again');
  made.addLine('d', 'no JSON\n');
  made.addLine('e', '{"path":"e"}\n');
  made.addLine('f', `${JSON.stringify({ more: [[0, 0, 0, 1, 0, 1]] })}\n`);
  made.addLine('g', '\xff\xfe\n');
  made.file('h', 'h');
  const report = await restored(made, sandbox, { isSorted: false });
  assert.deepEqual(sandbox.tree(), { b: 'f b', c: 'f c', h: 'f h' });
  assert.equal(report.verified, false);
  assert.equal(report.errors.length, 5);
});

test('further locations of another entry', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const entry = made.file('a', 'content');
  const more = `${JSON.stringify({ more: [[0, 0, 0, 20, 0, 7]] })}\n`;
  const stolen = new SyntheticRun(host);
  const at = stolen.chunk(Buffer.from('content'));
  stolen.add({ path: 'a' as BytePath, size: 7, hash: entry.hash ?? '', locations: [at] });
  stolen.addLine('b', more);
  stolen.file('c', 'c');
  const report = await restored(stolen, sandbox);
  assert.deepEqual(sandbox.tree(), { c: 'f c' });
  assert.deepEqual(codes(report), ['listing-invalid a']);
});

test('content that contradicts itself', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const at = made.chunk(Buffer.from('content'));
  const good = made.contentOf([at]);
  const two = made.contentOf([at, at]);
  const bad: Record<string, object> = {
    'no-size': { hash: good.hash, locations: good.locations },
    'size-small': { ...good, size: 6 },
    'size-huge': { ...good, size: 2 ** 52 },
    'no-locations': { size: 7, hash: good.hash },
    'no-hash': { size: 7, locations: good.locations },
    'wrong-whole-hash': { ...two, hash: good.hash },
    'no-digests': { ...two, locations: two.locations?.map(({ digest: _, ...rest }) => rest) },
    'extents-overlap': {
      ...good,
      size: 100,
      data: [
        [0, 4],
        [3, 3],
      ],
    },
    'extents-behind-end': { ...good, size: 10, data: [[8, 7]] },
    'extents-too-long': { ...good, size: 2 ** 50, data: [[0, 8]] },
  };
  for (const [path, content] of Object.entries(bad)) made.add({ path: path as BytePath, ...content });
  made.file('fine', 'fine');
  const report = await restored(made, sandbox);
  assert.deepEqual(sandbox.tree(), { fine: 'f fine' });
  assert.deepEqual(
    codes(report).sort(),
    Object.keys(bad)
      .sort()
      .map((path) => `listing-invalid ${path}`),
  );
});

test('locations that lead nowhere, or to other content', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const [at, other] = made.group(Buffer.from('content'), Buffer.from('another'));
  if (at === undefined || other === undefined) throw new Error('no locations');
  const variants = {
    'behind-part': { ...at, frameOffset: 1_000_000 },
    'huge-offset': { ...at, frameOffset: 2 ** 40 },
    'frame-cut': { ...at, frameLength: at.frameLength - 3 },
    'frame-shifted': { ...at, frameOffset: at.frameOffset + 1 },
    'behind-frame': { ...at, offset: 10 },
    'other-chunk': { ...other, digest: at.digest as string },
    'no-such-part': { ...at, part: 77 },
    'no-such-source': { ...at, source: 9 },
    'huge-in-frame': { ...at, offset: 2 ** 52 },
  };
  for (const [path, location] of Object.entries(variants))
    made.add({ path: path as BytePath, ...made.contentOf([location]) });
  made.add({ path: 'fine' as BytePath, ...made.contentOf([at]) });
  const report = await restored(made, sandbox);
  assert.deepEqual(sandbox.tree(), { fine: 'f content' });
  assert.deepEqual(report.errors.map(({ path }) => path).sort(), Object.keys(variants).sort());
  const codeOf = (name: string) => report.errors.find(({ path }) => path === name)?.code;
  assert.equal(codeOf('other-chunk'), 'content-damaged');
  assert.equal(codeOf('frame-cut'), 'part-damaged');
  assert.equal(codeOf('no-such-part'), 'listing-invalid');
});

test('a frame that would become huge is given up, and the frame of another file in its part is not', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const bomb = zstdCompressSync(Buffer.alloc(80 * 2 ** 20));
  const at = made.rawFrame(bomb);
  made.file('fine', 'fine');
  made.add({
    path: 'bomb' as BytePath,
    ...made.contentOf([{ ...at, offset: 0, length: 10, digest: `${'A'.repeat(43)}=` }]),
  });
  const report = await restored(made, sandbox);
  assert.deepEqual(sandbox.tree(), { fine: 'f fine' });
  assert.deepEqual(codes(report), ['part-damaged bomb']);
});

test('a listing chunk whose frame would become huge', async () => {
  const made = new SyntheticRun(host);
  made.addLine('a', `{"pad":"${' '.repeat(70 * 2 ** 20)}"}\n`);
  made.file('b', 'b');
  const { run } = await made.write({ linesAChunk: 1 });
  const plan = await planRestore(await host.open(run), []);
  assert.deepEqual(
    plan.problems.map(({ path, code }) => [path, code]),
    [['a', 'part-damaged']],
  );
  assert.equal(plan.summary.files, 1);
});

test('names that would be taken for our own temporary ones are nothing special', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.file('.offsite-restore-1-2-0123456789abcdef-0', 'mine');
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  const again = await restored(made2(), sandbox);
  assert.deepEqual(again.errors, []);
  assert.equal(sandbox.read('.offsite-restore-1-2-0123456789abcdef-0'), 'mine');
});

function made2(): SyntheticRun {
  const made = new SyntheticRun(host);
  made.file('.offsite-restore-1-2-0123456789abcdef-0', 'mine');
  return made;
}

test('attributes that no file system has', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.file('far-future', 'x', { mtime: '999999999999999.000000000' });
  made.file('far-past', 'x', { mtime: '-999999999999999.999999999' });
  made.file('owner', 'x', { uid: 4_294_967_295, gid: 4_294_967_294 });
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  assert.equal(report.files, 3);
});

test('an entry of an unknown type does not stop the others', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const line = encodeEntry({
    path: 'door' as BytePath,
    root: '/',
    type: 'fifo',
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: '0.000000000',
  });
  made.addLine('door', line.replace('fifo', 'door'));
  made.file('fine', 'fine');
  const report = await restored(made, sandbox);
  assert.deepEqual(sandbox.tree(), { fine: 'f fine' });
  assert.equal(report.errors.length, 1);
  assert.ok(frameOf(Buffer.alloc(0)).length > 0);
});

test('a file where its directory should be is kept, and what belongs under it is named', async () => {
  using sandbox = new Sandbox();
  mkdirSync(sandbox.target);
  writeFileSync(sandbox.path('d'), 'a file');
  const made = new SyntheticRun(host);
  made.directory('d');
  made.directory('d/e');
  made.file('d/e/f', 'f');
  const report = await restored(made, sandbox);
  assert.deepEqual(codes(report), ['target-exists d', 'target-exists d/e', 'target-exists d/e/f']);
  assert.equal(sandbox.read('d'), 'a file');
});
