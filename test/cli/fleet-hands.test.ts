/** `offsite fleet run`, `test-alert`, `subscribe` and `teardown` on the embedded stack: a directory and real agents. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { instantText, parseCompact, runIdForSlot } from '../../contract/ids.ts';
import { putFleet } from '../../repository/fleet.ts';
import { openStore } from '../../store/wire.ts';
import { cleanEnvironment, ended, Home, OFFSITE, offsite, offsiteOnTerminal, oneDocument } from '../helpers/offsite.ts';

const home = new Home();
after(() => home[Symbol.dispose]());

const keys = oneDocument<{ fingerprint: string }>(
  ended(
    await offsite([
      'keys',
      'generate',
      '--name',
      'Jo',
      '--email',
      'jo@example.org',
      '--out',
      home.path('operator'),
      '--json',
    ]),
    0,
  ),
);
for (const name of ['carcosa', 'purr']) {
  ended(await home.init(name, ['--path', home.path(name, 'files')]), 0);
  home.write(`${name}/files/one`, `of ${name}\n`);
}
ended(await offsite(['trust', 'carcosa', 'purr', '--yes', ...home.operator]), 0);
mkdirSync(home.path('hosts'));
for (const name of ['carcosa', 'purr']) cpSync(home.config(name), home.path('hosts', `${name}.yml`));

const fleet = {
  store: home.store,
  recipients: [keys.fingerprint],
  hosts: {
    carcosa: { node: 'carcosa', sets: ['data'] },
    purr: { node: 'purr', sets: ['data'] },
    ghost: { node: 'ghost', sets: ['data'] },
  },
  policies: { nightly: { hosts: ['carcosa', 'purr', 'ghost'], full: 'cron(0 3 * * ? *)', deadline: '20m' } },
};
const words = ['--store', home.store, '--operator', home.publicKey, '--hosts', home.path('hosts')];
const alertWords = ['--store', home.store, '--hosts', home.path('hosts')];
const outbox = () => (existsSync(home.path('outbox')) ? readdirSync(home.path('outbox')).sort() : []);

interface Ran {
  host: string;
  policy: string;
  waited: string | null;
  online: boolean | null;
  runs: { set: string; run: string; state: string; objects: number; bytes: number; reasons: { code: string }[] }[];
}
interface Failed {
  error: { code: string; message: string; hint: string };
}

/** A set's config is changed for a test, and put back. */
async function withSet<T>(host: string, more: object, work: () => Promise<T>): Promise<T> {
  const file = home.path('hosts', `${host}.yml`);
  const before = readFileSync(file, 'utf8');
  const config = parse(before) as { sets: Record<string, object> };
  config.sets.data = { ...config.sets.data, ...more };
  writeFileSync(file, stringify(config));
  return work().finally(() => writeFileSync(file, before));
}

/** A script that says that it has begun, and goes on when the gate is taken away. */
function gated(name: string) {
  const gate = home.write('gate', '');
  const begun = home.path('begun');
  rmSync(begun, { force: true });
  const scripts = script(name, `echo dump > dump; touch ${begun}; while [ -e ${gate} ]; do sleep 0.1; done`);
  return { scripts, gate, begun };
}

/** Two minutes at most: much longer than anything here takes, however slow and busy the machine is. */
async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 2400 && !isSo(); tries++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(isSo(), 'waited in vain');
}

function script(name: string, body: string): string {
  const file = home.write(`${name}/scripts/10-it`, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return home.path(name, 'scripts');
}

test('without a fleet file: said so, and what to do', async () => {
  const said = oneDocument<Failed>(ended(await offsite(['fleet', 'run', 'carcosa', ...words, '--json']), 1));
  assert.equal(said.error.code, 'fleet-missing');
  assert.match(said.error.hint, /fleet apply/);
});

describe('run', () => {
  test('what is refused: hosts folder, host, set, deadline, type; each with exit 2 and nothing begun', async () => {
    await putFleet(await openStore(home.store), fleet, new Date(Date.now() - 60_000));
    const refused: [string[], string, RegExp][] = [
      [['carcosa', '--store', home.store, '--operator', home.publicKey], 'usage', /--hosts DIR/],
      [['carcosa', ...words.slice(0, 4), '--hosts', home.path('nowhere')], 'usage', /ENOENT.*NODE\.yml/s],
      [['carcosa', ...alertWords], 'trust-anchor', /operator/],
      [['carcossa', ...words], 'host-unknown', /There are: carcosa, ghost, purr/],
      [['carcosa', '--set', 'etc', ...words], 'usage', /no set etc.*It has: data/s],
      [['carcosa', '--deadline', '10s', ...words], 'usage', /1m to 30d/],
      [['carcosa', 'sometimes', ...words], 'usage', /auto, full, incremental/],
    ];
    for (const [args, code, text] of refused) {
      const said = await offsite(['fleet', 'run', ...args, '--json']);
      const { error } = oneDocument<Failed>(said);
      assert.deepEqual([said.code, error.code], [2, code], args.join(' '));
      assert.match(`${error.message} ${error.hint}`, text);
    }
    assert.deepEqual(outbox(), []);
  });

  test('a node without a config: said at once, exit 1', async () => {
    const said = oneDocument<Failed>(ended(await offsite(['fleet', 'run', 'ghost', ...words, '--json']), 1));
    assert.equal(said.error.code, 'node-unknown');
  });

  test('a full, to its verdict: exit 0, and the words say which run it was', async () => {
    const said = ended(await offsite(['fleet', 'run', 'carcosa', 'full', '--wait', ...words]), 0);
    const [, run = ''] = /^data: run (\S+) is complete, .* stored$/m.exec(said.out) ?? [];
    const runs = ended(await offsite(['runs', '--json', '--host', 'carcosa', ...home.operator]), 0);
    const [made] = oneDocument<{ runs: { run: string; verdict: string; type: string }[] }>(runs).runs;
    assert.deepEqual([made?.run, made?.verdict, made?.type], [run, 'complete', 'full']);
    assert.match(said.err, /^carcosa was asked for a full, until /m);
    assert.doesNotMatch(said.err, /\r/, 'progress is for terminals');
  });

  test('by default an incremental; --json is one document, with figures', async () => {
    home.write('carcosa/files/two', 'more\n');
    const ran = oneDocument<Ran>(ended(await offsite(['fleet', 'run', 'carcosa', ...words, '--json']), 0));
    const [only] = ran.runs;
    assert.deepEqual([ran.host, ran.policy, ran.waited, ran.online], ['carcosa', 'manual', 'ended', true]);
    assert.deepEqual([only?.set, only?.state, only?.reasons], ['data', 'complete', []]);
    assert.ok((only?.objects ?? 0) >= 1 && (only?.bytes ?? 0) > 0);
  });

  test('a failing script: the verdict says why, exit 1, and somebody is told', async () => {
    const before = outbox().length;
    const scripts = script('purr', 'exit 7');
    const said = await withSet('purr', { scripts }, () => offsite(['fleet', 'run', 'purr', '--wait', ...words]));
    ended(said, 1);
    assert.match(said.out, /^data: run \S+ failed/m);
    assert.match(said.out, /10-it.*7/);
    assert.ok(outbox().slice(before).length > 0 && outbox().some((name) => name.endsWith('.email.txt')));
  });

  test('a gate that holds it back: suspect, exit 3', async () => {
    const scripts = script('purr', 'echo dump > dump');
    const more = { scripts, expect: { minFiles: 1000 } };
    const said = await withSet('purr', more, () => offsite(['fleet', 'run', 'purr', '--wait', ...words, '--json']));
    assert.deepEqual(
      oneDocument<Ran>(ended(said, 3)).runs.map(({ state }) => state),
      ['suspect'],
    );
  });

  test('another run of the set is under way: it waits for its turn; skipped at the deadline, exit 75', async () => {
    const { scripts, gate, begun } = gated('carcosa');
    await withSet('carcosa', { scripts }, async () => {
      const first = offsite(['fleet', 'run', 'carcosa', ...words, '--json']);
      await until(() => existsSync(begun));
      const slots = () => readdirSync(home.path('store/slots')).length;
      const before = slots();
      const second = offsite(['fleet', 'run', 'carcosa', ...words]);
      await until(() => slots() > before);
      // What its agent says once the deadline has passed, which is no sooner than in a minute.
      const [due = ''] = readdirSync(home.path('store/slots')).slice(-1);
      const slot = { policy: 'manual', due: parseCompact(due) as Date, node: 'carcosa', set: 'data' };
      const [run, at] = [runIdForSlot(slot), instantText(slot.due)];
      const note = { type: 'offsite/skipped/1', format: 1, run, at, by: 'the-other-run', since: at };
      home.write(`store/runs/carcosa/data/${run}/skipped.json`, JSON.stringify(note));
      const skipped = ended(await second, 75);
      rmSync(gate);
      assert.match(skipped.out, /^data: run \S+ was skipped: another run was under way, the-other-run since /m);
      assert.equal(oneDocument<Ran>(ended(await first, 0)).runs[0]?.state, 'complete');
      await until(() => existsSync(home.path(`store/runs/carcosa/data/${run}/manifest.json`)));
    });
  });

  test('an agent that is killed: nothing is waited for, and its words are named; exit 1', async () => {
    const scripts = script('carcosa', 'kill -9 $PPID; sleep 1');
    const said = await withSet('carcosa', { scripts }, () => offsite(['fleet', 'run', 'carcosa', ...words]));
    ended(said, 1);
    assert.match(said.err, /the agent of carcosa has ended and left no verdict; what it said: \S+carcosa\.agent\.log/);
  });

  test('Ctrl-C: the waiting ends and says so; the run goes on to its manifest', async () => {
    const { scripts, gate, begun } = gated('carcosa');
    await withSet('carcosa', { scripts }, async () => {
      const child = spawn(OFFSITE, ['fleet', 'run', 'carcosa', '--wait', ...words, '--json'], {
        env: cleanEnvironment(),
      });
      let [out, err] = ['', ''];
      child.stdout.on('data', (text) => {
        out += text;
      });
      child.stderr.on('data', (text) => {
        err += text;
      });
      await until(() => existsSync(begun));
      child.kill('SIGINT');
      const code = await new Promise((resolve) => child.once('close', resolve));
      const ran = JSON.parse(out) as Ran;
      assert.deepEqual([code, ran.waited, ran.runs[0]?.state], [1, 'stopped', 'running'], err);
      assert.match(err, /stopped waiting: the run itself goes on/);
      rmSync(gate);
      const manifest = home.path('store/runs/carcosa/data', ran.runs[0]?.run ?? '', 'manifest.json');
      await until(() => existsSync(manifest));
    });
  });

  test('on a terminal a line shows how far it is, and is gone in the end', async () => {
    const said = ended(await offsiteOnTerminal(['fleet', 'run', 'carcosa', '--wait', ...words]), 0);
    assert.match(said.out, /waiting [\d.]+s {2}\| {2}data: /);
    assert.match(said.out, /data: run \S+ is complete/);
    assert.ok(said.out.includes('\r\u001b[Kdata: run'), 'nothing of it stays');
  });
});

describe('test-alert', () => {
  test('lies in the outbox, TEST first, for phones too', async () => {
    const before = new Set(outbox());
    const said = ended(await offsite(['fleet', 'test-alert', ...alertWords, '--json']), 0);
    const { told, isHeard, subject } = oneDocument<{ told: string[]; isHeard: boolean; subject: string }>(said);
    assert.deepEqual([told, isHeard], [['alerts', 'alarms'], true]);
    assert.match(subject, /^Offsite: TEST/);
    const fresh = outbox().filter((name) => !before.has(name));
    assert.deepEqual(fresh.map((name) => name.replace(/^[^.]+/, '')).sort(), ['.alarm.txt', '.email.txt', '.sms.txt']);
    for (const name of fresh)
      assert.match(readFileSync(home.path('outbox', name), 'utf8'), /^(Subject: Offsite: )?TEST/);
  });

  test('into a folder of its own with --outbox', async () => {
    const folder = home.path('elsewhere');
    const said = ended(await offsite(['fleet', 'test-alert', '--store', home.store, '--outbox', folder]), 0);
    assert.match(said.out, new RegExp(`It is in ${folder}`));
    assert.equal(readdirSync(folder).length, 3);
  });

  test('a folder that nothing can be written to: said so, with what to do', async () => {
    const folder = home.write('no-folder', '');
    const said = ended(await offsite(['fleet', 'test-alert', '--store', home.store, '--outbox', folder]), 1);
    assert.match(said.err, new RegExp(`^error: ${folder}: a message cannot be kept: .+\n {2}.*--outbox DIR`));
    assert.ok(!/ at async /.test(said.err), said.err);
  });
});

describe('subscribe', () => {
  test('nobody subscribes to files: it says where they are', async () => {
    const said = ended(await offsite(['fleet', 'subscribe', '--email', 'jo@example.org', ...alertWords]), 2);
    assert.match(said.err, new RegExp(`its messages are files in ${home.path('outbox')}`, 'i'));
    const listed = ended(await offsite(['fleet', 'subscribe', '--list', ...alertWords]), 0);
    assert.match(listed.out, new RegExp(home.path('outbox')));
  });

  test('bad addresses and numbers, and nobody at all: exit 2', async () => {
    for (const more of [['--email', 'jo'], ['--sms', '0170 1234567'], []]) {
      const said = await offsite(['fleet', 'subscribe', ...more, ...alertWords, '--json']);
      assert.equal(oneDocument<Failed>(ended(said, 2)).error.code, 'usage', more.join(' '));
    }
  });
});

describe('watch', () => {
  test('runs until it is stopped, and audits at once; a stop is no failure', async () => {
    const child = spawn(OFFSITE, ['fleet', 'watch', ...words], { env: cleanEnvironment() });
    let err = '';
    child.stderr.on('data', (text) => {
      err += text;
    });
    await until(() => existsSync(home.path('store/audit/state.json')));
    child.kill('SIGTERM');
    assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0, err);
    assert.match(err, /^watching file:.*messages go to .*outbox$/m);
    assert.match(err, /^stopped; agents that run go on$/m);
  });
});

describe('teardown', () => {
  test('shows what it would remove, asks for --yes, and removes messages and nothing else', async () => {
    home.write('outbox/notes.txt', 'of a person\n');
    const before = outbox();
    const asked = ended(await offsite(['fleet', 'teardown', ...alertWords]), 2);
    assert.match(asked.err, /^to remove: .*\.email\.txt$/m);
    assert.match(asked.err, /--yes/);
    ended(await offsite(['fleet', 'teardown', '--dry-run', ...alertWords]), 0);
    assert.deepEqual(outbox(), before);
    const stored = readdirSync(home.path('store'), { recursive: true }).length;
    const done = ended(await offsite(['fleet', 'teardown', '--yes', ...alertWords, '--json']), 0);
    const { removed } = oneDocument<{ removed: string[] }>(done);
    assert.equal(removed.length, before.length - 1);
    assert.deepEqual(outbox(), ['notes.txt']);
    assert.equal(readdirSync(home.path('store'), { recursive: true }).length, stored);
  });

  test('again: nothing to remove, exit 0', async () => {
    assert.match(ended(await offsite(['fleet', 'teardown', ...alertWords]), 0).out, /nothing to remove/);
  });

  test("another stack's name: exit 2", async () => {
    const said = ended(await offsite(['fleet', 'teardown', '--stack', 'other', '--yes', ...alertWords, '--json']), 2);
    assert.equal(oneDocument<Failed>(said).error.code, 'stack-mismatch');
  });
});
