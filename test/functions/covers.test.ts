/** What covers what, in passes that look at a part of all problems only. Each of these was found by the simulation. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
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
