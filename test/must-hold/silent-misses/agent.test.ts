/** Misses that look like backups: made by the real agent, judged by the real stack. */

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ALL_RUNS } from '../../../contract/keys.ts';
import { type Problem, type ProblemKind, problemKey, problemKind } from '../../../contract/problem.ts';
import { latestKind, type Verdict } from '../../../contract/verdict.ts';
import { audit } from '../../../functions/audit.ts';
import { complete } from '../../../functions/complete.ts';
import { dispatch } from '../../../functions/dispatch.ts';
import { readDocument } from '../../../functions/lib/documents.ts';
import { type Stack, stackOf } from '../../../functions/stack.ts';
import { readChecked, writeChecked } from '../../../host-agent/state/files.ts';
import { putFleet } from '../../../repository/fleet.ts';
import { AgentHost, HOST, operatorKey } from '../../helpers/agent-host.ts';
import { FakeCommands } from '../../helpers/fake-commands.ts';
import { FakeEvents } from '../../helpers/fake-events.ts';
import { FakeNotifier } from '../../helpers/fake-notifier.ts';
import { makeOperator, makeSigningKey } from '../../helpers/signed-run.ts';
import { TestStack } from '../../helpers/test-stack.ts';
import { auditedAt, D20, D21, dispatched, open, shown, slot, told } from './world.ts';

const N1 = '2026-05-02T04:00:00Z';
const N2 = '2026-05-03T04:00:00Z';
const N3 = '2026-05-04T04:00:00Z';

/** One host with the real agent, and a stack over the store that it writes to. */
class Watched implements Disposable {
  readonly agent: AgentHost;
  readonly notifier = new FakeNotifier();
  readonly #stack: Stack;
  readonly #commands = new FakeCommands();
  readonly #seen = new Set<string>();

  private constructor(agent: AgentHost) {
    this.agent = agent;
    const { store, clock } = agent;
    const { notifier } = this;
    this.#stack = stackOf({ store, clock, notifier, events: new FakeEvents(), anchor: [operatorKey().publicKey] });
  }

  /** The agent's set is of these folders below its source, each with a few files. */
  static async of(folders: readonly string[], set: object = {}, recipients: readonly string[] = []): Promise<Watched> {
    const agent = new AgentHost();
    const watched = new Watched(agent);
    for (const folder of folders) {
      agent.write(Object.fromEntries([1, 2, 3].map((n) => [`${folder}/file-${n}`, `${folder} ${n} `.repeat(5000)])));
    }
    watched.configure(folders, set);
    const fleet = {
      store: 's3://my-backups',
      recipients: [operatorKey().fingerprint, ...recipients],
      hosts: { [HOST]: { node: HOST, sets: ['data'] } },
      policies: { nightly: { hosts: [HOST], incremental: 'cron(0 4 * * ? *)', deadline: '8h' } },
    };
    await putFleet(agent.store, fleet, agent.clock.now());
    return watched;
  }

  configure(folders: readonly string[], set: object = {}): void {
    const paths = folders.map((folder) => join(this.agent.source, folder));
    this.agent.config = this.agent.configWith({ data: { paths, ...set } });
  }

  /** A whole night: asked, made, announced, and audited after the deadline; the verdict. */
  async night(due: string, options: Parameters<AgentHost['run']>[0] = {}): Promise<Verdict> {
    const { agent } = this;
    agent.clock.set(due);
    await dispatch(this.#stack, this.#commands, { policy: 'nightly', type: 'incremental', time: new Date(due) });
    agent.clock.set(due.replace('04:00', '04:10'));
    const { results } = await agent.run({ due, keepsClock: true, ...options });
    for await (const { key } of agent.store.list(ALL_RUNS)) {
      if (!key.endsWith('/manifest.json') || this.#seen.has(key)) continue;
      this.#seen.add(key);
      assert.deepEqual((await complete(this.#stack, { kind: 'object', key })).errors, []);
    }
    for (const time of ['12:00', '12:15']) await this.audited(due.replace('04:00', time));
    const run = results[0]?.run ?? '';
    for await (const { key } of agent.store.list('slots/')) {
      if (key.includes(run)) return JSON.parse((await agent.store.get(key)).body.toString());
    }
    throw new Error(`no verdict of ${run}`);
  }

  async audited(at: string): Promise<void> {
    this.agent.clock.set(at);
    assert.deepEqual((await audit(this.#stack)).errors, []);
  }

  /** The problem, told to people, and still open. */
  async told(kind: ProblemKind): Promise<Problem> {
    const key = problemKey({ kind, host: HOST, set: 'data' });
    const { document } = await readDocument(this.agent.store, key, problemKind);
    assert.ok(document !== null && document.closed === null, `${kind} is not open`);
    assert.notEqual(document.told, null);
    assert.ok(this.notifier.published.some(({ email }) => email.includes(`${HOST}/data`)));
    return document;
  }

  async newestGood(): Promise<string | undefined> {
    const { document } = await readDocument(this.agent.store, `latest/${HOST}/data.json`, latestKind);
    return document?.good?.run;
  }

  [Symbol.dispose](): void {
    this.agent[Symbol.dispose]();
  }
}

const notices = ({ notices }: Verdict) => notices.map(({ code }) => code);

test('complete on a backup nobody can read (recipients): one that the operator’s key does not open is told, and is no good one', async () => {
  using watched = await Watched.of(['home']);
  const stranger = await makeOperator();
  assert.deepEqual(shown(await watched.night(N1)), ['complete']);
  const good = await watched.newestGood();
  assert.ok(good !== undefined);
  const verdict = await watched.night(N2, { type: 'full', recipients: [stranger.key.publicKey] });
  assert.deepEqual(shown(verdict), ['suspect', 'recipients']);
  assert.match((await watched.told('suspect')).reasons[0]?.text ?? '', new RegExp(operatorKey().fingerprint));
  assert.equal(await watched.newestGood(), good);
});

test('complete on a backup nobody can read (recipients): so is one that only some of the fleet file’s keys open', async () => {
  const escrow = await makeOperator();
  using watched = await Watched.of(['home'], {}, [escrow.fingerprint]);
  assert.deepEqual(shown(await watched.night(N1)), ['suspect', 'recipients']);
  assert.match((await watched.told('suspect')).reasons[0]?.text ?? '', new RegExp(escrow.fingerprint));
  const both = [operatorKey().publicKey, escrow.key.publicKey];
  assert.deepEqual(shown(await watched.night(N2, { type: 'full', recipients: both })), ['complete']);
});

test('unmounted source: an empty mount point beside a full one is told', async () => {
  using watched = await Watched.of(['home', 'database'], { expect: { maxShrink: '100%' } });
  assert.deepEqual(shown(await watched.night(N1)), ['complete']);
  const { source } = watched.agent;
  for (const n of [1, 2, 3]) rmSync(join(source, `database/file-${n}`));
  assert.deepEqual(shown(await watched.night(N2)), ['suspect', 'gate']);
  await watched.told('suspect');
  assert.deepEqual(shown(await watched.night(N3)), ['suspect', 'gate']);
  await watched.told('suspect');
});

test('unmounted source: a mount point that holds something else is told by how much it shrank', async () => {
  using watched = await Watched.of(['home']);
  assert.deepEqual(shown(await watched.night(N1)), ['complete']);
  const { source } = watched.agent;
  for (const n of [1, 2, 3]) rmSync(join(source, `home/file-${n}`));
  watched.agent.write({ 'home/README': 'nothing is mounted here' });
  assert.deepEqual(shown(await watched.night(N2)), ['suspect', 'gate']);
  await watched.told('suspect');
});

test('unmounted source: a path that is not there at all, or whose required file is empty, is told', async () => {
  for (const what of ['gone', 'empty']) {
    const expect = { require: ['**/database/file-1'], maxShrink: '100%' };
    using watched = await Watched.of(['home', 'database'], { expect });
    assert.deepEqual(shown(await watched.night(N1)), ['complete']);
    if (what === 'gone') rmSync(join(watched.agent.source, 'database'), { recursive: true });
    else watched.agent.write({ 'database/file-1': '' });
    const { outcome } = await watched.night(N2);
    assert.ok(outcome === 'failed' || outcome === 'suspect', `${what}: ${outcome}`);
    await watched.told(outcome);
  }
});

test('unmounted source: a path that was a mount point at the last run, and is a folder of the disk below now, is told', async () => {
  using watched = await Watched.of(['home']);
  const { run } = await watched.night(N1);
  // As if home had been mounted in the first night: the state of that run says so.
  const state = join(watched.agent.stateOf(), 'states', run, 'state.json');
  const known = readChecked(state) as { mounts: string[] };
  assert.deepEqual(known.mounts, []);
  await writeChecked(state, { ...known, mounts: [join(watched.agent.source, 'home')] });
  const verdict = await watched.night(N2);
  assert.deepEqual(shown(verdict), ['failed', 'host-failed']);
  assert.match(verdict.reasons[0]?.text ?? '', /source-missing/);
  await watched.told('failed');
});

test('path dropped from config (config hash: digest notice): the verdict has it, and the digest says it', async () => {
  using watched = await Watched.of(['home', 'database']);
  await watched.night(N1);
  assert.equal(notices(await watched.night(N2)).includes('config'), false);
  watched.notifier.takeDigests();
  watched.configure(['home'], { expect: { maxShrink: '100%' } });
  const verdict = await watched.night(N3);
  assert.deepEqual([shown(verdict), notices(verdict).includes('config')], [['complete'], true]);
  // One comes with the first audit after 07:00, the digest's own time.
  await watched.audited('2026-05-05T07:15:00Z');
  const mails = watched.notifier.takeDigests().map(({ email }) => email);
  assert.ok(
    mails.some((email) => /config changed/.test(email) && email.includes(`${HOST}/data`)),
    mails.join('\n'),
  );
});

test('role re-created (roles are retained, fixed name; prefixes found by node): a host of a new prefix is judged as the same host', async () => {
  const stack = await TestStack.of();
  await dispatched(stack, D20);
  await stack.goodRun(D20);
  const signingKey = await makeSigningKey();
  const anew = await stack.addHost('carcosa', { signingKey, prefix: 'AROAANEW:mi-carcosa' });
  await dispatched(stack, D21);
  await stack.goodRun(D21, { outcome: 'failed' });
  assert.equal(stack.host(), anew);
  assert.deepEqual(shown(await stack.verdict({ due: D21 })), ['failed', 'host-failed']);
  await auditedAt(stack, D21, '12:00', '12:15');
  await told(stack, 'failed');
});

test('role re-created (roles are retained, fixed name; prefixes found by node): a run there that nobody announced is found, and silence is missed', async () => {
  const stack = await TestStack.of({ carcosa: {}, purr: {} });
  await dispatched(stack, D20);
  for (const host of ['carcosa', 'purr']) await stack.goodRun(D20, { host });
  for (const host of ['carcosa', 'purr']) {
    await stack.addHost(host, { signingKey: await makeSigningKey(), prefix: `AROAZNEW:mi-${host}` });
  }
  await dispatched(stack, D21);
  stack.at('2026-11-21T04:20:00Z');
  await stack.host('purr').backUp({ slot: slot(D21), outcome: 'failed' });
  await auditedAt(stack, D21, '12:00', '12:15');
  assert.deepEqual(shown(await stack.verdict({ due: D21, host: 'purr' })), ['failed', 'host-failed']);
  assert.deepEqual(await open(stack), ['failed purr/data', 'missed carcosa/data']);
  await told(stack, 'missed');
  await told(stack, 'failed', 'purr');
});
