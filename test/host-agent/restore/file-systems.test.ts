/** Targets on file systems that cannot do everything, played by replacing functions of node:fs. */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import type { BytePath } from '../../../contract/byte-path.ts';
import { planRestore, type RestoreReport, restore } from '../../../host-agent/restore.ts';
import { failing, fullAfter, withFs } from '../../helpers/replaced-fs.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();

type Replacements = Partial<Pick<typeof fs, 'linkSync' | 'mkdirSync' | 'fchownSync' | 'fchmodSync' | 'writeSync'>>;

/** Restores into the sandbox while some functions of node:fs are others. */
async function restored(made: SyntheticRun, sandbox: Sandbox, replacements: Replacements): Promise<RestoreReport> {
  const { run } = await made.write();
  const reader = await host.open(run);
  const plan = await planRestore(reader, []);
  return await withFs(replacements, () => restore({ reader, plan, target: sandbox.target, workers: 0 }));
}

test('without hard links files are named all the same, and none is replaced', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const linked = { link: 'a' as BytePath, ...made.contentOf([made.chunk(Buffer.from('linked'))]) };
  made.add({ path: 'a' as BytePath, ...linked });
  made.add({ path: 'b' as BytePath, mode: 0o600, ...linked });
  made.file('empty', '');
  made.file('plain', 'plain');
  const report = await restored(made, sandbox, { linkSync: () => failing('EPERM') });
  assert.deepEqual(report.errors, []);
  assert.deepEqual(report.notSet, [{ what: 'hard-link', count: 1 }]);
  assert.deepEqual(sandbox.tree(), { a: 'f linked', b: 'f linked', empty: 'f ', plain: 'f plain' });
  assert.equal(fs.statSync(sandbox.path('b')).mode & 0o777, 0o600);

  using raced = new Sandbox();
  const race: typeof fs.linkSync = () => {
    fs.writeFileSync(raced.path('x'), 'faster');
    failing('EPERM');
  };
  const other = new SyntheticRun(host);
  other.file('x', 'slower');
  const lost = await restored(other, raced, { linkSync: race });
  assert.deepEqual(
    lost.errors.map(({ path, code }) => [path, code]),
    [['x', 'target-exists']],
  );
  assert.deepEqual(raced.tree(), { x: 'f faster' });
});

test('where two names are one, the second is reported and the first is kept', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.directory('Dir');
  made.file('Dir/a', 'upper');
  made.directory('dir');
  made.file('dir/b', 'lower');
  made.file('File', 'upper');
  made.file('file', 'lower');
  const { mkdirSync, linkSync, readdirSync } = fs;
  const refuseTaken = (path: fs.PathLike) => {
    const name = basename(String(path)).toLowerCase();
    if (readdirSync(dirname(String(path))).some((one) => one.toLowerCase() === name)) failing('EEXIST');
  };
  const report = await restored(made, sandbox, {
    mkdirSync: ((path: fs.PathLike, options: fs.MakeDirectoryOptions) => {
      if (String(path).startsWith('/proc/')) refuseTaken(path);
      return mkdirSync(path, options);
    }) as typeof mkdirSync,
    linkSync: (from, to) => {
      refuseTaken(to);
      linkSync(from, to);
    },
  });
  assert.deepEqual(sandbox.tree(), { Dir: 'd', 'Dir/a': 'f upper', File: 'f upper' });
  assert.deepEqual(report.errors.map(({ path, code }) => `${code} ${path}`).sort(), [
    'target-exists dir',
    'target-exists dir/b',
    'target-exists file',
  ]);
});

test('modes and owners that cannot be set are counted', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.directory('d');
  made.file('d/f', 'x', { mode: 0o4755 });
  const report = await restored(made, sandbox, {
    fchownSync: () => failing('EPERM'),
    fchmodSync: () => failing('EOPNOTSUPP'),
  });
  assert.deepEqual(report.errors, []);
  const notSet = new Map(report.notSet.map(({ what, count }) => [what, count]));
  assert.deepEqual([notSet.get('owner'), notSet.get('mode'), notSet.get('set-id')], [2, 2, 1]);
});

test('no room: it ends, names no file that is not complete, and leaves nothing half done', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  for (let i = 0; i < 10; i++) made.file(`f${i}`, `content ${i}`);
  made.file('z', [Buffer.from('first'), Buffer.from('second')]);
  await assert.rejects(restored(made, sandbox, { writeSync: fullAfter(5) }), {
    code: 'target-unusable',
    message: /ENOSPC/,
  });
  assert.deepEqual(sandbox.tree(), Object.fromEntries([0, 1, 2, 3, 4].map((i) => [`f${i}`, `f content ${i}`])));
});

test('short writes are continued', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.file('f', [Buffer.from('some content'), Buffer.from(' and more')]);
  const { writeSync } = fs;
  const write = ((handle: number, bytes: Uint8Array, offset: number, length: number, position: number) =>
    writeSync(handle, bytes, offset, Math.min(length, 3), position)) as typeof writeSync;
  await restored(made, sandbox, { writeSync: write });
  assert.equal(sandbox.read('f'), 'some content and more');
});
