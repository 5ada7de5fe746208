import assert from 'node:assert/strict';
import { type ChildProcess, execFile, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { OffsiteError } from '../../contract/errors.ts';
import { tryLock } from '../../system/lock-file.ts';
import { isRunning, thisProcess } from '../../system/process.ts';

const self = fileURLToPath(import.meta.url);
const task = process.argv[2];

if (task === 'contend') await contend(process.argv[3] ?? '');
else if (task === 'hold') await hold(process.argv[3] ?? '');
else await tests();

async function tests(): Promise<void> {
  const base = await mkdtemp(join(tmpdir(), 'offsite-lock-'));
  after(() => rm(base, { recursive: true, force: true }));
  let count = 0;
  const path = () => join(base, `lock${count++}`);
  const siblings = async (lock: string) => (await readdir(base)).filter((name) => join(base, name).startsWith(lock));

  describe('processes', () => {
    it('know themselves', () => {
      const own = thisProcess();
      assert.equal(own.pid, process.pid);
      assert.match(own.started, /^\d+$/);
      assert.match(own.boot, /^[0-9a-f-]{36}$/);
      assert.equal(isRunning(own), true);
    });

    it('run no more after another boot, under another start time, or without their pid', () => {
      const own = thisProcess();
      assert.equal(isRunning({ ...own, boot: '00000000-0000-0000-0000-000000000000' }), false);
      assert.equal(isRunning({ ...own, started: '1' }), false);
      assert.equal(isRunning({ ...own, pid: 2 ** 22 + 1 }), false);
      assert.equal(isRunning({ ...own, started: '', boot: '' }), true);
    });

    it('run no more as zombies', async () => {
      // The shell becomes `sleep`, which never collects its child.
      const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 300'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const pid = Number(String((await once(parent.stdout, 'data'))[0]));
      const { boot } = thisProcess();
      let state = '';
      while (state !== 'Z') state = (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ')[1]?.[0] ?? '';
      assert.equal(isRunning({ pid, started: '', boot }), false);
      parent.kill('SIGKILL');
    });
  });

  describe('lock file', () => {
    it('is held by one at a time, and says by whom', async () => {
      const lock = path();
      const first = await tryLock(lock, 'run 1');
      assert.ok(first.acquired);
      assert.equal(first.broke, null);
      const second = await tryLock(lock, 'run 2');
      assert.ok(!second.acquired);
      assert.deepEqual(second.owner, { ...thisProcess(), note: 'run 1' });
      await first.release();
      const third = await tryLock(lock, 'run 3');
      assert.ok(third.acquired && third.broke === null);
      await third.release();
      assert.deepEqual(await siblings(lock), []);
    });

    it('is released once: a late second release takes it from nobody', async () => {
      const lock = path();
      const first = await tryLock(lock, '1');
      assert.ok(first.acquired);
      await first.release();
      const second = await tryLock(lock, '2');
      await first.release();
      const third = await tryLock(lock, '3');
      assert.ok(second.acquired && !third.acquired);
    });

    it('that was removed by hand and taken again is not released by its former holder', async () => {
      const lock = path();
      const first = await tryLock(lock, '1');
      await unlink(lock);
      const second = await tryLock(lock, '2');
      assert.ok(first.acquired && second.acquired);
      await first.release();
      assert.ok(!(await tryLock(lock, '3')).acquired);
    });

    for (const [what, owner] of [
      ['of another boot', { ...thisProcess(), boot: '00000000-0000-0000-0000-000000000000' }],
      ['of a pid that is gone', { ...thisProcess(), pid: 2 ** 22 + 1 }],
      ['of a pid that was given to another process', { ...thisProcess(), started: '1' }],
    ] as const) {
      it(`${what} is broken, and the breaker told whose it was`, async () => {
        const lock = path();
        await writeFile(lock, JSON.stringify({ ...owner, note: 'old' }));
        const attempt = await tryLock(lock, 'new');
        assert.ok(attempt.acquired);
        assert.deepEqual(attempt.broke, { ...owner, note: 'old' });
        assert.ok(!(await tryLock(lock, 'third')).acquired);
        await attempt.release();
        assert.deepEqual(await siblings(lock), []);
      });
    }

    for (const garbage of [
      '',
      '{',
      'null',
      '[]',
      '{"pid":"1"}',
      '{"pid":-1,"started":"","boot":"","note":""}',
      '\xff',
    ]) {
      it(`that names no owner (${JSON.stringify(garbage)}) is broken`, async () => {
        const lock = path();
        await writeFile(lock, garbage);
        const attempt = await tryLock(lock, 'new');
        assert.ok(attempt.acquired);
        assert.equal(attempt.broke?.pid, 0);
      });
    }

    it('is broken although earlier breakers died on the way, and what they left is removed', async () => {
      const lock = path();
      const dead = { ...thisProcess(), pid: 2 ** 22 + 1 };
      const claim = (content: string) => claimName(lock, content);
      const contents = ['1', '2', '3'].map((note) => JSON.stringify({ ...dead, note }));
      const [stale = '', first = '', second = ''] = contents;
      await writeFile(lock, stale);
      await writeFile(claim(stale), first);
      await writeFile(claim(first), second);
      await writeFile(`${lock}.new-${dead.pid}-${dead.started}-${'0'.repeat(32)}`, 'half');
      const attempt = await tryLock(lock, 'new');
      assert.ok(attempt.acquired);
      assert.equal(attempt.broke?.note, '1');
      assert.deepEqual(await siblings(lock), [lock.slice(base.length + 1)]);
    });

    it('is left to a breaker that is at it', async () => {
      const lock = path();
      const stale = JSON.stringify({ ...thisProcess(), pid: 2 ** 22 + 1, note: 'old' });
      await writeFile(lock, stale);
      await writeFile(claimName(lock, stale), JSON.stringify({ ...thisProcess(), note: 'at it' }));
      const attempt = await tryLock(lock, 'new');
      assert.ok(!attempt.acquired);
      assert.equal(attempt.owner.note, 'at it');
    });

    it('that was taken while a slow breaker looked away is not broken', async () => {
      // A named pipe as the lock file, so that its second reading says another thing than the first.
      const lock = path();
      await promisify(execFile)('mkfifo', [lock]);
      const attempt = tryLock(lock, 'slow');
      for (const owner of [{ ...thisProcess(), pid: 2 ** 22 + 1 }, thisProcess(), thisProcess()]) {
        await writeFile(lock, JSON.stringify({ ...owner, note: 'quick' }));
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      const answer = await attempt;
      assert.ok(!answer.acquired && answer.owner.note === 'quick');
      assert.deepEqual(await siblings(lock), [lock.slice(base.length + 1)]);
    });

    it('of a killed process is broken', async () => {
      const lock = path();
      const holder = fork(self, ['hold', lock]);
      await once(holder, 'message');
      const busy = await tryLock(lock, 'too early');
      assert.ok(!busy.acquired && busy.owner.pid === holder.pid && busy.owner.note === 'held');
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      const attempt = await tryLock(lock, 'new');
      assert.ok(attempt.acquired && attempt.broke?.pid === holder.pid);
    });

    it('that cannot be made or read is an error, not a free lock', async () => {
      const unusable = (error: unknown) => error instanceof OffsiteError && error.code === 'lock-unusable';
      await assert.rejects(tryLock(join(base, 'no/such/folder'), 'x'), unusable);
      const lock = path();
      await symlink(base, lock);
      await assert.rejects(tryLock(lock, 'x'), unusable);
    });

    it('never has two holders, while many processes take it, break it and are killed', async () => {
      const lock = path();
      const violations: string[] = [];
      let [killed, broken, taken] = [0, 0, 0];
      let enough = false;
      const crew = new Set<ChildProcess>();
      const hire = () => {
        const child = fork(self, ['contend', lock]);
        crew.add(child);
        // Killed after some rounds, wherever it is then. Others kill themselves while they hold the lock.
        let left = 2 + Math.random() * 20;
        child.on('message', (message: string) => {
          if (message === 'took') taken++;
          else if (message === 'broke') broken++;
          else violations.push(message);
          if (left-- < 0) setTimeout(() => child.kill('SIGKILL'), Math.random() * 5);
        });
        child.on('exit', (_, signal) => {
          crew.delete(child);
          if (signal === 'SIGKILL') killed++;
          if (!enough) hire();
        });
      };
      for (let n = 0; n < 5; n++) hire();
      const deadline = Date.now() + 120_000;
      while (!enough) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        enough = (broken >= 15 && killed >= 25) || Date.now() > deadline;
      }
      for (const child of crew) if (child.connected) child.send('stop', () => {});
      while (crew.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(violations, []);
      assert.ok(broken >= 15 && killed >= 25, `${broken} broken, ${taken} taken, ${killed} killed`);
      const last = await tryLock(lock, 'last');
      assert.ok(last.acquired);
      await last.release();
    });
  });
}

/** As system/lock-file.ts names the right to break a lock file with this content. */
function claimName(lock: string, content: string): string {
  return `${lock}.break-${createHash('sha256').update(content).digest('hex').slice(0, 32)}`;
}

async function hold(lock: string): Promise<void> {
  const attempt = await tryLock(lock, 'held');
  process.send?.(attempt.acquired ? 'holds' : 'busy');
  setTimeout(() => {}, 300_000);
}

/**
 * Takes and frees the lock until it is told to stop; in between a file made exclusively says that somebody is inside. One
 * that is there already is a violation, unless whoever made it was killed. Sometimes it dies itself while it holds.
 */
async function contend(lock: string): Promise<void> {
  let stopped = false;
  process.once('message', () => {
    stopped = true;
  });
  while (!stopped) {
    const attempt = await tryLock(lock, '');
    if (!attempt.acquired) continue;
    if (attempt.broke) process.send?.('broke');
    const inside = `${lock}-inside`;
    try {
      await mark(inside);
    } catch {
      const other = JSON.parse((await readFile(inside, 'utf8').catch(() => '')) || 'null');
      if (other !== null && isRunning(other)) process.send?.(`${process.pid} met ${other.pid} inside`);
      await unlink(inside).catch(() => process.send?.('somebody left meanwhile'));
      await mark(inside).catch((error) => process.send?.(`somebody came meanwhile: ${error}`));
    }
    process.send?.('took');
    if (Math.random() < 0.05) process.kill(process.pid, 'SIGKILL');
    await unlink(inside).catch((error) => process.send?.(`somebody removed the mark: ${error}`));
    await attempt.release();
  }
  process.disconnect();
}

async function mark(inside: string): Promise<void> {
  const handle = await open(inside, 'wx');
  await handle.writeFile(JSON.stringify(thisProcess()));
  await handle.close();
}
