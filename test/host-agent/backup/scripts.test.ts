/** Host scripts and commands that fail, hang, lie and leave things behind; and the gates that look at what they left. */

import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunResult } from '../../../host-agent/run/outcome.ts';
import { exitCodeOf } from '../../../host-agent/run/outcome.ts';
import { writeAcceptance } from '../../../repository/acceptance.ts';
import { ManifestReader } from '../../../repository/manifests.ts';
import { RunReader } from '../../../repository/run-reader.ts';
import { assertSound, restored } from '../../helpers/agent-check.ts';
import { AgentHost, HOST, SET } from '../../helpers/agent-host.ts';

/** A host whose set has these scripts; an empty text is a script that is not executable. */
function scripted(scripts: Record<string, string>, set: object = {}, paths = true): AgentHost {
  const host = new AgentHost();
  host.write({ 'a/one': 'one' });
  const folder = join(host.root, 'scripts');
  mkdirSync(folder);
  setScripts(host, scripts);
  host.config = host.configWith({ [SET]: { scripts: folder, ...(paths ? { paths: [host.source] } : {}), ...set } });
  return host;
}

function setScripts(host: AgentHost, scripts: Record<string, string>): void {
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(host.root, 'scripts', name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(host.root, 'scripts', name), 0o755);
  }
}

async function staged(host: AgentHost, run: string | null | undefined): Promise<Record<string, string>> {
  return await restored(host.place(), run ?? '', host.operator, (folder, report) => {
    assert.deepEqual(report.errors, []);
    const stage = join(folder, '.stage');
    return Object.fromEntries(readdirSync(stage).map((name) => [name, readFileSync(join(stage, name), 'utf8')]));
  });
}

const errorOf = (result: RunResult | undefined) => result?.manifest?.error;

describe('a script', () => {
  it('that exits 7 fails the run, which names it and says no more', async () => {
    using host = scripted({
      '10-good': 'echo fine > good',
      '20-bad': 'echo a secret; exit 7',
      '30-never': 'touch never',
    });
    const { results } = await host.run();
    const [result] = results;
    assert.equal(exitCodeOf(results), 1);
    assert.equal(result?.error?.code, 'script-failed');
    assert.deepEqual(errorOf(result), { code: 'script-failed', script: '20-bad' });
    const scripts = result?.manifest?.scripts;
    assert.deepEqual(
      scripts?.map(({ name, exitCode, lastLines }) => ({ name, exitCode, lastLines })),
      [
        { name: '10-good', exitCode: 0, lastLines: undefined },
        { name: '20-bad', exitCode: 7, lastLines: undefined },
      ],
    );
    assert.ok(!JSON.stringify(result?.manifest).includes('a secret'));
    setScripts(host, { '20-bad': 'true' });
    const { run, result: good } = await host.good();
    assert.equal(good.manifest?.sequence, 2);
    assert.deepEqual(await staged(host, run), { good: 'fine\n', never: '' });
    await host.assertSound();
  });

  it('whose output may be shown: its last lines', async () => {
    const text = 'for i in $(seq 100); do echo line $i; done; exit 7';
    using host = scripted({ bad: text }, { alertOutput: true });
    const [result] = (await host.run()).results;
    const lines = result?.manifest?.scripts[0]?.lastLines?.split('\n') ?? [];
    assert.equal(lines.length, 20);
    assert.equal(lines.at(-1), 'line 100');
  });

  for (const [what, text] of [
    ['faces', "for i in $(seq 1500); do printf '\\360\\237\\230\\200'; done; echo x; exit 7"],
    ['bytes that are no text', 'head -c 5000 /dev/urandom; exit 7'],
    ['nothing', 'exit 7'],
    ['control characters', "printf '\\033[31mred\\000\\001\\033[0m'; exit 7"],
    ['megabytes', 'head -c 3000000 /dev/zero | tr "\\0" x; exit 7'],
  ] as const) {
    it(`that says ${what} and fails: the failed manifest is published`, async () => {
      using host = scripted({ bad: text }, { alertOutput: true });
      const { results, notices } = await host.run();
      assert.deepEqual(notices, []);
      assert.equal(errorOf(results[0])?.script, 'bad');
      assert.ok(Buffer.byteLength(results[0]?.manifest?.scripts[0]?.lastLines ?? '') <= 8192);
    });
  }

  it('that hangs, and minds no signal, is killed with all that it began', async () => {
    const text = 'trap "" TERM INT HUP\n(trap "" TERM; sleep 300) &\nsleep 300';
    using host = scripted({ hangs: text }, { scriptTimeout: '1s' });
    const began = performance.now();
    const [result] = (await host.run()).results;
    assert.ok(performance.now() - began < 60_000);
    assert.equal(result?.error?.code, 'script-timeout');
    assert.deepEqual(errorOf(result), { code: 'script-timeout', script: 'hangs' });
    assert.equal(result?.manifest?.scripts[0]?.exitCode, null);
  });

  it('that leaves a daemon behind which holds its output open ends all the same', async () => {
    using host = scripted({
      daemon: 'echo $$ > pid\nsetsid sh -c "echo \\$\\$ > daemon-pid; exec sleep 120" &\nsleep 0.2',
    });
    const began = performance.now();
    const [result] = (await host.run()).results;
    assert.equal(result?.outcome, 'complete');
    assert.ok(performance.now() - began < 60_000, `${performance.now() - began} ms`);
    const { 'daemon-pid': pid = '' } = await staged(host, result.run);
    process.kill(Number(pid), 'SIGKILL');
  });

  it('that leaves something running: it writes no more when its output is read', async () => {
    using host = scripted({ dump: '(while :; do date +%N >> growing; done) &\nwhile [ ! -s growing ]; do :; done' });
    const [result] = (await host.run()).results;
    assert.equal(result?.outcome, 'complete');
    assert.deepEqual(result?.manifest?.warnings, []);
  });

  it('that leaves nothing: the run has failed', async () => {
    using host = scripted({ dump: 'true' });
    const [result] = (await host.run()).results;
    assert.equal(result?.error?.code, 'stage-empty');
    assert.deepEqual(errorOf(result), { code: 'stage-empty' });
  });

  it('that is not executable, or has no interpreter, is named', async () => {
    using host = scripted({ dump: 'echo x > x' });
    chmodSync(join(host.root, 'scripts/dump'), 0o644);
    assert.deepEqual(errorOf((await host.run()).results[0]), { code: 'script-failed', script: 'dump' });
    writeFileSync(join(host.root, 'scripts/dump'), '#!/nonexistent/interpreter\n');
    chmodSync(join(host.root, 'scripts/dump'), 0o755);
    assert.deepEqual(errorOf((await host.run()).results[0]), { code: 'script-failed', script: 'dump' });
    setScripts(host, { dump: 'kill -9 $$' });
    assert.deepEqual(errorOf((await host.run()).results[0]), { code: 'script-failed', script: 'dump' });
  });

  it('that is a dangling link, or whose folder is gone: the run has failed, and it is no bug', async () => {
    using host = scripted({ dump: 'echo x > x' });
    symlinkSync('nowhere', join(host.root, 'scripts/zz'));
    assert.equal((await host.run()).results[0]?.error?.code, 'stage-failed');
    rmSync(join(host.root, 'scripts'), { recursive: true });
    assert.equal((await host.run()).results[0]?.error?.code, 'stage-failed');
  });

  it('finds a fresh folder each time: what an earlier run left is never taken for a new dump', async () => {
    using host = scripted({ dump: 'ls -A > found; [ -n "$OFFSITE_STAGE" ] && echo old > old' });
    assert.deepEqual(await staged(host, (await host.good()).run), { found: 'found\n', old: 'old\n' });
    setScripts(host, { dump: 'ls -A > found' });
    const died = await host.run({
      saboteur: { before: ({ path }) => (path.endsWith('manifest.json') ? 'die' : undefined) },
    });
    assert.ok(died.died);
    setScripts(host, { dump: 'ls -A > found2' });
    assert.deepEqual(await staged(host, (await host.good()).run), { found2: 'found2\n' });
    assert.ok(!readdirSync(host.stateOf()).includes('stage'), 'no dump is left on the host');
  });

  it('whose folder holds backups of editors runs none of them', async () => {
    using host = scripted({ dump: 'echo x > x', 'dump~': 'exit 1', '.dump.swp': 'exit 1', 'dump.bak': 'exit 1' });
    await host.good();
  });
});

describe('a command', () => {
  it('is streamed into its file', async () => {
    using host = scripted({}, { scripts: undefined, commands: { 'big.txt': 'seq 100000', small: 'printf x' } });
    const files = await staged(host, (await host.good()).run);
    assert.equal(files.small, 'x');
    assert.equal(files['big.txt']?.length, 588_895);
  });

  it('whose pipe hides a failure fails the run', async () => {
    using host = scripted({}, { scripts: undefined, commands: { dump: 'false | cat' } });
    const [result] = (await host.run()).results;
    assert.deepEqual(errorOf(result), { code: 'script-failed', script: 'command:1' });
  });

  it('that hangs is killed', async () => {
    using host = scripted({}, { scripts: undefined, scriptTimeout: '1s', commands: { dump: 'echo x; sleep 60' } });
    const [result] = (await host.run()).results;
    assert.deepEqual(errorOf(result), { code: 'script-timeout', script: 'command:1' });
  });

  it('that leaves a daemon behind ends all the same', async () => {
    using host = scripted({}, { scripts: undefined, commands: { dump: 'echo dumped; setsid sleep 120 & sleep 0.2' } });
    const began = performance.now();
    const files = await staged(host, (await host.good()).run);
    assert.equal(files.dump, 'dumped\n');
    assert.ok(performance.now() - began < 60_000);
  });

  it('that pauses before its end loses none of it', async () => {
    const dump = 'head -c 2000000 /dev/zero; (sleep 1.2; printf end) & wait';
    using host = scripted({}, { scripts: undefined, commands: { dump } });
    const files = await staged(host, (await host.good()).run);
    assert.equal(files.dump?.length, 2_000_003);
  });

  it('whose daemon goes on writing is killed when its time is up', async () => {
    const dump = 'setsid sh -c "while :; do echo more; sleep 0.1; done" &\nsleep 0.3';
    using host = scripted({}, { scripts: undefined, scriptTimeout: '2s', commands: { dump } });
    const [result] = (await host.run()).results;
    assert.deepEqual(errorOf(result), { code: 'script-timeout', script: 'command:1' });
  });

  it('that fails when its disk is full: the run has failed', async () => {
    using host = scripted({ first: 'mkdir dump' }, { commands: { dump: 'seq 10' } });
    const [result] = (await host.run()).results;
    assert.deepEqual(errorOf(result), { code: 'script-failed', script: 'command:1' });
  });
});

describe('a dump that is not worth having', () => {
  async function suspect(host: AgentHost, gates: string[]): Promise<RunResult> {
    const { results } = await host.run();
    const [result] = results;
    assert.equal(result?.outcome, 'suspect');
    assert.equal(exitCodeOf(results), 3);
    assert.deepEqual(
      result?.manifest?.gates.filter(({ ok }) => !ok).map(({ gate }) => gate),
      gates,
    );
    return result;
  }

  it('is empty where one is required: suspect', async () => {
    const set = { expect: { require: ['.stage/db/*.sql', '.stage/other'] } };
    using host = scripted({ dump: 'mkdir db; echo x > db/a.sql; echo y > other' }, set);
    const { run } = await host.good();
    setScripts(host, { dump: 'mkdir db; : > db/a.sql; echo y > other' });
    await suspect(host, ['require:1']);
    setScripts(host, { dump: 'mkdir db; echo x > db/a.sql' });
    await suspect(host, ['require:2']);
    setScripts(host, { dump: 'mkdir db; echo x > db/b.sql; echo y > other' });
    const next = await host.good();
    assert.equal(next.result.manifest?.base?.run, run, 'a suspect run is no base');
    await host.assertSound();
  });

  it('shrank: suspect, no base, until the operator accepts it', async () => {
    using host = scripted({ dump: 'head -c 100000 /dev/zero > dump' }, { paths: [] });
    const { run } = await host.good({ standalone: true });
    setScripts(host, { dump: 'head -c 40000 /dev/zero > dump' });
    const shrunk = await suspect(host, ['maxShrink']);
    const again = await host.run({ standalone: true });
    assert.equal(again.results[0]?.outcome, 'suspect');
    assert.equal(again.results[0]?.manifest?.base?.run, run);
    const signed = await new ManifestReader(host.store, null).read({
      ...host.place(),
      run: again.results[0]?.run ?? '',
    });
    const place = { prefix: HOST, set: SET, run: signed.manifest.run, payload: signed.payloadHash };
    const signing = { key: host.operator, now: host.clock.now() };
    await writeAcceptance(host.store, { ...place, because: 'looked at' }, signing);
    const next = await host.good({ standalone: true });
    assert.equal(next.result.manifest?.base?.run, signed.manifest.run, 'an accepted one is');
    assert.equal(next.result.manifest?.actual, 'incremental');
    // Restorable like any other run.
    assert.equal((await staged(host, shrunk.run)).dump?.length, 40_000);
    await assertSound(host.place());
  });

  it('a full is held against the last run as well, and not where no state knows it', async () => {
    using host = scripted({ dump: 'head -c 100000 /dev/zero > dump' }, { paths: [] });
    await host.good({ type: 'full' });
    setScripts(host, { dump: 'head -c 40000 /dev/zero > dump' });
    const [result] = (await host.run({ type: 'full' })).results;
    assert.equal(result?.outcome, 'suspect');
    rmSync(host.state, { recursive: true });
    const { result: blind } = await host.good({ type: 'full' });
    assert.ok(!blind.manifest?.gates.some(({ gate }) => gate === 'maxShrink'));
  });

  it('has too few files or bytes: suspect', async () => {
    using host = scripted({ dump: 'echo x > x' }, { expect: { minFiles: 5, minBytes: '1KB' } });
    await suspect(host, ['minFiles', 'minBytes']);
  });
});

it('a run that is stopped by a signal leaves no manifest, and the same job ends it', async () => {
  using host = scripted({});
  const begun = join(host.root, 'begun');
  setScripts(host, { dump: `touch ${begun}; sleep 300; echo x > x` });
  const controller = new AbortController();
  const due = host.nextDue();
  const running = host.run({ due, signal: controller.signal });
  while (!existsSync(begun)) await sleep(20);
  controller.abort(new Error('SIGTERM'));
  await assert.rejects(running, { code: 'interrupted' });
  unlinkSync(join(host.root, 'scripts/dump'));
  setScripts(host, { dump: 'echo x > x' });
  const { notices } = await host.good({ due });
  assert.ok(notices.some((text) => text.includes('it is continued')));
  await host.assertSound();
});

it('output of scripts is in the index, for whoever holds the key', async () => {
  using host = scripted({ dump: 'echo said; echo x > x' });
  const { run } = await host.good();
  const manifests = new ManifestReader(host.store, null);
  const signed = await manifests.read({ ...host.place(), run });
  const reader = new RunReader({ store: host.store, manifests, key: host.operator }, signed);
  assert.equal((await reader.index()).scripts[0]?.output, 'said\n');
});
