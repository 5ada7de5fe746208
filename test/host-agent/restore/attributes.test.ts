import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { pathFromText } from '../../../contract/byte-path.ts';
import type { Entry } from '../../../contract/entry.ts';
import { planRestore, type RestoreOptions, type RestoreReport, restore } from '../../../host-agent/restore.ts';
import { finishRestore, publish, startRestore } from '../../helpers/restore-process.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();
const NOBODY = 65534;
const notRoot = process.geteuid?.() === 0 ? false : 'needs root';

async function restored(
  made: SyntheticRun,
  sandbox: Sandbox,
  options: Partial<RestoreOptions> = {},
): Promise<RestoreReport> {
  const { run } = await made.write();
  const reader = await host.open(run);
  const plan = await planRestore(reader, []);
  return restore({ reader, plan, target: sandbox.target, ...options });
}

const modeOf = (path: string) => lstatSync(path).mode & 0o7777;

test('modes of files and directories, also the read-only and the closed ones', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const modes = [0o000, 0o400, 0o444, 0o600, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o6711];
  for (const mode of modes) {
    made.directory(`d${mode}`, { mode });
    made.file(`d${mode}/f`, 'x', { mode });
  }
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  for (const mode of modes) {
    assert.equal(modeOf(sandbox.path(`d${mode}`)), mode, `directory ${mode.toString(8)}`);
    assert.equal(modeOf(sandbox.path(`d${mode}/f`)), mode, `file ${mode.toString(8)}`);
  }
});

test('times to the microsecond, before 1970 as well', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const times: Record<string, bigint> = {
    '1700000000.123456789': 1_700_000_000_123_456_789n,
    '0.000000000': 0n,
    '0.000001000': 1000n,
    '-1.500000000': -500_000_000n,
    '-1000000000.999999000': -999_999_999_000_001_000n,
    '4294967296.000000001': 4_294_967_296_000_000_001n,
  };
  for (const mtime of Object.keys(times)) {
    made.file(`f${mtime}`, 'x', { mtime });
    made.directory(`d${mtime}`, { mtime });
    made.file(`d${mtime}/inside`, 'x');
    made.symlink(`l${mtime}`, 'nowhere', { mtime });
    made.add({ path: pathFromText(`p${mtime}`), type: 'fifo', mtime });
  }
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  for (const [mtime, expected] of Object.entries(times)) {
    for (const kind of ['f', 'd', 'l', 'p']) {
      const { mtimeNs } = lstatSync(sandbox.path(`${kind}${mtime}`), { bigint: true });
      const difference = mtimeNs > expected ? mtimeNs - expected : expected - mtimeNs;
      assert.ok(difference < 1000n, `${kind} ${mtime}: ${mtimeNs}`);
    }
  }
});

test('owners by number, on every kind of entry', { skip: notRoot }, async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const owner = { uid: 1234, gid: 4321 };
  made.directory('d', owner);
  made.file('d/f', 'x', { ...owner, mode: 0o4755 });
  made.file('d/empty', '', { ...owner, mode: 0o2755 });
  made.symlink('d/l', 'f', owner);
  made.add({ path: pathFromText('d/p'), type: 'fifo', mode: 0o640, ...owner });
  const report = await restored(made, sandbox);
  assert.deepEqual(report.notSet, []);
  for (const name of ['d', 'd/f', 'd/empty', 'd/l', 'd/p']) {
    const { uid, gid } = lstatSync(sandbox.path(name));
    assert.deepEqual({ uid, gid }, owner, name);
  }
  assert.equal(modeOf(sandbox.path('d/f')), 0o4755, 'the set-id bit survives the change of the owner');
  assert.equal(modeOf(sandbox.path('d/empty')), 0o2755);
});

test('without the owner nothing runs with the rights of whoever restored it', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.file('suid', 'x', { uid: 1234, mode: 0o4755 });
  made.file('sgid', 'x', { uid: 1234, mode: 0o2755 });
  made.file('plain', 'x', { uid: 1234, mode: 0o755 });
  made.file('nobody', 'x', { uid: 2 ** 32 - 1, mode: 0o4755 });
  const report = await restored(made, sandbox, { setOwner: false });
  for (const name of ['suid', 'sgid', 'plain', 'nobody']) assert.equal(modeOf(sandbox.path(name)), 0o755);
  assert.deepEqual(report.notSet, [
    { what: 'owner', count: 4 },
    { what: 'set-id', count: 3 },
  ]);
  assert.equal(report.verified, true);
});

test('owner names that have other numbers here, and extended attributes, are counted', { skip: notRoot }, async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const [user, group] = [pathFromText('www'), pathFromText('staff')];
  made.file('a', 'x', { user, uid: 33, group, gid: 50 });
  made.file('b', 'x', { user, uid: 34, group, gid: 50 });
  made.file('c', 'x', { user: pathFromText('gone'), uid: 35 });
  made.file('d', 'x', { xattrs: [{ name: pathFromText('user.a'), value: Buffer.from('b') }] });
  const accounts = { user: new Map([['www', 33]]), group: new Map([['staff', 50]]) };
  const report = await restored(made, sandbox, { accounts });
  assert.equal(statSync(sandbox.path('b')).uid, 34);
  assert.deepEqual(report.notSet, [
    { what: 'xattrs', count: 1 },
    { what: 'owner-name', count: 1 },
  ]);
});

test('FIFOs, devices and sockets', { skip: notRoot }, async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const special = (path: string, more: Partial<Entry>) => made.add({ path: pathFromText(path), mode: 0o622, ...more });
  special('pipe', { type: 'fifo' });
  special('null', { type: 'char', device: [1, 3], uid: 5 });
  special('loop', { type: 'block', device: [7, 300] });
  special('socket', { type: 'socket' });
  const report = await restored(made, sandbox);
  assert.deepEqual(report.errors, []);
  assert.ok(lstatSync(sandbox.path('pipe')).isFIFO());
  assert.equal(modeOf(sandbox.path('pipe')), 0o622);
  const left = new Map(report.notSet.map(({ what, count }) => [what, count]));
  assert.equal(left.get('socket'), 1);
  // A container may be forbidden to make devices.
  if (!left.has('device')) {
    const device = lstatSync(sandbox.path('null'));
    assert.ok(device.isCharacterDevice());
    assert.equal(device.rdev, statSync('/dev/null').rdev);
    assert.equal(device.uid, 5);
    assert.ok(lstatSync(sandbox.path('loop')).isBlockDevice());
    const again = await restored(made2(), sandbox);
    assert.deepEqual(again.errors, []);
    assert.equal(again.kept, 1);
  }
});

function made2(): SyntheticRun {
  const made = new SyntheticRun(host);
  made.add({ path: pathFromText('loop'), type: 'block', device: [7, 300], mode: 0o622 });
  return made;
}

test('restoring without rights, twice, into directories that are read-only', { skip: notRoot }, async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  const own = { uid: NOBODY, gid: NOBODY };
  made.directory('closed', { mode: 0o555, ...own });
  made.file('closed/f', 'x', { mode: 0o444, ...own });
  made.directory('closed/deeper', { mode: 0o500, ...own });
  made.file('closed/deeper/g', 'y', { ...own, mode: 0o4755 });
  made.file('roots', 'z', { mode: 0o4755 });
  made.add({ path: pathFromText('null'), type: 'char', device: [1, 3] });
  const { run } = await made.write();
  const job = { ...(await publish(host, `${sandbox.root}/store`)), run, target: sandbox.target };
  chmodSync(sandbox.root, 0o755);
  mkdirSync(sandbox.target);
  chmodSync(sandbox.target, 0o777);
  const options = { uid: NOBODY, gid: NOBODY };
  for (const attempt of [1, 2]) {
    const report = await finishRestore(startRestore(job, options));
    assert.deepEqual(report.errors, [], `attempt ${attempt}`);
    const notSet = new Map(report.notSet.map(({ what, count }) => [what, count]));
    assert.deepEqual([notSet.get('owner'), notSet.get('set-id'), notSet.get('device')], [1, 1, 1]);
    assert.equal(modeOf(sandbox.path('closed')), 0o555);
    assert.equal(modeOf(sandbox.path('closed/deeper')), 0o500);
    assert.equal(modeOf(sandbox.path('closed/deeper/g')), 0o4755);
    assert.equal(modeOf(sandbox.path('roots')), 0o755);
    sandbox.remove('closed/f');
    sandbox.remove('closed/deeper/g');
  }
});

for (const umask of ['000', '027', '777']) {
  test(`the umask ${umask} does not matter`, { skip: notRoot }, async () => {
    using sandbox = new Sandbox();
    const made = new SyntheticRun(host);
    const own = { uid: NOBODY, gid: NOBODY };
    made.directory('d', { mode: 0o755, ...own });
    made.directory('d/e', { mode: 0o775, ...own });
    made.file('d/e/f', 'x', { mode: 0o666, ...own });
    made.file('d/e/empty', '', { mode: 0o666, ...own });
    made.add({ path: pathFromText('d/pipe'), type: 'fifo', mode: 0o666, ...own });
    const { run } = await made.write();
    const job = { ...(await publish(host, `${sandbox.root}/store`)), run, target: sandbox.target };
    chmodSync(sandbox.root, 0o755);
    mkdirSync(sandbox.target);
    chmodSync(sandbox.target, 0o777);
    const report = await finishRestore(startRestore(job, { uid: NOBODY, gid: NOBODY, umask }));
    assert.deepEqual(report.errors, []);
    assert.deepEqual(report.notSet, []);
    const modes = ['d', 'd/e', 'd/e/f', 'd/e/empty', 'd/pipe'].map((name) => modeOf(sandbox.path(name)).toString(8));
    assert.deepEqual(modes, ['755', '775', '666', '666', '666']);
  });
}
