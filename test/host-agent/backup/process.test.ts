/** Real agents: killed by SIGKILL, out of room, with another clock, and racing with what they read. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tryLock } from '../../../system/lock-file.ts';
import { assertSound, restored, treeOf } from '../../helpers/agent-check.ts';
import { ProcessHost, SET, saidRun } from '../../helpers/agent-process.ts';
import { seededRandom } from '../../helpers/agent-random.ts';

const { random, seed } = seededRandom();
const sample = (count: number, of: number): number[] =>
  Array.from({ length: count }, () => 1 + Math.floor(random() * of)).sort((one, other) => one - other);

async function prepare(set: object = {}): Promise<ProcessHost> {
  const host = await ProcessHost.make(set);
  host.write({ 'a/one': 'one', 'a/two': Buffer.alloc(300_000, 'two'), 'b/three': 'three', 'b/empty': '' });
  return host;
}

/** Two at a time: there are two cores, and each is a process of its own. */
const together = { concurrency: 2 };

describe('a process that is killed', together, () => {
  // Every one of them is met in kill.test.ts, where death is simulated.
  for (const n of [1, 4, 6, 7]) {
    const when = n % 2 === 0 ? 'before' : 'after';
    it(`${when} put ${n} of a full: the same job ends it`, async () => {
      using host = await prepare();
      const tree = treeOf(host.source);
      const due = host.nextDue();
      const job = await host.known();
      const killed = await host.backup({ type: 'full', due, job, faults: { dieAtPut: { n, when } } });
      assert.equal(killed.code, null, killed.err);
      await assertSound(host.place);
      const said = await host.backup({ type: 'full', due, job });
      assert.equal(said.code, 0, said.err);
      host.trees.set(saidRun(said).run, tree);
      await host.assertSound();
    });
  }

  it('five times in an incremental, at one change after the other: the next job is made, older runs stay', async () => {
    using host = await prepare();
    await host.good({ type: 'full' });
    for (const [i, n] of sample(5, 60).entries()) {
      host.write({ 'a/one': `change ${i}` });
      const halfway = i % 2 === 0;
      const killed = await host.backup({ faults: { dieAtChange: { n, halfway } } });
      assert.equal(killed.code, null, `${n} (seed ${seed}): ${killed.err}`);
      await assertSound(host.place);
    }
    const { type } = await host.good();
    assert.equal(type, 'incremental');
    await host.assertSound();
  });

  it('in the middle of its work by SIGTERM: it says so, and the same job ends it', async () => {
    using host = await prepare({ commands: { dump: 'sleep 120; echo x' } });
    const due = host.nextDue();
    const running = host.backup({ due });
    // The run has begun when its start is in the store.
    const runs = join(host.folder, 'runs');
    while (!existsSync(runs)) await new Promise((resolve) => setTimeout(resolve, 20));
    const state = join(host.root, 'identity/locks', `${SET}.lock`);
    const { pid } = JSON.parse(readFileSync(state, 'utf8')) as { pid: number };
    process.kill(pid, 'SIGTERM');
    const stopped = await running;
    assert.equal(stopped.code, 1, stopped.out);
    host.configure({ paths: [host.source] });
    await host.good({ due });
    await host.assertSound();
  });
});

describe('a store or disk that fails a process', together, () => {
  it('loses the replies of three puts: the run is complete, and so is the next', async () => {
    using host = await prepare();
    await host.good({ type: 'full', faults: { losePut: 2 } });
    await host.good({ faults: { losePut: 4 } });
    await host.good({ faults: { losePut: 6 } });
    await host.good();
    await host.assertSound();
  });

  it('the state has no room: exit 1, nothing published is harmed; then room again', async () => {
    using host = await prepare();
    await host.good({ type: 'full' });
    for (const from of [1, 30]) {
      host.write({ 'a/one': `with room for ${from}` });
      const said = await host.backup({ faults: { noRoom: { under: host.state, from } } });
      assert.equal(said.code, 1, said.out);
      assert.equal(saidRun(said).error?.code, 'state-unwritable');
      await assertSound(host.place);
    }
    await host.good();
    await host.assertSound();
  });

  it('the store has no room: exit 1, the failure is published when there is', async () => {
    using host = await prepare();
    await host.good({ type: 'full' });
    for (const from of [1, 40]) {
      host.write({ 'a/one': `with room for ${from}` });
      const said = await host.backup({ faults: { noRoom: { under: host.folder, from } } });
      assert.equal(said.code, 1, said.out);
      assert.equal(saidRun(said).error?.code, 'store-full', saidRun(said).error?.message);
    }
    await host.good();
    await host.assertSound();
  });
});

describe('a process with another clock', together, () => {
  it('in 1970 and in 2050: every run is good, in the order made', async () => {
    using host = await prepare();
    await host.good();
    for (const clock of ['1970-01-01T00:00:03Z', '2050-01-01T00:00:00Z']) {
      host.write({ 'a/one': clock });
      await host.good({ faults: { clock }, words: [] });
    }
    host.write({ 'a/one': 'now' });
    await host.good({ words: [] });
    await host.assertSound();
    const said = await host.offsite(['cat', 'latest', `${host.source.slice(1)}/a/one`]);
    assert.equal(said.out, 'now', said.err);
  });
});

describe('a process whose source', together, () => {
  for (const into of ['shorter', 'nothing', 'fifo', 'symlink'] as const) {
    it(`becomes ${into} between lstat and open: complete`, async () => {
      using host = await prepare();
      const file = join(host.source, 'a/one');
      const said = await host.backup({ faults: { turn: { file, into } } });
      assert.equal(said.code, 0, said.err);
      await restored(host.place, saidRun(said).run, host.operator, (folder, report) => {
        assert.deepEqual(report.errors, []);
        const whats = (top: string) => Object.entries(treeOf(top)).map(([path, { what }]) => `${path} ${what}`);
        assert.deepEqual(whats(join(folder, host.source)), whats(host.source));
      });
    });
  }

  it('cannot be read: exit 3, partial; then complete', async () => {
    using host = await prepare();
    await host.good({ type: 'full' });
    const file = join(host.source, 'b/three');
    writeFileSync(file, 'drei!');
    const said = await host.backup({ faults: { failReading: { file, errno: 'EIO' } } });
    assert.equal(said.code, 3, said.err);
    const { run, outcome } = saidRun(said);
    assert.equal(outcome, 'partial');
    const to = join(host.root, 'out');
    const back = await host.offsite(['restore', run, '--to', to]);
    assert.equal(back.code, 3, back.err);
    assert.match(back.err, /b\/three/);
    assert.equal(readFileSync(join(to, file), 'utf8'), 'three', 'the older content');
    await host.good();
    await host.assertSound();
  });
});

describe('processes that meet', together, () => {
  it('the same job three times at once: one run, exit 0 for all', async () => {
    using host = await prepare();
    const due = host.nextDue();
    const tree = treeOf(host.source);
    const all = await Promise.all([1, 2, 3].map(() => host.backup({ due })));
    assert.deepEqual(
      all.map(({ code }) => code),
      [0, 0, 0],
    );
    assert.deepEqual(all.map((said) => saidRun(said).outcome).sort(), ['complete', 'duplicate', 'duplicate']);
    host.trees.set(saidRun(all[0] as (typeof all)[number]).run, tree);
    await host.assertSound();
  });

  it('another one holds the set until the deadline: skipped.json, exit 75', async () => {
    using host = await prepare();
    const by = '20260501T000000Z-0123456789ab';
    await host.good();
    const held = await tryLock(join(host.root, 'identity/locks', `${SET}.lock`), `${by} 2026-05-01T00:00:00Z`);
    assert.ok(held.acquired);
    const deadline = new Date(Date.now() + 1500).toISOString().replace(/\.\d+/, '');
    const said = await host.backup({ deadline });
    assert.equal(said.code, 75, said.err);
    const skipped = join(host.folder, 'runs/carcosa', SET, saidRun(said).run, 'skipped.json');
    assert.equal((JSON.parse(readFileSync(skipped, 'utf8')) as { by: string }).by, by);
    await held.release();
    await host.good();
    await host.assertSound();
  });

  it('one that died held the set: its lock is taken over', async () => {
    using host = await prepare();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { stdio: 'ignore' });
    const lock = join(host.root, 'identity/locks', `${SET}.lock`);
    writeFileSync(lock, JSON.stringify({ pid: child.pid, started: '1', boot: '', note: 'x y' }));
    const said = await host.backup();
    child.kill('SIGKILL');
    assert.equal(said.code, 0, said.err);
    assert.match(said.err, /lock was taken over/);
  });
});

describe('what a process says', together, () => {
  it('quiet: nothing on success', async () => {
    using host = await prepare();
    for (const words of [['full'], [], ['incremental']]) {
      const said = await host.offsite(['--quiet', 'backup', ...words]);
      assert.deepEqual([said.code, said.out, said.err], [0, '', '']);
    }
  });

  it('dry: what it would do, and nothing is written to the store, nor stays on the host', async () => {
    using host = await prepare();
    const files = (folder: string) => readdirSync(folder, { recursive: true }).map(String).sort();
    for (const type of ['full', 'incremental']) {
      const [store, state] = [files(host.folder), existsSync(host.state) ? files(host.state) : ['sets', `sets/${SET}`]];
      host.write({ 'a/one': `before the ${type}` });
      const said = await host.backup({ words: ['--dry-run'] });
      assert.equal(said.code, 0, said.err);
      const { outcome, type: actual, newBytes } = saidRun(said);
      assert.deepEqual([outcome, actual], ['dry-run', type]);
      assert.ok((newBytes ?? 0) > 0);
      assert.deepEqual(files(host.folder), store);
      assert.deepEqual(files(host.state), state);
      await host.good({ words: [] });
    }
    await host.assertSound();
  });

  it('as JSON: one document, also of a failure; and what a script said is not shown', async () => {
    using host = await prepare({ commands: { dump: 'echo very-secret >&2; exit 7' } });
    const said = await host.backup();
    assert.equal(said.code, 1);
    const run = saidRun(said);
    assert.equal(run.outcome, 'failed');
    assert.equal(run.error?.code, 'script-failed');
    const manifest = readFileSync(join(host.folder, 'runs/carcosa', SET, run.run, 'manifest.json'), 'utf8');
    assert.ok(!Buffer.from(JSON.parse(manifest).payload, 'base64').toString().includes('very-secret'));
  });

  it('with a job, whose output AWS keeps: neither the name of a file nor the words of a script', async () => {
    using host = await prepare();
    const file = join(host.source, 'a/one');
    const unread = await host.backup({ plain: true, faults: { failReading: { file, errno: 'EIO' } } });
    assert.equal(unread.code, 3);
    host.configure({ paths: [host.source], commands: { dump: 'echo very-secret >&2; exit 7' } });
    const failed = await host.backup({ plain: true });
    assert.equal(failed.code, 1);
    for (const { out, err } of [unread, failed]) assert.doesNotMatch(`${out}${err}`, /a\/one|very-secret/);
  });

  it('a config with an unknown key: exit 2, the key and the file are named, nothing is made', async () => {
    using host = await prepare();
    host.configure({ paths: [host.source], excludes: ['x'] });
    const said = await host.offsite(['backup']);
    assert.equal(said.code, 2);
    assert.match(said.err, /config\.yml.*sets\.data.*"excludes"/);
    assert.ok(!existsSync(host.state));
    host.configure({ paths: [host.source] }, { recipient: 'x' });
    assert.match((await host.offsite(['backup'])).err, /unknown key "recipient"/);
  });

  it('a suspect run: exit 3, no base until it is accepted', async () => {
    using host = await prepare();
    const first = await host.good({ words: [] });
    rmSync(join(host.source, 'a'), { recursive: true });
    const said = await host.backup({ words: [] });
    assert.equal(said.code, 3, said.err);
    const { run, outcome, base } = saidRun(said);
    assert.deepEqual([outcome, base], ['suspect', first.run]);
    assert.match(said.err, /gate maxShrink failed/);
    const accepted = await host.offsite(['accept', run, '--because', 'it was deleted on purpose']);
    assert.equal(accepted.code, 0, accepted.err);
    const next = await host.good({ words: [] });
    assert.equal(next.base, run);
    await host.assertSound();
  });
});
