/** Directories that are filled under a temporary name: what can go wrong with them, and with names that look like one. */

import assert from 'node:assert/strict';
import fs, {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import { type BytePath, pathFromText } from '../../../contract/byte-path.ts';
import { planRestore, type RestoreOptions, type RestoreReport, restore } from '../../../host-agent/restore.ts';
import type { ObjectStore } from '../../../store/port.ts';
import { secureRandom } from '../../../system/random.ts';
import { faultyStore } from '../../helpers/faulty-store.ts';
import { failing, fullAfter, withFs } from '../../helpers/replaced-fs.ts';
import { finishRestore, publish, startRestore } from '../../helpers/restore-process.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun, type WrittenRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();
const NOBODY = 65534;
const notRoot = process.geteuid?.() === 0 ? false : 'needs root';
/** The name of a directory whose restore runs no more. */
const DEAD = '.offsite-restore-4194303-12-0123456789abcdef-2';

type Replacements = Partial<Pick<typeof fs, 'mkdirSync' | 'renameSync' | 'writeSync' | 'openSync' | 'lstatSync'>>;

interface Options extends Partial<RestoreOptions> {
  store?: ObjectStore;
  replacements?: Replacements;
}

async function restored(
  written: WrittenRun,
  sandbox: Sandbox,
  { store, replacements = {}, ...more }: Options = {},
): Promise<RestoreReport> {
  const reader = await host.open(written.run, store);
  const plan = await planRestore(reader, []);
  return await withFs(replacements, () => restore({ reader, plan, target: sandbox.target, workers: 0, ...more }));
}

const codes = ({ errors }: RestoreReport) => errors.map(({ path, code }) => `${code} ${path}`).sort();
const modeOf = (path: string) => lstatSync(path).mode & 0o7777;
const temporaries = (sandbox: Sandbox) =>
  existsSync(sandbox.target) ? Object.keys(sandbox.tree()).filter((name) => name.includes('.offsite-')) : [];

/** A directory that is placed whole, with one of every kind below. */
function wholeDirectory(made: SyntheticRun, name = 'd', more: { uid?: number; gid?: number } = {}): void {
  made.directory(name, { mode: 0o750, mtime: '1500000000.000000000', ...more });
  for (const one of ['a', 'b', 'c', 'e']) made.file(`${name}/${one}`, `content of ${one}`, { mode: 0o640, ...more });
  made.file(`${name}/empty`, '', more);
  made.directory(`${name}/none`, { mode: 0o500, mtime: '1500000001.000000000', ...more });
  made.add({ path: pathFromText(`${name}/pipe`), type: 'fifo', mode: 0o622, ...more });
  made.directory(`${name}/sub`, { mode: 0o511, mtime: '1500000002.000000000', ...more });
  made.file(`${name}/sub/x`, 'below', more);
  made.symlink(`${name}/sub/y`, 'x', more);
}

const WHOLE = {
  d: 'd',
  'd/a': 'f content of a',
  'd/b': 'f content of b',
  'd/c': 'f content of c',
  'd/e': 'f content of e',
  'd/empty': 'f ',
  'd/none': 'd',
  'd/pipe': 'p',
  'd/sub': 'd',
  'd/sub/x': 'f below',
  'd/sub/y': 'l x',
};

function assertAttributes(sandbox: Sandbox): void {
  assert.deepEqual(
    ['d', 'd/none', 'd/sub'].map((name) => [modeOf(sandbox.path(name)), statSync(sandbox.path(name)).mtimeMs]),
    [
      [0o750, 1_500_000_000_000],
      [0o500, 1_500_000_001_000],
      [0o511, 1_500_000_002_000],
    ],
  );
}

for (const umask of ['077', '277', '777']) {
  test(`without rights, and with the umask ${umask}`, { skip: notRoot }, async () => {
    using sandbox = new Sandbox();
    const made = new SyntheticRun(host);
    wholeDirectory(made, 'd', { uid: NOBODY, gid: NOBODY });
    const { run } = await made.write();
    const job = { ...(await publish(host, `${sandbox.root}/store`)), run, target: sandbox.target };
    chmodSync(sandbox.root, 0o755);
    mkdirSync(sandbox.target);
    chmodSync(sandbox.target, 0o777);
    for (const _ of [1, 2]) {
      const report = await finishRestore(startRestore(job, { uid: NOBODY, gid: NOBODY, umask }));
      assert.deepEqual(report.errors, []);
      assert.deepEqual(report.notSet, []);
      assert.deepEqual(sandbox.tree(), WHOLE);
      assertAttributes(sandbox);
    }
  });
}

test('left over by somebody else, and not to be removed: it stays, and nothing fails', { skip: notRoot }, async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const own = { uid: NOBODY, gid: NOBODY };
  made.directory('there', { mode: 0o755, ...own });
  made.file('there/f', 'x', own);
  wholeDirectory(made, 'd', own);
  const { run } = await made.write();
  const job = { ...(await publish(host, `${sandbox.root}/store`)), run, target: sandbox.target };
  chmodSync(sandbox.root, 0o755);
  mkdirSync(sandbox.path('there'), { recursive: true });
  chmodSync(sandbox.target, 0o777);
  fs.chownSync(sandbox.path('there'), NOBODY, NOBODY);
  for (const name of [DEAD, `there/${DEAD}`]) {
    mkdirSync(sandbox.path(name), { mode: 0o700 });
    writeFileSync(sandbox.path(`${name}/half`), 'half');
  }
  const report = await finishRestore(startRestore(job, { uid: NOBODY, gid: NOBODY }));
  assert.deepEqual(report.errors, []);
  assert.equal(sandbox.read('there/f'), 'x');
  assert.equal(sandbox.read(`${DEAD}/half`), 'half');
  assert.equal(sandbox.read('d/a'), 'content of a');
});

test('an entry of the backup that is named like something left over is an entry like others', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.directory('t');
  for (const top of [DEAD, `t/${DEAD}`]) {
    made.directory(top);
    for (const one of ['a', 'b', 'c', 'e']) made.file(`${top}/${one}`, one);
  }
  const written = await made.write();
  assert.deepEqual((await restored(written, sandbox)).errors, []);
  const whole = sandbox.tree();
  const again = await restored(written, sandbox);
  assert.deepEqual(codes(again), []);
  assert.deepEqual(sandbox.tree(), whole);
  assert.equal(again.kept, 8, 'it is all there');
  writeFileSync(sandbox.path(`t/${DEAD}/mine`), 'mine');
  writeFileSync(sandbox.path(`t/${DEAD}/a`), 'mine');
  assert.deepEqual(codes(await restored(written, sandbox)), [`target-exists t/${DEAD}/a`]);
  assert.equal(sandbox.read(`t/${DEAD}/mine`), 'mine');
  assert.equal(sandbox.read(`t/${DEAD}/a`), 'mine');
});

for (const code of ['EMLINK', 'EACCES', 'ENAMETOOLONG']) {
  test(`no directory can be made beside: ${code}`, async () => {
    using sandbox = new Sandbox();
    const made = new SyntheticRun(host);
    wholeDirectory(made);
    const { mkdirSync: mkdir } = fs;
    const report = await restored(await made.write(), sandbox, {
      replacements: {
        mkdirSync: ((path: fs.PathLike, options: fs.MakeDirectoryOptions) =>
          basename(String(path)).startsWith('.offsite') ? failing(code) : mkdir(path, options)) as typeof mkdir,
      },
    });
    assert.deepEqual(report.errors, []);
    assert.deepEqual(sandbox.tree(), WHOLE);
    assertAttributes(sandbox);
  });
}

test('no room for a directory: what was opened up is closed again, and nothing is left over', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  wholeDirectory(made);
  wholeDirectory(made, 'e');
  mkdirSync(sandbox.target);
  const { mkdirSync: mkdir } = fs;
  const job = restored(await made.write(), sandbox, {
    replacements: {
      mkdirSync: ((path: fs.PathLike, options: fs.MakeDirectoryOptions) =>
        basename(String(path)) === 'e' ? failing('ENOSPC') : mkdir(path, options)) as typeof mkdir,
    },
  });
  await assert.rejects(job, { code: 'target-unusable', message: /ENOSPC/ });
  assert.deepEqual(temporaries(sandbox), []);
});

for (const code of ['EXDEV', 'EACCES', 'ENOTEMPTY', 'EBUSY', 'EPERM', 'EINVAL']) {
  test(`the directory cannot be brought to its place: ${code}`, async () => {
    using sandbox = new Sandbox();
    const made = new SyntheticRun(host);
    wholeDirectory(made);
    const linked = { link: 'd/l1' as BytePath, ...made.contentOf([made.chunk(Buffer.from('linked'))]) };
    made.add({ path: 'd/l1' as BytePath, ...linked });
    made.add({ path: 'z' as BytePath, ...linked });
    const { renameSync: rename } = fs;
    const report = await restored(await made.write(), sandbox, {
      replacements: {
        renameSync: (from, to) => (lstatSync(from).isDirectory() ? failing(code) : rename(from, to)),
      },
    });
    assert.deepEqual(report.errors, []);
    assert.equal(report.files, 8);
    assert.deepEqual(sandbox.tree(), { ...WHOLE, 'd/l1': 'f linked', z: 'f linked' });
    assert.equal(statSync(sandbox.path('z')).ino, statSync(sandbox.path('d/l1')).ino);
    assert.equal(statSync(sandbox.path('z')).nlink, 2);
    assertAttributes(sandbox);
  });
}

test('names taken for the same in a directory whose place is taken: each failure is told once, and no other', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.directory('d');
  for (const one of ['a', 'b', 'c', 'e']) made.file(`d/${one}`, one);
  made.directory('d/Sub');
  made.file('d/Sub/x', 'upper');
  made.directory('d/sub');
  made.file('d/sub/y', 'lower');
  const written = await made.write();
  const racing = faultyStore(host.store);
  const { mkdirSync: mkdir } = fs;
  const report = await restored(written, sandbox, {
    store: {
      ...racing,
      get: (key, options) => {
        if (key.startsWith('data/')) writeFileSync(sandbox.path('d/a'), 'faster');
        return racing.get(key, options);
      },
    },
    replacements: {
      mkdirSync: ((path: fs.PathLike, options: fs.MakeDirectoryOptions) => {
        const name = basename(String(path)).toLowerCase();
        if (name === 'sub' && readdirSync(dirname(String(path))).some((one) => one.toLowerCase() === name)) {
          failing('EEXIST');
        }
        return mkdir(path, options);
      }) as typeof mkdir,
    },
  });
  assert.deepEqual(codes(report), ['target-exists d/a', 'target-exists d/sub', 'target-exists d/sub/y']);
  assert.deepEqual(sandbox.tree(), {
    d: 'd',
    'd/Sub': 'd',
    'd/Sub/x': 'f upper',
    'd/a': 'f faster',
    'd/b': 'f b',
    'd/c': 'f c',
    'd/e': 'f e',
  });
});

test('two directories that the file system takes for one, in a target that is there', async () => {
  using sandbox = new Sandbox();
  mkdirSync(sandbox.target);
  const made = new SyntheticRun(host);
  made.directory('Dir', { mode: 0o750 });
  for (const one of ['a', 'b', 'c', 'e']) made.file(`Dir/${one}`, one);
  made.nextPart();
  made.directory('dir', { mode: 0o751 });
  const half = made.chunk(Buffer.from('q'));
  made.file('dir/r', 'r');
  made.nextPart();
  made.add({ path: 'dir/q' as BytePath, ...made.contentOf([half, made.chunk(Buffer.from('uick'))]) });
  const folded = <T extends fs.PathLike>(path: T): T =>
    typeof path === 'string' ? (path.replace(/(?<=^\/proc\/.*\/)dir$/, 'Dir') as T) : path;
  const { mkdirSync: mkdir, openSync: open, lstatSync: lstat, renameSync: rename } = fs;
  const report = await restored(await made.write(), sandbox, {
    replacements: {
      mkdirSync: ((path: string, options: fs.MakeDirectoryOptions) => mkdir(folded(path), options)) as typeof mkdir,
      openSync: (path, flags, mode) => open(folded(path), flags, mode),
      lstatSync: ((path: string, options: fs.StatSyncOptions) => lstat(folded(path), options)) as typeof lstat,
      renameSync: (from, to) => rename(folded(from), folded(to)),
    },
  });
  assert.deepEqual(codes(report), []);
  const files = ['a', 'b', 'c', 'e', 'quick', 'r'].map((one) => [`Dir/${one[0]}`, `f ${one}`]);
  assert.deepEqual(sandbox.tree(), { Dir: 'd', ...Object.fromEntries(files) });
  assert.equal(modeOf(sandbox.path('Dir')), 0o750);
});

for (const workers of [0, 2]) {
  test(`a signal in the middle of hidden directories, with ${workers} workers: what is complete is in its place`, async () => {
    using sandbox = new Sandbox();
    const made = new SyntheticRun(host);
    made.directory('d', { mode: 0o751, mtime: '1500000000.000000000' });
    const pieces = [];
    for (let part = 0; part < 12; part++) {
      if (part > 0) made.nextPart();
      made.directory(`d/${part}`, { mode: 0o555, mtime: '1500000001.000000000' });
      for (let i = 0; i < 10; i++) made.file(`d/${part}/${i}`, `${part} ${i}`);
      pieces.push(made.chunk(secureRandom(5000)));
    }
    made.add({ path: 'd/whole' as BytePath, ...made.contentOf(pieces) });
    const written = await made.write();
    const stop = new AbortController();
    let steps = 0;
    const onProgress = () => {
      if (++steps === 3) stop.abort();
    };
    const job = restored(written, sandbox, { workers, memory: 1, onProgress, signal: stop.signal });
    await assert.rejects(job, { code: 'interrupted' });
    assert.deepEqual(temporaries(sandbox), []);
    const tree = Object.entries(sandbox.tree()).filter(([, what]) => what.startsWith('f'));
    assert.ok(tree.length >= 10 && tree.length < 120, `${tree.length}`);
    for (const [name, what] of tree) assert.equal(what, `f ${name.slice(2).replace('/', ' ')}`);
    assert.equal(modeOf(sandbox.path('d')), 0o751);
    assert.equal(modeOf(sandbox.path('d/3')), 0o555);
    assert.equal(statSync(sandbox.path('d')).mtimeMs, 1_500_000_000_000);
    assert.equal(statSync(sandbox.path('d/3')).mtimeMs, 1_500_000_001_000);
    const report = await restored(written, sandbox, { workers });
    assert.deepEqual(report.errors, []);
    assert.equal(report.kept >= 10, true);
    assert.equal(report.files, 121);
  });
}

test('no room in the middle: nothing half-made has its name, and nothing is left over', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.directory('d', { mode: 0o751 });
  for (let i = 0; i < 9; i++) made.file(`d/f${i}`, [Buffer.from(`content`), Buffer.from(` ${i}`)]);
  const job = restored(await made.write(), sandbox, { replacements: { writeSync: fullAfter(5) } });
  await assert.rejects(job, { code: 'target-unusable', message: /ENOSPC/ });
  assert.deepEqual(sandbox.tree(), { d: 'd', 'd/f0': 'f content 0', 'd/f1': 'f content 1' });
  assert.equal(modeOf(sandbox.path('d')), 0o751);
});

test('a link in the place of a directory is not followed', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  wholeDirectory(made);
  const racing = faultyStore(host.store);
  const report = await restored(await made.write(), sandbox, {
    store: {
      ...racing,
      get: (key, options) => {
        if (key.startsWith('data/') && !lstatSync(sandbox.path('d')).isSymbolicLink()) {
          fs.rmdirSync(sandbox.path('d'));
          symlinkSync(sandbox.outside, sandbox.path('d'));
        }
        return racing.get(key, options);
      },
    },
  });
  assert.ok(sandbox.isOutsideUntouched);
  assert.deepEqual(sandbox.tree(), { d: `l ${sandbox.outside}` });
  assert.equal(report.files, 0);
  assert.equal(report.verified, false);
  for (const name of Object.keys(WHOLE)) {
    assert.ok(
      report.errors.some(({ path }) => path === name),
      `${name} is told`,
    );
  }
  utimesSync(sandbox.outside, 1, 1);
});
