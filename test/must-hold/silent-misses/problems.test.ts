/** Misses that the record of problems could hide: an older one still open, an end that is no end, a message that got lost. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { audit } from '../../../functions/audit.ts';
import { dispatchManual } from '../../../functions/dispatch.ts';
import { faultyStore } from '../../helpers/faulty-store.ts';
import { TestHost } from '../../helpers/signed-run.ts';
import { TestStack, testKeys } from '../../helpers/test-stack.ts';
import {
  audited,
  auditedAt,
  D20,
  D21,
  D22,
  D23,
  dispatched,
  mailsAbout,
  noon,
  open,
  shown,
  slot,
  told,
} from './world.ts';

const MISSED = 'alerts/missed.data.carcosa.json';

/** Carcosa missed D20, and people know. */
async function missedOnce(hosts: Parameters<typeof TestStack.of>[0] = { carcosa: {} }): Promise<TestStack> {
  const stack = await TestStack.of(hosts);
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  for (const name of Object.keys(hosts ?? {})) if (name !== 'carcosa') await stack.goodRun(D20, { host: name });
  await auditedAt(stack, D20, '12:00', '12:15');
  await told(stack, 'missed');
  return stack;
}

test('a stale open alert of an older problem: one that was never closed hides no new miss', async () => {
  const stack = await missedOnce();
  const { body } = await stack.memory.get(MISSED);
  await dispatched(stack, D21);
  await stack.goodRun(D21);
  await auditedAt(stack, D21, '12:00', '12:15');
  assert.deepEqual(await open(stack), []);
  // As if its closing had been lost.
  stack.memory.overwrite(MISSED, body);
  stack.messages();
  await dispatched(stack, D22);
  await auditedAt(stack, D22, '12:00', '12:15');
  const { began, furtherCount } = await told(stack, 'missed');
  assert.deepEqual([began.due, furtherCount], [D22, 0]);
});

test('a stale open alert of an older problem: nor does one whose end was recorded and told', async () => {
  const stack = await missedOnce();
  await dispatched(stack, D21);
  await stack.goodRun(D21);
  await auditedAt(stack, D21, '12:00', '12:15');
  assert.notEqual((await stack.problem('missed'))?.closed?.told ?? null, null);
  // Three days later: the end was told long ago, whatever waits before an end is told.
  for (const due of [D22, D23]) await stack.goodRun(due);
  await auditedAt(stack, D23, '12:00', '12:15');
  stack.messages();
  const due = '2026-11-24T04:00:00Z';
  await dispatched(stack, due);
  await auditedAt(stack, due, '12:00', '12:15');
  assert.equal((await told(stack, 'missed')).began.due, due);
});

test("a recovery by someone else's success: another host’s, another set’s or an older run’s ends nothing", async () => {
  const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] }, purr: {} });
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  await dispatched(stack, D21);
  await stack.goodRun(D20, { host: 'purr' });
  await stack.goodRun(D20, { set: 'etc' });
  await auditedAt(stack, D20, '12:00', '12:15');
  await auditedAt(stack, D21, '12:00', '12:15');
  for (const set of ['data', 'etc']) await told(stack, 'missed', 'carcosa', set);
  await stack.goodRun(D22, { host: 'purr' });
  await stack.goodRun(D22, { set: 'etc' });
  // The run of the first night comes after all: it is older than what was missed in the second.
  const late = await stack
    .at('2026-11-22T05:00:00Z')
    .host()
    .backUp({ slot: slot(D20) });
  await stack.completeRun(late);
  assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['complete']);
  await auditedAt(stack, D22, '06:00', '06:15');
  assert.ok((await open(stack)).includes('missed carcosa/data'));
  assert.equal((await open(stack)).includes('missed carcosa/etc'), false);
});

test("a recovery by someone else's success: a failed, doubted or forged run ends nothing", async () => {
  const { foreign } = await testKeys();
  const bad = {
    failed: { outcome: 'failed' },
    suspect: { recipients: ['F'.repeat(40)] },
    forged: { signer: foreign },
  } as const;
  for (const [what, options] of Object.entries(bad)) {
    const stack = await missedOnce();
    await dispatched(stack, D21);
    await stack.goodRun(D21, { type: 'full', ...options });
    assert.notEqual((await stack.verdict({ due: D21 }))?.outcome, 'complete', what);
    await auditedAt(stack, D21, '12:00', '12:15');
    assert.equal((await open(stack)).includes('missed carcosa/data'), true, what);
  }
});

test("a recovery by someone else's success: a run under the prefix of another host ends nothing of this one’s", async () => {
  const stack = await missedOnce({ carcosa: {}, purr: {} });
  const { clock, memory: store } = stack;
  // Purr says that it is carcosa.
  const liar = new TestHost(
    { store, clock },
    { name: 'carcosa', node: 'mi-purr', signingKey: stack.host('purr').signingKey },
  );
  stack.at('2026-11-21T04:20:00Z');
  const run = await liar.backUp({ slot: slot(D21), type: 'full' });
  await stack.completeRun(run);
  await auditedAt(stack, D21, '05:00', '05:15');
  assert.equal((await open(stack)).includes('missed carcosa/data'), true);
});

test("a recovery by someone else's success: what was told with another set’s silence is told by itself when only that one is good again", async () => {
  const stack = await TestStack.of(
    { carcosa: { sets: ['data', 'etc'] } },
    {
      nightly: { incremental: 'cron(0 4 * * ? *)', deadline: '8h', sets: ['data'] },
      later: { incremental: 'cron(0 6 * * ? *)', deadline: '8h', sets: ['etc'] },
    },
  );
  await audited(stack, '2026-11-19T15:00:00Z');
  const night = async (due: string) => {
    await dispatched(stack, due);
    const later = due.replace('T04', 'T06');
    assert.equal((await stack.at(later).dispatch(later, 'later')).nodes, 1);
    await auditedAt(stack, due, '12:00', '12:15', '14:00', '14:15');
  };
  await night(D20);
  assert.equal((await told(stack, 'missed')).under, null);
  assert.notEqual((await told(stack, 'missed', 'carcosa', 'etc')).under, null, 'the host is silent, people know');
  for (const due of [D21, D22]) {
    await stack.goodRun(due);
    await night(due);
  }
  assert.deepEqual(await open(stack), ['missed carcosa/etc']);
  const { under, furtherCount } = await told(stack, 'missed', 'carcosa', 'etc');
  assert.deepEqual([under, furtherCount], [null, 2]);
});

test("a recovery by someone else's success: what nobody was asked for is told by itself when the others of its policy are asked again", async () => {
  const stack = await TestStack.of({ carcosa: {}, purr: {} });
  await audited(stack, '2026-11-19T13:00:00Z');
  // The first night nobody is asked; in the next ones all are, and carcosa stays silent.
  await auditedAt(stack, D20, '12:00', '12:15');
  for (const host of ['carcosa', 'purr']) assert.notEqual((await told(stack, 'missed', host)).under, null);
  await dispatched(stack, D21);
  await stack.goodRun(D21, { host: 'purr' });
  await auditedAt(stack, D21, '12:00', '12:15');
  assert.deepEqual(await open(stack), ['missed carcosa/data']);
  const { under, furtherCount } = await told(stack, 'missed');
  assert.deepEqual([under, furtherCount], [null, 1]);
});

test('a stale open alert of an older problem: what is told with one that is lost is told by itself', async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-19T13:00:00Z');
  await auditedAt(stack, D20, '12:00', '12:15');
  const { under } = await told(stack, 'missed');
  assert.ok(under !== null);
  stack.memory.remove(under);
  await dispatched(stack, D21);
  await auditedAt(stack, D21, '12:00', '12:15');
  assert.equal((await told(stack, 'missed')).under, null);
});

test('publish lost between record and mark: what could not be published is published by a later audit', async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  stack.notifier.beforePublish = () => {
    throw new Error('InternalError');
  };
  assert.ok((await stack.at(noon(D20)).audit()).errors.length > 0, 'audit fails, and so an alarm is raised');
  for (const at of ['2026-11-20T12:15:00Z', '2026-11-20T18:00:00Z', '2026-11-21T02:00:00Z']) {
    assert.ok((await stack.at(at).audit()).errors.length > 0);
  }
  assert.equal((await stack.problem('missed'))?.told, null);
  stack.notifier.beforePublish = () => {};
  await audited(stack, '2026-11-21T03:00:00Z');
  await told(stack, 'missed');
});

test('publish lost between record and mark: complete’s and dispatch’s too, though they are never run again', async () => {
  const stack = await TestStack.of({ carcosa: {}, purr: {} });
  await audited(stack, '2026-11-19T13:00:00Z');
  stack.commands.unknown.add('mi-purr');
  stack.notifier.beforePublish = () => {
    throw new Error('InternalError');
  };
  assert.ok((await stack.at('2026-11-20T04:00:20Z').dispatch(D20)).errors.length > 0);
  await stack.goodRun(D20, { outcome: 'failed' });
  stack.notifier.beforePublish = () => {};
  await auditedAt(stack, D20, '04:30', '04:45');
  await told(stack, 'failed');
  await told(stack, 'unknown-node', 'purr', null);
});

test('publish lost between record and mark: who dies after publishing is heard twice, and no third time', async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  const faults = [{ operation: 'put', key: /^alerts/, call: 2, times: 99, does: 'fail' }] as const;
  const { errors } = await audit(stack.at(noon(D20)).over(faultyStore(stack.memory, { faults })));
  assert.ok(errors.length > 0);
  assert.equal(mailsAbout(stack, 'carcosa/data'), 1);
  await auditedAt(stack, D20, '12:15', '12:30', '12:45', '20:00');
  assert.equal(mailsAbout(stack, 'carcosa/data'), 2);
  await told(stack, 'missed');
});

test('publish lost between record and mark: a problem that took its place meanwhile is not marked with it', async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  const recorded = await missedOnce().then((twin) => twin.problem('missed'));
  const began = { policy: 'nightly', due: D21, at: D21, run: stack.host().runOf(slot(D21)) };
  const next = { ...recorded, began, recorded: noon(D20), told: null };
  stack.notifier.afterPublish = () => {
    // Somebody else ends the problem and begins the next one, after this one's message and before its mark.
    stack.memory.overwrite(MISSED, Buffer.from(JSON.stringify(next)));
    stack.notifier.afterPublish = () => {};
  };
  await stack.at(noon(D20)).audit();
  assert.deepEqual([(await stack.problem('missed'))?.began.due, (await stack.problem('missed'))?.told], [D21, null]);
  await auditedAt(stack, D20, '12:15', '12:30');
  assert.equal((await told(stack, 'missed')).began.due, D21);
  assert.equal(mailsAbout(stack, 'carcosa/data'), 2);
});

test('skipped for weeks: a set that is always busy is missed every night, and people go on hearing of it', async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-19T13:00:00Z');
  const by = '20261119T040000Z-0123456789ab';
  const heard: number[] = [];
  stack.notifier.afterPublish = ({ subject }) => {
    if (!subject.startsWith('Offsite digest')) heard.push((+stack.clock.now() - Date.parse(D20)) / 86_400_000);
  };
  for (let day = 0; day < 21; day++) {
    const due = new Date(Date.parse(D20) + day * 86_400_000).toISOString().replace('.000Z', 'Z');
    await dispatched(stack, due);
    await stack.host().note('skipped', stack.host().runOf(slot(due)), { by });
    await auditedAt(stack, due, '12:00', '18:00');
    const verdict = await stack.verdict({ due });
    assert.deepEqual(shown(verdict), ['missed', 'busy'], due);
    assert.match(verdict?.reasons[0]?.text ?? '', new RegExp(`busy with run ${by} since `));
  }
  assert.equal((await told(stack, 'missed')).furtherCount, 20);
  // Told at the first deadline, and again in each of the weeks: 1, 3, 7 and 14 days after that.
  assert.deepEqual(heard.map(Math.floor), [0, 1, 3, 7, 14]);
});

test("manual run taken for the slot's: neither an unasked run nor one asked for by hand in its very minute is", async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  const deadline = new Date(noon(D20));
  const asked = await dispatchManual(stack.at(D20).stack, stack.commands, {
    host: 'carcosa',
    type: 'incremental',
    deadline,
  });
  assert.equal(asked.due, D20);
  await stack.at('2026-11-20T04:10:00Z').goodRun(D20, { policy: 'manual' });
  await stack.completeRun(await stack.at('2026-11-20T04:20:00Z').host().backUp());
  assert.equal(await stack.verdict({ due: D20 }), null);
  await auditedAt(stack, D20, '12:00', '12:15');
  assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['missed', 'never-started']);
  const problem = await stack.problem('missed');
  assert.deepEqual([problem?.began.due, problem?.told === null], [D20, false]);
  assert.equal((await stack.verdict({ due: D20, policy: 'manual' }))?.outcome, 'complete');
  assert.ok(mailsAbout(stack, 'carcosa/data') > 0);
});

test("manual run taken for the slot's: nor is the run of another set, host or policy of the same minute", async () => {
  const stack = await TestStack.of(
    { carcosa: { sets: ['data', 'etc'] }, purr: {} },
    {
      nightly: { incremental: 'cron(0 4 * * ? *)', deadline: '8h' },
      other: { full: 'cron(0 4 * * ? *)', deadline: '8h' },
    },
  );
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  await stack.dispatch(D20, 'other', 'full');
  await stack.goodRun(D20, { policy: 'other' });
  await stack.goodRun(D20, { set: 'etc' });
  await stack.goodRun(D20, { host: 'purr' });
  await auditedAt(stack, D20, '12:00', '12:15');
  assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['missed', 'never-started']);
  for (const [host, set] of [
    ['carcosa', 'etc'],
    ['purr', 'data'],
  ] as const) {
    assert.deepEqual(shown(await stack.verdict({ due: D20, host, set })), ['complete']);
  }
});
