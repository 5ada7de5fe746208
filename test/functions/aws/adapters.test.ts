/** The adapters against the fake services: pages, errors of every kind, and whose rules are whose. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { clientOptions } from '../../../functions/aws/clients.ts';
import { SsmCommands } from '../../../functions/aws/commands.ts';
import { DeadLetters } from '../../../functions/aws/dead-letters.ts';
import { SnsNotifier } from '../../../functions/aws/notifier.ts';
import { EventBridgeSchedules, ruleName, scheduleOfName } from '../../../functions/aws/schedules.ts';
import { NodesRefused } from '../../../functions/ports/commands.ts';
import { NobodyListens } from '../../../functions/ports/notifier.ts';
import { removeSchedules } from '../../../functions/reconcile.ts';
import OffsitePlugin from '../../../infra/plugin.ts';
import { FakeClock, MINUTE } from '../../helpers/fake-clock.ts';
import { CONFIRMED, FakeAws } from '../../infra/fake-aws.ts';

const NOW = '2026-11-21T04:00:00Z';
const MADE_BY = { applied: NOW, sha256: 'a'.repeat(64) };
const NIGHTLY = {
  policy: 'nightly',
  type: 'full',
  cron: 'cron(0 4 * * ? *)',
  deadline: 3_600_000,
  madeBy: MADE_BY,
} as const;

let aws: FakeAws;
const options = () => ({
  ...clientOptions({ region: 'eu-central-1' }),
  endpoint: aws.endpoint,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
const schedulesOf = (stack: string) =>
  new EventBridgeSchedules(new EventBridgeClient(options()), {
    stack,
    dispatch: 'arn:dispatch',
    deadLetters: 'arn:queue',
  });
const commands = () => new SsmCommands(new SSMClient(options()), 'offsite-backup', new FakeClock(NOW));
const outgoing = (nodes: string[], deadline: string) => ({
  nodes,
  payload: 'abc',
  deadline: new Date(deadline),
  comment: 'c',
});

before(async () => {
  aws = await FakeAws.start('bucket');
});
beforeEach(() => {
  aws.nodes.clear();
  aws.sent.length = 0;
  aws.rules.clear();
  aws.targets.clear();
  aws.faults.clear();
  aws.pageSize = 100;
  aws.queued.length = 0;
  aws.received = 0;
  aws.published.length = 0;
  aws.calls.length = 0;
  aws.subscriptions.splice(0);
});
after(() => aws.close());

describe('commands', () => {
  test('know nodes of every page', async () => {
    aws.pageSize = 2;
    for (const id of ['mi-1', 'mi-2', 'mi-3', 'i-4', 'i-5']) aws.nodes.add(id);
    assert.deepEqual([...(await commands().knownNodes(['mi-1']))].sort(), ['i-4', 'i-5', 'mi-1', 'mi-2', 'mi-3']);
  });

  test('wait for a node until the deadline, within what SSM takes', async () => {
    aws.nodes.add('mi-1');
    const seconds = async (deadline: string) => {
      await commands().send(outgoing(['mi-1'], deadline));
      return (aws.sent.at(-1) as unknown as { TimeoutSeconds: number }).TimeoutSeconds;
    };
    assert.equal(await seconds('2026-11-21T12:00:00Z'), 8 * 3600);
    assert.equal(await seconds('2026-11-21T04:00:10Z'), 30);
    assert.equal(await seconds('2027-11-21T04:00:00Z'), 2_592_000);
  });

  test('that are refused because of nodes say so; throttled ones are sent again, others fail as they are', async () => {
    aws.nodes.add('mi-1');
    const send = (nodes: string[]) => commands().send(outgoing(nodes, '2026-11-21T12:00:00Z'));
    await assert.rejects(
      send(['mi-1', 'mi-2']),
      (error) => error instanceof NodesRefused && /InvalidInstanceId/.test(error.message),
    );
    aws.faults.set('ssm:SendCommand', ['AccessDeniedException']);
    await assert.rejects(send(['mi-1']), NodesRefused);
    aws.faults.set('ssm:SendCommand', ['ThrottlingException', 'ThrottlingException']);
    assert.match((await send(['mi-1'])).command, /^command-/);
    aws.faults.set('ssm:SendCommand', ['InvalidDocument']);
    await assert.rejects(
      send(['mi-1']),
      (error) => !(error instanceof NodesRefused) && String(error).includes('InvalidDocument'),
    );
  });
});

describe('alerts', () => {
  const topics = { alerts: 'arn:aws:sns:eu-central-1:123456789012:offsite-alerts', alarms: 'arn:aws:sns:…:alarms' };
  const clock = new FakeClock(NOW);
  const notifier = () => new SnsNotifier(new SNSClient(options()), { topics, displayName: 'Offsite', clock });
  const message = { topic: 'alerts', subject: 'Offsite: MISSED', email: 'long', sms: 'short', critical: true } as const;
  const subscribed = (...protocols: [protocol: string, arn: string][]) =>
    aws.subscriptions.push(...protocols.map(([protocol, arn]) => ({ protocol, arn })));
  const asked = () => aws.calls.filter(({ action }) => action === 'sns:ListSubscriptionsByTopic').length;

  test('are not published while nobody, or nobody but phones, has confirmed', async () => {
    const sns = notifier();
    await assert.rejects(sns.publish(message), NobodyListens);
    subscribed(['email', 'PendingConfirmation'], ['email', 'Deleted'], ['sms', CONFIRMED]);
    await assert.rejects(sns.publish(message), NobodyListens);
    assert.deepEqual([await sns.hasListener('alerts'), aws.published.length], [false, 0]);
    subscribed(['email', CONFIRMED]);
    await sns.publish(message);
    assert.deepEqual([await sns.hasListener('alerts'), aws.published.length], [true, 1]);
  });

  test('are published to whoever confirmed on the last page', async () => {
    aws.pageSize = 2;
    subscribed(
      ['email', 'PendingConfirmation'],
      ['sms', CONFIRMED],
      ['sms', CONFIRMED],
      ['email', 'PendingConfirmation'],
    );
    const sns = notifier();
    await assert.rejects(sns.publish(message), NobodyListens);
    subscribed(['https', CONFIRMED]);
    await sns.publish(message);
    assert.equal(aws.published.length, 1);
  });

  test('believe for five minutes that somebody listens, and never that nobody does', async () => {
    subscribed(['email', CONFIRMED]);
    const sns = notifier();
    await sns.publish(message);
    aws.subscriptions.splice(0);
    clock.advance(5 * MINUTE - 1);
    await sns.publish(message);
    assert.equal(asked(), 1);
    clock.advance(1);
    await assert.rejects(sns.publish(message), NobodyListens);
    await assert.rejects(sns.publish(message), NobodyListens);
    assert.deepEqual([asked(), aws.published.length], [3, 2]);
  });

  test('that nobody can be asked about are not published, and that is no answer', async () => {
    aws.faults.set('sns:ListSubscriptionsByTopic', ['AuthorizationError']);
    subscribed(['email', CONFIRMED]);
    await assert.rejects(notifier().publish(message), (error) => !(error instanceof NobodyListens));
    assert.equal(aws.published.length, 0);
  });

  test('go to the topic they are for, with a mail for whoever reads mails, also by SMS', async () => {
    subscribed(['email', CONFIRMED]);
    const sns = notifier();
    await sns.publish({ ...message, topic: 'alarms' });
    const [sent] = aws.published;
    assert.equal(sent?.get('TopicArn'), topics.alarms);
    assert.deepEqual(JSON.parse(sent?.get('Message') ?? ''), { default: 'long', email: 'long', sms: 'short' });
    const alone = new SnsNotifier(new SNSClient(options()), { topics: {}, displayName: 'Offsite', clock });
    await assert.rejects(alone.publish(message), /was not given the topic alerts/);
  });

  test('of 200 KB fit what a topic takes', async () => {
    subscribed(['email', CONFIRMED]);
    const email = 'carcosa/data 41 01234567\n'.repeat(8000);
    await notifier().publish({ ...message, email });
    const text = aws.published[0]?.get('Message') ?? '';
    assert.ok(Buffer.byteLength(text) < 256 * 1024);
    const sent = JSON.parse(text);
    assert.deepEqual([sent.email, sent.default], [email, 'Offsite: MISSED\n\nshort\n']);
  });
});

describe('dead letters', () => {
  const letters = () =>
    new DeadLetters(new SQSClient({ ...options(), useQueueUrlAsEndpoint: false }), 'https://sqs.example.org/1/letters');

  test('are counted, those that somebody looks at included', async () => {
    assert.equal(await letters().count(), 0);
    await letters().send({ function: 'audit', reason: 'why', event: {} });
    await letters().send({ function: 'audit', reason: 'why', event: {} });
    aws.received = 3;
    assert.equal(await letters().count(), 5);
  });

  test('that SQS says nothing of are not none', async () => {
    aws.received = Number.NaN;
    await assert.rejects(letters().count(), /does not say how many messages wait/);
  });
});

describe('schedules', () => {
  test('have names that EventBridge takes, and that lead back to them', () => {
    for (const type of ['full', 'incremental'] as const) {
      const name = ruleName('a'.repeat(31), { policy: 'p'.repeat(24), type });
      assert.ok(name.length <= 64);
      assert.deepEqual(scheduleOfName('a'.repeat(31), name), { policy: 'p'.repeat(24), type });
    }
    for (const name of [
      'offsite-audit-rule-1',
      'offsite-s-full',
      'offsite-s--weekly',
      'other-s-nightly-full',
      'offsite-s-A-full',
    ]) {
      assert.equal(scheduleOfName('offsite', name), null, name);
    }
  });

  test('are found on every page, with the fleet file that made them', async () => {
    aws.pageSize = 1;
    const schedules = schedulesOf('offsite');
    for (const policy of ['a', 'b', 'c']) await schedules.put({ ...NIGHTLY, policy });
    const found = await schedules.list();
    assert.deepEqual(
      found.map(({ policy }) => policy),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(found[0]?.madeBy, MADE_BY);
  });

  test('of one stack are not seen, changed or removed by another, nor are rules that a person made', async () => {
    const [ours, theirs] = [schedulesOf('offsite'), schedulesOf('offsite-s')];
    await theirs.put(NIGHTLY);
    aws.rules.set('offsite-s-mine-full', { Name: 'offsite-s-mine-full', Description: 'made by hand' });
    assert.deepEqual(await ours.list(), []);
    await assert.rejects(ours.put({ ...NIGHTLY, policy: 'mine' }), /was not made by this stack/);
    await assert.rejects(ours.put({ ...NIGHTLY, policy: 's-nightly' }), /was not made by this stack/);
    await ours.put(NIGHTLY);
    await removeSchedules(ours);
    assert.deepEqual([...aws.rules.keys()].sort(), ['offsite-s-mine-full', 'offsite-s-s-nightly-full']);
  });

  test('are removed with their targets, and removing them twice is no error', async () => {
    const schedules = schedulesOf('offsite');
    await schedules.put(NIGHTLY);
    await schedules.remove(NIGHTLY);
    assert.deepEqual([aws.rules.size, aws.targets.size], [0, 0]);
    aws.faults.set('events:ListTargetsByRule', ['ResourceNotFoundException']);
    await schedules.remove(NIGHTLY);
  });

  test('go with `osls remove`, before the stack does', async () => {
    await schedulesOf('offsite').put(NIGHTLY);
    await schedulesOf('other').put(NIGHTLY);
    const provider = { stackName: 'offsite', region: 'eu-central-1', stackParameters: [] };
    const saved = { ...process.env };
    Object.assign(process.env, { AWS_ENDPOINT_URL: aws.endpoint, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' });
    await new OffsitePlugin({ service: { provider, functions: {} } }).hooks['before:remove:remove']?.();
    process.env = saved;
    assert.deepEqual([...aws.rules.keys()], ['other-s-nightly-full']);
  });
});
