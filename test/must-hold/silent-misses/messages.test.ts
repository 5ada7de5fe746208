/** Misses of which the message would reach nobody: no subscriber, phones alone, an alarm that rang before. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instantText } from '../../../contract/ids.ts';
import type { Manifest } from '../../../contract/manifest.ts';
import { type AuditPorts, audit } from '../../../functions/audit.ts';
import { SnsNotifier } from '../../../functions/aws/notifier.ts';
import { NobodyListens, type Publication } from '../../../functions/ports/notifier.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { fleetFile, NIGHTLY, TestStack } from '../../helpers/test-stack.ts';
import { audited, auditedAt, D20, D21, dispatched, mailsAbout, noon, open, told } from './world.ts';

const DAY = 86_400_000;
/** What of the GSM alphabet takes one septet: a single other character halves what an SMS holds. */
const SEVEN_BITS = /^[A-Za-z0-9 !"#$%&'()*+,\-./:;<=>?@_\n]+$/;
const HEARTBEAT = 'https://example.org/ping/abc';

/** What audit asks outside: a queue with so many messages, and whether its heart beat. */
class Outside implements Required<AuditPorts> {
  waiting = 0;
  beats = 0;
  readonly deadLetters = { count: async () => this.waiting };
  readonly heartbeat = {
    beat: async () => {
      this.beats++;
    },
  };
}

test('no confirmed subscriber, SMS limit: nothing counts as told while nobody hears it, and all of it is told when somebody does', async () => {
  const outside = new Outside();
  const stack = await TestStack.of({ carcosa: {}, purr: {} });
  await stack.apply({ ...(fleetFile({ carcosa: {}, purr: {} }) as object), heartbeat: HEARTBEAT });
  const auditAt = (at: string) => audit(stack.at(at).stack, outside);
  assert.deepEqual((await auditAt('2026-11-19T13:00:00Z')).errors, []);
  assert.equal(outside.beats, 1);

  stack.notifier.deaf.add('alerts');
  await dispatched(stack, D20);
  await stack.goodRun(D20, { host: 'purr', outcome: 'failed' });
  for (const at of [noon(D20), '2026-11-20T12:15:00Z', '2026-11-21T03:00:00Z']) {
    assert.notEqual((await auditAt(at)).errors.length, 0, 'audit fails, and so an alarm is raised');
  }
  assert.equal(outside.beats, 1, 'the heart is silent');
  assert.deepEqual(await open(stack), ['failed purr/data', 'missed carcosa/data', 'no-subscriber']);
  assert.equal((await stack.problem('missed'))?.told, null);
  assert.equal((await stack.problem('failed', 'purr'))?.told, null);
  assert.deepEqual([...new Set(stack.notifier.published.map(({ topic }) => topic))], ['alarms']);
  assert.equal(stack.notifier.digests.length, 0);

  stack.notifier.deaf.delete('alerts');
  assert.deepEqual((await auditAt('2026-11-21T03:15:00Z')).errors, []);
  await told(stack, 'missed');
  await told(stack, 'failed', 'purr');
  assert.deepEqual(await open(stack), ['failed purr/data', 'missed carcosa/data']);
  assert.equal(outside.beats, 2);
});

/** SNS with these pages of subscriptions; what was published. */
function topicWith(pages: readonly { Protocol: string; SubscriptionArn: string }[][]) {
  const published: string[] = [];
  const client = {
    send: async ({ input }: { input: { Message?: string; NextToken?: string } }) => {
      if (input.Message !== undefined) return published.push(input.Message);
      const page = Number(input.NextToken ?? 0);
      return { Subscriptions: pages[page], NextToken: page + 1 < pages.length ? String(page + 1) : undefined };
    },
  };
  const topics = { alerts: 'arn:aws:sns:eu-central-1:000000000000:offsite-alerts' };
  const clock = new FakeClock(D20);
  return { published, clock, notifier: new SnsNotifier(client as never, { topics, displayName: 'Offsite', clock }) };
}

const MESSAGE: Publication = { topic: 'alerts', subject: 's', email: 'e', sms: 's', critical: true };
const subscription = (Protocol: string, state: string) => ({ Protocol, SubscriptionArn: state });
const CONFIRMED = 'arn:aws:sns:eu-central-1:000000000000:offsite-alerts:1234';

test('no confirmed subscriber, SMS limit: SNS is given nothing that it would drop: nobody, nobody yet, nobody any more, phones alone', async () => {
  const nobody = {
    nobody: [[]],
    'nobody yet': [[subscription('email', 'PendingConfirmation')]],
    'nobody any more': [[subscription('email', 'Deleted')]],
    'phones alone': [[subscription('sms', CONFIRMED)], [subscription('sms', CONFIRMED)]],
  };
  for (const [who, pages] of Object.entries(nobody)) {
    const { notifier, published } = topicWith(pages);
    assert.equal(await notifier.hasListener('alerts'), false, who);
    await assert.rejects(notifier.publish(MESSAGE), NobodyListens, who);
    assert.deepEqual(published, [], who);
  }
  const { notifier, published } = topicWith([[subscription('sms', CONFIRMED)], [subscription('email', CONFIRMED)]]);
  await notifier.publish(MESSAGE);
  assert.equal(published.length, 1, 'on page 2');
});

test('no confirmed subscriber, SMS limit: whoever left since is noticed', async () => {
  const pages = [[subscription('email', CONFIRMED)]];
  const { notifier, published, clock } = topicWith(pages);
  await notifier.publish(MESSAGE);
  pages[0] = [subscription('email', 'Deleted')];
  clock.advance(15 * 60_000);
  await assert.rejects(notifier.publish(MESSAGE), NobodyListens);
  assert.equal(published.length, 1);
});

test('no confirmed subscriber, SMS limit: what goes by SMS fits one, and goes by mail too', async () => {
  const long = (letter: string) => letter.repeat(63);
  const names = ['a', 'b', 'c', 'd'].map(long);
  const [a = '', b = '', c = '', d = ''] = names;
  const set = 's'.repeat(32);
  const stack = await TestStack.of(Object.fromEntries(names.map((name) => [name, { sets: [set] }])));
  await audited(stack, '2026-11-19T13:00:00Z');
  stack.commands.unknown.add(`mi-${d}`);
  await dispatched(stack, D20);
  await stack.goodRun(D20, { host: a, set, outcome: 'failed' });
  await stack.goodRun(D20, { host: b, set, recipients: ['F'.repeat(40)] });
  stack.memory.remove('config/fleet.json');
  await auditedAt(stack, D20, '12:00', '12:15');
  for (const [kind, host] of [
    ['failed', a],
    ['suspect', b],
    ['missed', c],
  ] as const)
    await told(stack, kind, host, set);
  await told(stack, 'unknown-node', d, null);
  const critical = stack.notifier.published.filter((one) => one.critical);
  assert.ok(critical.length >= 5, stack.notifier.subjects.join('\n'));
  for (const { sms, email, subject } of stack.notifier.published) {
    const text = `${stack.notifier.displayName}> ${sms}`;
    assert.ok(sms.length > 10 && text.length <= 140, text);
    assert.match(text, SEVEN_BITS);
    assert.ok(email.length > sms.length);
    assert.ok(subject.length < 100);
  }
});

test('no confirmed subscriber, SMS limit: nothing in an SMS makes two of it, whatever a host calls its scripts', async () => {
  const stack = await TestStack.of();
  await dispatched(stack, D20);
  const script = '`dump`[ü]~';
  const change = (manifest: Manifest): Manifest => ({
    ...manifest,
    error: { code: 'script-failed', script },
    scripts: [{ name: script, exitCode: 2, seconds: 3 }],
  });
  await stack.goodRun(D20, { outcome: 'failed', change });
  await told(stack, 'failed');
  const [{ sms, email } = { sms: '', email: '' }] = stack.notifier.published;
  assert.match(sms, SEVEN_BITS);
  assert.match(sms, /dump/);
  assert.ok(email.includes(script), 'the mail has its very name');
});

test('no confirmed subscriber, SMS limit: a storm does not use up the month’s', async () => {
  const names = Array.from({ length: 60 }, (_, i) => `h${i}`);
  const stack = await TestStack.of(Object.fromEntries(names.map((name) => [name, {}])));
  await audited(stack, '2026-11-19T13:00:00Z');
  for (const due of [D20, D21]) {
    await dispatched(stack, due);
    await auditedAt(stack, due, '12:00', '12:15');
  }
  for (const name of names) assert.notEqual((await stack.problem('missed', name))?.told ?? null, null, name);
  const critical = stack.notifier.published.filter((one) => one.critical);
  assert.equal(critical.length, 1);
  for (const name of names) assert.match(critical[0]?.email ?? '', new RegExp(`\\b${name}\\b`));
});

/** On which days people heard of the queue, which held so many messages on each; audits come every six hours. */
async function daysHeard(waiting: (day: number) => number, days: number) {
  const outside = new Outside();
  const stack = await TestStack.of();
  await stack.apply(fleetFile({ carcosa: {} }, { yearly: { ...NIGHTLY, incremental: 'cron(0 4 1 1 ? *)' } }));
  const heard: number[] = [];
  const start = Date.parse('2026-11-20T00:00:00Z');
  for (let at = start; at < start + days * DAY; at += DAY / 4) {
    const day = Math.floor((at - start) / DAY);
    outside.waiting = waiting(day);
    const before = mailsAbout(stack, 'dead-letter');
    assert.deepEqual((await audit(stack.at(instantText(new Date(at))).stack, outside)).errors, []);
    if (mailsAbout(stack, 'dead-letter') > before) heard.push(day);
  }
  return { stack, heard };
}

test('DLQ alarm already red: what waits in the queue is mailed day after day, and its end', async () => {
  // The alarm rang on the second day; more comes on the third, and nothing rings any more.
  const { stack, heard } = await daysHeard((day) => (day === 0 || day > 3 ? 0 : day), 6);
  assert.deepEqual(heard, [1, 2, 3, 4], 'three days of trouble, and the day on which it was over');
  assert.deepEqual(await open(stack), []);
});

test('DLQ alarm already red: one that is never emptied is heard of in every week', async () => {
  const { stack, heard } = await daysHeard((day) => (day === 0 ? 0 : 1), 36);
  for (let day = 1; day + 7 <= 36; day++)
    assert.ok(
      heard.some((one) => one >= day && one < day + 7),
      `from day ${day}`,
    );
  assert.deepEqual(await open(stack), ['dead-letters']);
});
