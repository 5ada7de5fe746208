/** Misses that audit's own troubles could hide: it was away, it died half-way, it looked at one page or one minute too few. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { instantText } from '../../../contract/ids.ts';
import { audit } from '../../../functions/audit.ts';
import { complete } from '../../../functions/complete.ts';
import { failOn } from '../../../functions/lambda/lambda.ts';
import { stackOf } from '../../../functions/stack.ts';
import { openStore } from '../../../store/wire.ts';
import { faultyStore } from '../../helpers/faulty-store.ts';
import { Died, Mortality, mortalStore } from '../../helpers/mortal.ts';
import { startS3Server } from '../../helpers/s3-server.ts';
import { fleetFile, TestStack } from '../../helpers/test-stack.ts';
import { audited, auditedAt, D20, D21, D22, dispatched, mailsAbout, noon, open, shown, slot, told } from './world.ts';

test('audit down for days: each missed night of them is found when it comes back, and told', async () => {
  const stack = await TestStack.of({ carcosa: {}, purr: {} });
  await audited(stack, '2026-11-19T13:00:00Z');
  for (const due of [D20, D21, D22]) {
    await dispatched(stack, due);
    await stack.goodRun(due, { host: 'purr' });
  }
  await audited(stack, '2026-11-23T03:00:00Z');
  for (const due of [D20, D21, D22]) assert.deepEqual(shown(await stack.verdict({ due })), ['missed', 'never-started']);
  assert.equal((await told(stack, 'missed')).furtherCount, 2);
  assert.deepEqual(await open(stack), ['missed carcosa/data']);
});

test('audit down for days: a miss of its absence that is good again by now is told all the same', async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  await dispatched(stack, D21);
  await stack.goodRun(D21);
  await auditedAt(stack, D22, '03:00', '03:15');
  assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['missed', 'never-started']);
  const problem = await stack.problem('missed');
  assert.deepEqual([problem?.began.due, problem?.closed?.upTo], [D20, D21]);
  assert.notEqual(problem?.told, null);
  assert.equal(mailsAbout(stack, 'carcosa/data'), 1);
});

test('audit down for days: with its place lost too, it looks back as far as a fleet file and a deadline reach', async () => {
  for (const damage of ['lost', 'damaged']) {
    const stack = await TestStack.of();
    await audited(stack, '2026-11-19T13:00:00Z');
    for (const due of [D20, D21]) await dispatched(stack, due);
    if (damage === 'lost') stack.memory.remove('audit/state.json');
    else stack.memory.overwrite('audit/state.json', Buffer.from('{'));
    await audited(stack, '2026-11-22T03:00:00Z');
    assert.equal((await told(stack, 'missed')).furtherCount, 1, damage);
  }
});

test('page 2 of a listing: what lies there of hosts, slots and alerts is seen', async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDTEST', AWS_SECRET_ACCESS_KEY: 'secret' });
  const server = await startS3Server();
  after(() => server.close());
  server.pageSize = 2;
  const names = ['a', 'b', 'c', 'd', 'e'];
  const stack = await TestStack.of(Object.fromEntries(names.map((name) => [name, {}])));
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  for (const name of ['a', 'b', 'd']) await stack.goodRun(D20, { host: name });
  // Recorded, and nobody was told; on the third page.
  stack.notifier.beforePublish = () => {
    throw new Error('InternalError');
  };
  for (const name of names)
    await stack
      .host(name)
      .backUp({ outcome: 'failed' })
      .then((run) => stack.completeRun(run));
  stack.notifier.beforePublish = () => {};
  // A manifest that nobody announced, of the last one to have registered.
  await stack
    .at('2026-11-20T04:30:00Z')
    .host('e')
    .backUp({ slot: slot(D20), outcome: 'failed' });
  const { set } = server.objects;
  // What is written from now on is dated by the test's clock, not by the machine's.
  server.objects.set = (key, object) => set.call(server.objects, key, { ...object, lastModified: stack.clock.now() });
  for await (const { key } of stack.memory.list('')) {
    const { body, etag, sha256, lastModified } = await stack.memory.get(key);
    set.call(server.objects, key, { body, etag: `"${etag}"`, sha256, checksumType: 'FULL_OBJECT', lastModified });
  }

  const pages = await openStore(server.url(), { patience: 0 });
  const { errors } = await audit(stack.at(noon(D20)).over(pages));
  assert.deepEqual(errors, []);
  for (const [key, { body }] of server.objects) stack.memory.overwrite(key, body);
  assert.deepEqual(shown(await stack.verdict({ due: D20, host: 'c' })), ['missed', 'never-started']);
  assert.deepEqual(shown(await stack.verdict({ due: D20, host: 'e' })), ['failed', 'host-failed']);
  await told(stack, 'missed', 'c');
  for (const name of names) await told(stack, 'failed', name);
});

test('a throw in the middle: one bad record hides no other host, and is judged when it can be', async () => {
  const names = ['a', 'b', 'c', 'd'];
  const stack = await TestStack.of(Object.fromEntries(names.map((name) => [name, {}])));
  await audited(stack, '2026-11-19T13:00:00Z');
  await dispatched(stack, D20);
  const run = stack.host('b').runOf(slot(D20));
  const faults = [
    { operation: 'list', key: new RegExp(`^runs/.*${run}`), does: 'fail', code: 'store-denied' },
  ] as const;
  const { errors, open: left } = await audit(stack.at(noon(D20)).over(faultyStore(stack.memory, { faults })));
  assert.deepEqual([errors.length, left], [1, 1]);
  for (const name of ['a', 'c', 'd']) await told(stack, 'missed', name);
  await audited(stack, '2026-11-20T12:15:00Z');
  await told(stack, 'missed', 'b');
  assert.equal(await stack.isClosed(D20), true);
});

test('a throw in the middle: wherever an audit dies, the next ones find and tell what it did not', async () => {
  const policies = {
    nightly: { incremental: 'cron(0 4 * * ? *)', deadline: '8h' },
    early: { incremental: 'cron(0 3 * * ? *)', deadline: '9h' },
  };
  const die = async (step: number) => {
    const stack = await TestStack.of({ a: {}, b: {} }, policies);
    await audited(stack, '2026-11-19T13:00:00Z');
    await stack.at('2026-11-20T03:00:20Z').dispatch('2026-11-20T03:00:00Z', 'early');
    await dispatched(stack, D20);
    const life = new Mortality(step, 'after');
    const { clock, events, operator, notifier } = stack;
    const ports = { clock, events, anchor: operator.anchor, store: mortalStore(stack.memory, life) };
    const dying = stackOf({
      ...ports,
      notifier: Object.assign(Object.create(notifier), {
        publish: (one: Parameters<typeof notifier.publish>[0]) => life.step(() => notifier.publish(one)),
      }),
    });
    stack.at(noon(D20));
    const result = await audit(dying).catch((error: unknown) => ({ errors: [error] }));
    for (const error of result.errors) assert.ok(error instanceof Died, String(error));
    stack.restart();
    for (const at of ['2026-11-20T12:15:00Z', '2026-11-20T12:30:00Z']) await audited(stack, at);
    return { stack, steps: life.steps };
  };
  const { steps } = await die(0);
  assert.ok(steps > 8, `${steps} steps`);
  for (let step = 1; step <= steps; step++) {
    const { stack } = await die(step);
    for (const host of ['a', 'b']) {
      const { furtherCount } = await told(stack, 'missed', host);
      assert.equal(furtherCount, 1, `died at step ${step}: both slots of ${host} are in its problem`);
    }
  }
});

test('a throw in the middle: complete dies between verdict and problem, and audit tells', async () => {
  for (const key of [/^alerts\//, /^latest\//]) {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    const run = await stack
      .at('2026-11-20T04:20:00Z')
      .host()
      .backUp({ slot: slot(D20), outcome: 'failed' });
    const faults = [{ operation: 'put', key, does: 'fail', times: 99 }] as const;
    const dead = stack.over(faultyStore(stack.memory, { faults }));
    assert.equal((await complete(dead, { kind: 'object', key: run.key })).errors.length, 1);
    assert.notEqual(await stack.verdict({ due: D20 }), null);
    assert.equal(stack.notifier.published.length, 0);
    await auditedAt(stack, D20, '12:00', '12:15');
    await told(stack, 'failed');
  }
});

test('a throw in the middle: what went wrong fails the function, so that its alarm is raised', () => {
  const logged: unknown[] = [];
  const tools = { logger: { error: (...line: unknown[]) => logged.push(line) }, count: () => {} };
  failOn([], tools as never);
  assert.throws(() => failOn([new Error('no such bucket')], tools as never), /no such bucket/);
  assert.equal(logged.length, 1);
});

test('due minute computed at the exact instant: an audit at the very deadline judges the slot, and one after it does', async () => {
  for (const at of ['2026-11-20T12:00:00Z', '2026-11-20T11:59:59Z', '2026-11-20T12:00:01Z']) {
    const stack = await TestStack.of();
    await audited(stack, '2026-11-20T03:45:00Z');
    await dispatched(stack, D20);
    await audited(stack, at);
    await audited(stack, instantText(new Date(Date.parse(at) + 15 * 60_000)));
    await told(stack, 'missed');
    assert.equal((await stack.problem('missed'))?.furtherCount, 0);
  }
});

test('due minute computed at the exact instant: an event of that instant, or of any in its minute, asks for that slot', async () => {
  for (const time of ['2026-11-20T04:00:00Z', '2026-11-20T04:00:00.001Z', '2026-11-20T04:00:59.999Z']) {
    const stack = await TestStack.of();
    const { due, nodes } = await stack.at(time).dispatch(time);
    assert.deepEqual([due, nodes], [D20, 1], time);
  }
});

test('due minute computed at the exact instant: a fleet file applied at that instant lets no slot fall between two', async () => {
  const stack = await TestStack.of({ carcosa: {} });
  await audited(stack, '2026-11-20T03:45:00Z');
  await stack.at(D20).apply(fleetFile({ carcosa: {}, purr: {} }));
  await auditedAt(stack, D20, '12:00', '12:15');
  assert.deepEqual(shown(await stack.verdict({ due: D20 }))[0], 'missed');
  await told(stack, 'missed');
});
