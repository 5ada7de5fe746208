/** What hides what, and must not. Each of these was found by the simulation, or while it was written. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectKey } from '../../contract/keys.ts';
import { type Problem, problemKey } from '../../contract/problem.ts';
import { expectedKind } from '../../contract/verdict.ts';
import { audit } from '../../functions/audit.ts';
import { readDocument } from '../../functions/lib/documents.ts';
import type { ObjectStore } from '../../store/port.ts';
import { TestStack } from '../helpers/test-stack.ts';

const D20 = '2026-11-20T04:00:00Z';
const D21 = '2026-11-21T04:00:00Z';

async function auditAt(stack: TestStack, time: string): Promise<string[]> {
  assert.deepEqual((await stack.at(time).audit()).errors, []);
  return stack.messages();
}

test('complete tells of what it found itself, not of what was told with a cause that has ended since', async () => {
  const stack = await TestStack.of();
  const [told, ...more] = await auditAt(stack, '2026-11-20T12:05:00Z');
  assert.match(told ?? '', /^NOT DISPATCHED policy nightly/);
  assert.deepEqual(more, []);
  await stack.at(D21).dispatch(D21);
  await stack.at('2026-11-21T04:10:00Z').completeCommand('mi-carcosa', D21, 1);
  const messages = stack.messages();
  assert.equal(messages.length, 1, messages.join());
  assert.match(messages[0] ?? '', /^FAILED carcosa\/data/);
});

test('what is opened again, and is due for a repeat by then, is repeated in the next audit', async () => {
  const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] } });
  await stack.at(D20).dispatch(D20);
  await stack.goodRun(D20, { outcome: 'failed' });
  await stack.goodRun(D20, { set: 'etc', outcome: 'partial' });
  assert.equal(stack.messages().length, 2);
  stack.at('2026-11-20T22:00:00Z');
  await stack.completeRun(await stack.host().backUp({ type: 'full' }));
  // The end waits for the rest of the host.
  assert.deepEqual(await auditAt(stack, '2026-11-20T22:05:00Z'), []);
  assert.notEqual((await stack.problem('failed'))?.closed, null);
  const [repeat, ...more] = await auditAt(stack, '2026-11-21T04:25:00Z');
  assert.match(repeat ?? '', /STILL PARTIAL carcosa\/etc/);
  assert.deepEqual(more, []);
  await stack.at(D21).dispatch(D21);
  stack.at('2026-11-21T05:00:00Z');
  const again = await stack.host().backUp({ slot: { policy: 'nightly', due: D21 }, type: 'full', outcome: 'failed' });
  await stack.completeRun(again);
  assert.deepEqual(stack.messages(), []);
  assert.equal((await stack.problem('failed'))?.closed, null);
  const [late, ...others] = await auditAt(stack, '2026-11-21T05:05:00Z');
  assert.match(late ?? '', /2 STILL OPEN/);
  assert.deepEqual(others, []);
});

test('a policy’s problem that is told with another policy’s stays so while only one of its hosts is looked at', async () => {
  const policy = (cron: string) => ({ incremental: cron, deadline: '8h' });
  const policies = { early: policy('cron(0 4 * * ? *)'), later: policy('cron(0 5 * * ? *)') };
  const stack = await TestStack.of({ carcosa: {}, purr: {} }, policies);
  assert.equal((await auditAt(stack, '2026-11-20T12:05:00Z')).length, 1);
  assert.deepEqual(await auditAt(stack, '2026-11-20T13:05:00Z'), [], 'told with the first one');
  // A day later the first one no longer covers what begins.
  assert.equal((await auditAt(stack, '2026-11-21T12:20:00Z')).length, 1, 'the repeat');
  assert.deepEqual(await auditAt(stack, '2026-11-21T13:05:00Z'), []);
  assert.deepEqual(await auditAt(stack, '2026-11-21T15:05:00Z'), []);
  stack.at('2026-11-21T15:50:00Z');
  const partial = await stack.host().backUp({ type: 'full', outcome: 'partial' });
  stack.notifier.beforePublish = () => {
    throw new Error('InternalError');
  };
  await stack.completeRun(partial);
  stack.notifier.beforePublish = () => {};
  assert.deepEqual(await auditAt(stack, '2026-11-21T15:52:00Z'), [], 'whoever recorded it may be about to tell it');
});

test('a run that is late is an open problem, also where a newer late one has just ended', async () => {
  const friday = (time: string, deadline: string) => ({ sets: ['data'], full: `cron(0 ${time} ? * FRI *)`, deadline });
  const policies = { slow: friday('4', '30h'), quick: friday('5', '5h') };
  const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] } }, policies);
  const host = stack.host();
  const due = { slow: D20, quick: '2026-11-20T05:00:00Z' };
  await stack.at(due.slow).dispatch(due.slow, 'slow', 'full');
  await host.note('started', host.runOf({ policy: 'slow', due: due.slow }));
  await stack.at(due.quick).dispatch(due.quick, 'quick', 'full');
  await host.note('started', host.runOf({ policy: 'quick', due: due.quick }));
  // Another problem of the host keeps the end of the first one from being told.
  await stack.completeRun(await host.backUp({ set: 'etc', type: 'full', outcome: 'partial' }));
  assert.match(stack.messages().join(), /PARTIAL/);
  assert.match((await auditAt(stack, '2026-11-20T10:05:00Z')).join(), /LATE/);
  stack.at('2026-11-21T09:00:00Z');
  await stack.completeRun(await host.backUp({ slot: { policy: 'quick', due: due.quick }, type: 'full' }));
  assert.notEqual((await stack.problem('late'))?.closed, null);
  assert.equal((await stack.problem('late'))?.closed?.told, null);
  await auditAt(stack, '2026-11-21T10:05:00Z');
  const late = await stack.problem('late');
  assert.equal(late?.closed, null);
  assert.equal(late?.began.policy, 'slow');
});

const FIVE = '2026-11-20T05:00:00Z';

/** Data is backed up at 04:00 and etc at 05:00; at 04:00 the command service does not know the node. */
async function stackWithUnknownNode(): Promise<TestStack> {
  const policies = {
    nightly: { sets: ['data'], incremental: 'cron(0 4 * * ? *)', deadline: '8h' },
    later: { sets: ['etc'], incremental: 'cron(0 5 * * ? *)', deadline: '2h' },
  };
  const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] } }, policies);
  await auditAt(stack, '2026-11-19T13:00:00Z');
  stack.commands.unknown.add('mi-carcosa');
  await stack.at(D20).dispatch(D20);
  assert.match(stack.messages().join(), /^UNKNOWN NODE carcosa/);
  return stack;
}
/** At 05:00 it is known again, and etc is backed up. */
async function backUpEtc(stack: TestStack): Promise<void> {
  stack.commands.unknown.clear();
  await stack.at(FIVE).dispatch(FIVE, 'later');
  await stack.goodRun(FIVE, { policy: 'later', set: 'etc', slot: { policy: 'later', due: FIVE }, type: 'full' });
}
const UNKNOWN = 'UNKNOWN NODE since 2026-11-20 04:00 UTC';
const MISSED = 'MISSED carcosa/data since 2026-11-20 04:00 UTC: node mi-carcosa was unknown';

test('a set that was missed while its node was unknown is told, although another set of the host was backed up', async () => {
  const stack = await stackWithUnknownNode();
  await backUpEtc(stack);
  assert.deepEqual(await auditAt(stack, '2026-11-20T05:30:00Z'), [`GOOD AGAIN carcosa, was ${UNKNOWN}`]);
  assert.deepEqual(await auditAt(stack, '2026-11-20T12:00:00Z'), [MISSED]);
});

test('the end of an unknown node waits for the sets that were missed with it, a day; then they are told', async () => {
  const stack = await stackWithUnknownNode();
  await stack.at(FIVE).dispatch(FIVE, 'later');
  stack.messages();
  assert.deepEqual(await auditAt(stack, '2026-11-20T12:00:00Z'), []);
  const missed = await stack.problem('missed');
  assert.deepEqual([missed?.told, missed?.under], [null, 'alerts/unknown-node.-.carcosa.json']);
  stack.commands.unknown.clear();
  await stack.completeRun(await stack.at('2026-11-20T15:00:00Z').host().backUp({ set: 'etc', type: 'full' }));
  assert.notEqual((await stack.problem('unknown-node', 'carcosa', null))?.closed, null);
  assert.notEqual((await stack.problem('missed', 'carcosa', 'etc'))?.closed, null);
  assert.deepEqual(await auditAt(stack, '2026-11-20T15:15:00Z'), [], 'data was not backed up');
  await stack.at(D21).dispatch(D21);
  await stack.at('2026-11-21T05:00:00Z').dispatch('2026-11-21T05:00:00Z', 'later');
  await stack.goodRun('2026-11-21T05:00:00Z', {
    policy: 'later',
    set: 'etc',
    slot: { policy: 'later', due: '2026-11-21T05:00:00Z' },
  });
  assert.deepEqual(await auditAt(stack, '2026-11-21T11:45:00Z'), []);
  assert.deepEqual(
    await auditAt(stack, '2026-11-21T12:00:00Z'),
    [MISSED.replace('node mi-carcosa was unknown', 'never started')],
    'asked again, and missed',
  );
  assert.deepEqual(await auditAt(stack, '2026-11-21T15:00:00Z'), [`GOOD AGAIN carcosa, was ${UNKNOWN}`]);
});

test('sets that were missed with their node and not asked again are told a day after it is known', async () => {
  const stack = await stackWithUnknownNode();
  assert.deepEqual(await auditAt(stack, '2026-11-20T04:30:00Z'), []);
  await backUpEtc(stack);
  assert.equal(await stack.problem('missed'), null);
  // Nobody has heard yet that the host is back, and sets are not asked all at once.
  assert.deepEqual(await auditAt(stack, '2026-11-20T12:00:00Z'), []);
  assert.deepEqual(await auditAt(stack, '2026-11-21T05:15:00Z'), []);
  assert.deepEqual(await auditAt(stack, '2026-11-21T05:30:00Z'), [`GOOD AGAIN carcosa, was ${UNKNOWN}`, MISSED]);
});

test('sets that were missed with their node end with it, in one notice', async () => {
  const stack = await stackWithUnknownNode();
  await stack.at(FIVE).dispatch(FIVE, 'later');
  stack.messages();
  await auditAt(stack, '2026-11-20T12:00:00Z');
  stack.commands.unknown.clear();
  await stack.at(D21).dispatch(D21);
  await stack.goodRun(D21, { type: 'full' });
  await stack.completeRun(await stack.host().backUp({ set: 'etc', type: 'full' }));
  assert.deepEqual(await auditAt(stack, '2026-11-21T04:30:00Z'), [`GOOD AGAIN carcosa, was ${UNKNOWN}`]);
  assert.notEqual((await stack.problem('missed'))?.closed, null);
});

test('a record that cannot be read keeps no message from being sent: it lacks that host’s newest good backup', async () => {
  const stack = await TestStack.of({ carcosa: {}, purr: {} });
  await stack.at(D20).dispatch(D20);
  await auditAt(stack, '2026-11-20T11:45:00Z');
  stack.notifier.beforePublish = () => {
    throw new Error('InternalError');
  };
  assert.equal((await stack.at('2026-11-20T12:00:00Z').audit()).errors.length, 1);
  stack.notifier.beforePublish = () => {};
  // Of a newer version of the stack, say, which somebody has rolled back.
  stack.memory.overwrite('latest/purr/data.json', Buffer.from('{"type":"offsite/latest/1","format":2}'));
  const { errors } = await stack.at('2026-11-20T12:15:00Z').audit();
  assert.match(String(errors[0]), /latest\/purr\/data\.json/);
  const [mail] = stack.notifier.published;
  assert.match(mail?.email ?? '', /carcosa\/data was not backed up.*Newest good backup: none.*purr\/data was not/s);
  assert.deepEqual(stack.messages(), ['2 MISSED since 2026-11-20 04:00 UTC: carcosa/data, purr/data']);
  assert.equal((await stack.at('2026-11-20T12:30:00Z').audit()).errors.length, 0);
  assert.deepEqual(stack.messages(), []);
});

test('a slot of no schedule that cannot be read hides no other slot, and is judged at its deadline once it can be', async () => {
  const stack = await TestStack.of({ carcosa: {}, purr: {} });
  await auditAt(stack, '2026-11-19T13:00:00Z');
  await stack.at(D20).dispatch(D20);
  // Another policy, of a fleet file that is lost: its slot is known by what was dispatched alone.
  const expected = (await readDocument(stack.memory, expectedKey('nightly', D20), expectedKind)).document;
  const lost = { ...expected, policy: 'lost', deadline: '2026-11-20T14:00:00Z' };
  stack.memory.overwrite(expectedKey('lost', D20), Buffer.from(JSON.stringify({ ...lost, format: 2 })));
  const { errors } = await stack.at('2026-11-20T12:00:00Z').audit();
  assert.match(errors.map(String).join(), /slots\/20261120T040000Z\/lost\/expected\.json/);
  assert.deepEqual(stack.messages(), ['2 MISSED since 2026-11-20 04:00 UTC: carcosa/data, purr/data']);
  stack.memory.overwrite(expectedKey('lost', D20), Buffer.from(JSON.stringify(lost)));
  await auditAt(stack, '2026-11-20T13:45:00Z');
  assert.equal((await stack.problem('missed'))?.furtherCount, 0, 'it has time until 14:00');
  await auditAt(stack, '2026-11-20T14:00:00Z');
  assert.equal((await stack.problem('missed'))?.furtherCount, 1);
  assert.equal(await stack.isClosed(D20, 'lost'), true);
});
const expectedKey = (policy: string, due: string) => objectKey({ kind: 'expected', policy, due: new Date(due) });

test('what a run has made good while it was being recorded is not left open', async () => {
  const stack = await TestStack.of();
  await stack.at(D20).dispatch(D20);
  await auditAt(stack, '2026-11-20T11:45:00Z');
  const byHand = await stack.at('2026-11-20T11:59:00Z').host().backUp({ type: 'full' });
  const key = 'alerts/missed.data.carcosa.json';
  let isJudged = false;
  const store: ObjectStore = {
    url: stack.memory.url,
    put: async (...call) => {
      // Complete judges the run after audit has looked for one, and finds no problem that it would end.
      if (call[0] === key && !isJudged) {
        isJudged = true;
        assert.deepEqual((await stack.completeRun(byHand)).errors, []);
      }
      return stack.memory.put(...call);
    },
    get: (...call) => stack.memory.get(...call),
    head: (...call) => stack.memory.head(...call),
    list: (...call) => stack.memory.list(...call),
    listFolders: (...call) => stack.memory.listFolders(...call),
  };
  assert.deepEqual((await audit(stack.at('2026-11-20T12:00:00Z').over(store))).errors, []);
  assert.equal((await stack.problem('missed'))?.closed?.run, byHand.place.run);
  assert.deepEqual(stack.messages(), ['MISSED carcosa/data since 2026-11-20 04:00 UTC: good again by now']);
});

test('what is told with a problem that is hushed later is told by itself, by the same audit', async () => {
  const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] } });
  await stack.at(D20).dispatch(D20);
  assert.deepEqual(await auditAt(stack, '2026-11-20T12:00:00Z'), [
    '2 MISSED since 2026-11-20 04:00 UTC: carcosa/data, carcosa/etc',
  ]);
  const [data, etc] = [await stack.problem('missed'), await stack.problem('missed', 'carcosa', 'etc')];
  const under = 'alerts/missed.data.carcosa.json';
  const put = (problem: Problem | null, more: Partial<Problem>) =>
    stack.memory.overwrite(problemKey(problem as Problem), Buffer.from(JSON.stringify({ ...problem, ...more })));
  put(etc, { told: null, spoken: [], under });
  for (const at of ['12:15', '15:30']) assert.deepEqual(await auditAt(stack, `2026-11-20T${at}:00Z`), []);
  // It ended, and begins once more, which would be the fifth message of a week.
  const spoken = ['16', '17', '18', '19'].map((day) => `2026-11-${day}T12:00:00Z`);
  stack.at('2026-11-20T16:00:00Z');
  put(data, { told: null, recorded: '2026-11-20T15:59:00Z', spoken });
  const told = await auditAt(stack, '2026-11-20T16:15:00Z');
  assert.deepEqual(told, ['MISSED carcosa/etc since 2026-11-20 04:00 UTC: never started']);
  assert.notEqual((await stack.problem('missed'))?.told, null);
  assert.deepEqual(await auditAt(stack, '2026-11-20T16:30:00Z'), []);
});
