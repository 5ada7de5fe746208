/** Misses that the infrastructure could hide, in the template that is deployed: who watches the watchers, and what must stay. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import type { PublishCommand } from '@aws-sdk/client-sns';
import { SnsNotifier } from '../../../functions/aws/notifier.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { type Packaged, packagedByDefault } from '../../infra/packaged.ts';
import { ACCOUNT, REGION, type Resource, resolved } from '../../infra/template.ts';

let made: Packaged;
let resources: Record<string, Resource>;

const PARAMETERS = { AlertEmail: 'me@example.org', AlertPhone: '+4917012345678' };
const topic = (name: string) => `arn:aws:sns:${REGION}:${ACCOUNT}:offsite-${name}`;
const properties = (id: string) => resources[id]?.Properties ?? {};
const ofType = (type: string) => Object.values(resources).filter((resource) => resource.Type === type);
const statements = (id: string) =>
  (properties(id).PolicyDocument as { Statement: { Sid?: string; Effect: string; Action: unknown }[] }).Statement;

before(async () => {
  made = await packagedByDefault();
  resources = resolved(made.template, { parameters: PARAMETERS });
});

/** The alarm of that name, with what makes it heard: an action on the topic without filters. */
function alarm(name: string): Record<string, unknown> {
  const found = ofType('AWS::CloudWatch::Alarm').find(({ Properties }) => Properties.AlarmName === `offsite-${name}`);
  assert.ok(found !== undefined, `no alarm ${name}`);
  assert.deepEqual(found.Properties.AlarmActions, [topic('alarms')]);
  assert.notEqual(found.Properties.ActionsEnabled, false);
  return found.Properties;
}

test('alarm dropped by a subscription filter: what CloudWatch says goes to a topic none of whose subscriptions has one', () => {
  const alarms = ofType('AWS::CloudWatch::Alarm');
  assert.ok(alarms.length > 0);
  for (const { Properties } of alarms) assert.deepEqual(Properties.AlarmActions, [topic('alarms')]);
  const subscriptions = ofType('AWS::SNS::Subscription').filter(
    ({ Properties }) => Properties.TopicArn === topic('alarms'),
  );
  assert.deepEqual(
    subscriptions.map(({ Properties: { Protocol, FilterPolicy } }) => [Protocol, FilterPolicy]),
    [['email', undefined]],
  );
  // And CloudWatch may publish there.
  const [allowed] = statements('TopicPolicy').filter(({ Sid }) => Sid === 'AlarmsOfThisAccount');
  assert.deepEqual([allowed?.Effect, allowed?.Action], ['Allow', 'sns:Publish']);
});

test('alarm dropped by a subscription filter: mail about alerts has none, and what the filter of phones asks for is published', async () => {
  const alerts = ofType('AWS::SNS::Subscription').filter(({ Properties }) => Properties.TopicArn === topic('alerts'));
  const filters = new Map(alerts.map(({ Properties: { Protocol, FilterPolicy } }) => [Protocol, FilterPolicy]));
  assert.equal(filters.get('email'), undefined);
  const sent: PublishCommand['input'][] = [];
  const someone = { Subscriptions: [{ Protocol: 'email', SubscriptionArn: `${topic('alerts')}:1` }] };
  const client = {
    send: async ({ input }: { input: PublishCommand['input'] }) => {
      if (input.Message === undefined) return someone;
      sent.push(input);
      return {};
    },
  };
  const options = {
    topics: { alerts: topic('alerts') },
    displayName: 'Offsite',
    clock: new FakeClock('2026-11-20T04:00:00Z'),
  };
  const notifier = new SnsNotifier(client as never, options);
  const message = { topic: 'alerts', subject: 's', email: 'e', sms: 's' } as const;
  await notifier.publish({ ...message, critical: true });
  await notifier.publish({ ...message, critical: false });
  const filter = Object.entries(filters.get('sms') as Record<string, string[]>);
  assert.equal(filter.length, 1);
  const passes = ({ MessageAttributes }: PublishCommand['input']) =>
    filter.every(([name, values]) => values.includes(MessageAttributes?.[name]?.StringValue ?? ''));
  assert.deepEqual(sent.map(passes), [true, false]);
});

test('audit throttled or its rule disabled (Invocations < 1 alarm): silence of audit is an alarm, and no data is silence', () => {
  const { Namespace, MetricName, Statistic, Threshold, ComparisonOperator, TreatMissingData, ...rest } =
    alarm('audit-silent');
  assert.deepEqual(
    [Namespace, MetricName, Statistic, ComparisonOperator, Threshold, TreatMissingData],
    ['AWS/Lambda', 'Invocations', 'Sum', 'LessThanThreshold', 1, 'breaching'],
  );
  assert.deepEqual(rest.Dimensions, [{ Name: 'FunctionName', Value: 'offsite-audit' }]);
  // Four audits an hour: it is raised within an hour.
  assert.ok(Number(rest.Period) * Number(rest.EvaluationPeriods) <= 3600);
});

test('audit throttled or its rule disabled (Invocations < 1 alarm): audit runs every 15 minutes, and its failures are an alarm', () => {
  const rules = ofType('AWS::Events::Rule').filter(({ Properties }) => {
    const [target] = Properties.Targets as { Arn: string }[];
    return target?.Arn.endsWith(':offsite-audit');
  });
  assert.deepEqual(
    rules.map(({ Properties: { ScheduleExpression, State } }) => [ScheduleExpression, State]),
    [['rate(15 minutes)', 'ENABLED']],
  );
  const { MetricName, Threshold, ComparisonOperator } = alarm('audit-fails');
  assert.deepEqual([MetricName, ComparisonOperator, Threshold], ['Errors', 'GreaterThanThreshold', 0]);
  const audit = ofType('AWS::Lambda::Function').find(({ Properties }) => Properties.FunctionName === 'offsite-audit');
  assert.notEqual(audit?.Properties.ReservedConcurrentExecutions, 0);
});

/** As a deployment with all parameters changed would have it. */
function redeployed(): Record<string, Resource> {
  return resolved(made.template, {
    parameters: {
      ...PARAMETERS,
      OperatorArn: `arn:aws:iam::${ACCOUNT}:role/admin`,
      AlertDisplayName: 'Backups',
      RetentionDays: 30,
      RetentionMode: 'GOVERNANCE',
      NoncurrentDays: 90,
    },
  });
}

/** Whatever becomes of the stack this stays, under its one name, and a deployment that would replace it is refused. */
function assertStays(id: string, name: string): void {
  const resource = resources[id];
  assert.deepEqual([resource?.DeletionPolicy, resource?.UpdateReplacePolicy], ['Retain', 'Retain'], id);
  const fixed = properties(id)[name];
  assert.ok(typeof fixed === 'string' && fixed.startsWith('offsite-'), `${id} has a name of its own`);
  assert.equal(redeployed()[id]?.Properties[name], fixed);
  const state = JSON.parse(readFileSync(`${made.folder}/serverless-state.json`, 'utf8'));
  const refused = (state.service.provider.stackPolicy as { Effect: string; Action: string[]; Resource: string[] }[])
    .filter(
      ({ Effect, Action }) =>
        Effect === 'Deny' && Action.includes('Update:Replace') && Action.includes('Update:Delete'),
    )
    .flatMap(({ Resource }) => Resource);
  assert.ok(refused.includes(`LogicalResourceId/${id}`), `${id} could be replaced`);
}

test('role re-created (roles are retained, fixed name; prefixes found by node): the hosts’ role stays, and all that hangs on it', () => {
  assertStays('HostRole', 'RoleName');
  assertStays('HostPolicy', 'ManagedPolicyName');
  assertStays('HostProfile', 'InstanceProfileName');
});

test('bucket replaced (retained, replacement refused): it stays with its policy, and no parameter changes what would replace it', () => {
  assertStays('Bucket', 'BucketName');
  const { DeletionPolicy, UpdateReplacePolicy } = resources.BucketPolicy ?? {};
  assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Retain', 'Retain']);
  for (const bucket of [resources.Bucket, redeployed().Bucket])
    assert.equal(bucket?.Properties.ObjectLockEnabled, true);
});

test('DLQ alarm already red: it is an alarm when the first event waits, whatever becomes of it then', () => {
  const { MetricName, Dimensions, Threshold, ComparisonOperator } = alarm('dead-letters');
  assert.deepEqual(
    [MetricName, Dimensions, ComparisonOperator, Threshold],
    [
      'ApproximateNumberOfMessagesVisible',
      [{ Name: 'QueueName', Value: 'offsite-dead-letters' }],
      'GreaterThanThreshold',
      0,
    ],
  );
});

test('DLQ alarm already red: audit may look at the queue itself, day after day', () => {
  const { Policies: policies } = properties('AuditRole') as {
    Policies: { PolicyDocument: { Statement: { Action: unknown; Resource: unknown }[] } }[];
  };
  const allowed = policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
  const looking = allowed.filter(({ Action }) => [Action].flat().includes('sqs:GetQueueAttributes'));
  assert.deepEqual(
    looking.flatMap(({ Resource }) => [Resource].flat()),
    [`arn:aws:sqs:${REGION}:${ACCOUNT}:offsite-dead-letters`],
  );
  const audit = ofType('AWS::Lambda::Function').find(({ Properties }) => Properties.FunctionName === 'offsite-audit');
  const environment = audit?.Properties.Environment as { Variables: Record<string, string> } | undefined;
  assert.match(environment?.Variables.OFFSITE_DEAD_LETTERS ?? '', /offsite-dead-letters$/);
  assert.equal(properties('DeadLetters').MessageRetentionPeriod, 1_209_600);
});
