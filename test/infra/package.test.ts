/** What `osls package` makes: small zips of one file each, and a template whose every promise is looked at. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { assertOperatorKey, assertRetention, assertStackName } from '../../infra/plugin.ts';
import { type Packaged, packaged, packagedByDefault } from './packaged.ts';
import { ACCOUNT, REGION, type Resource, resolved } from './template.ts';

let made: Packaged;
let resources: Record<string, Resource>;
const properties = (id: string) => resources[id]?.Properties as Record<string, unknown>;
const ofType = (type: string) => Object.entries(resources).filter(([, resource]) => resource.Type === type);

before(async () => {
  made = await packagedByDefault();
  resources = resolved(made.template);
});

describe('the package', () => {
  test('is made without credentials and network, in less than 30 seconds', (t) => {
    t.diagnostic(`osls package: ${made.seconds.toFixed(1)} s`);
    assert.ok(made.seconds < 30);
  });

  test('has one file for each function', (t) => {
    for (const [name, { files, bytes }] of Object.entries(made.zips)) {
      t.diagnostic(`${name}.zip: ${Math.ceil(bytes / 1024)} KiB`);
      assert.deepEqual(files, [`.offsite/${name}/index.mjs`]);
      assert.ok(bytes < 1024 * 1024, `${name}.zip has ${bytes} bytes`);
    }
  });

  test('refuses names of stacks whose rules would be among another stack’s schedules', async () => {
    for (const name of ['offsite', 'offsite-prod', 'a-sun', 's']) assertStackName(name);
    for (const name of ['offsite-s', 'a-s-b', 'Offsite', '9lives', 'a'.repeat(32)]) {
      assert.throws(() => assertStackName(name), /is no name for a stack/, name);
    }
    await assert.rejects(packaged({ stack: 'offsite-s' }), /is no name for a stack/);
  });

  test('refuses COMPLIANCE that is not spelled out', () => {
    const of = (parameters: Record<string, string>) => () => assertRetention((name) => parameters[name] ?? '');
    assert.throws(of({ RetentionMode: 'COMPLIANCE' }), /needs --param=complianceConfirmed/);
    of({ RetentionMode: 'COMPLIANCE', ComplianceConfirmed: 'yes' })();
    of({ RetentionMode: 'GOVERNANCE' })();
  });

  test('is not deployed without the operator’s key, nor with one that does not fit', () => {
    const key = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
    assertOperatorKey(key);
    assert.throws(() => assertOperatorKey(''), /no public key of the operator/);
    assert.throws(() => assertOperatorKey(key.padEnd(4000, 'A')), /export-minimal/);
  });
});

describe('functions', () => {
  test('run on Node 24 and arm64, each under its own role', () => {
    const functions = ofType('AWS::Lambda::Function');
    assert.equal(functions.length, 4);
    for (const [id, { Properties }] of functions) {
      assert.equal(Properties.Runtime, 'nodejs24.x');
      assert.deepEqual(Properties.Architectures, ['arm64']);
      const own = id.replace('LambdaFunction', 'Role');
      assert.match(String(Properties.Role), new RegExp(`role/offsite-${own}-`));
    }
    assert.equal(ofType('AWS::IAM::Role').length, 5, 'four functions and the hosts: osls makes no role of its own');
  });

  test('send what they cannot deal with to the dead-letter queue', () => {
    const queue = `arn:aws:sqs:${REGION}:${ACCOUNT}:offsite-dead-letters`;
    for (const [, { Properties }] of ofType('AWS::Lambda::EventInvokeConfig')) {
      assert.deepEqual(Properties.DestinationConfig, { OnFailure: { Destination: queue } });
    }
    assert.equal(ofType('AWS::Lambda::EventInvokeConfig').length, 4);
    for (const [, { Properties }] of ofType('AWS::Events::Rule')) {
      const [target] = Properties.Targets as { DeadLetterConfig: unknown }[];
      assert.deepEqual(target?.DeadLetterConfig, { Arn: queue });
    }
  });

  test('have rules of their own that are none of the schedules’', () => {
    const names = ofType('AWS::Events::Rule').map(([, { Properties }]) => String(Properties.Name));
    assert.equal(names.length, 5);
    for (const name of names) {
      assert.match(name, /^offsite-/);
      assert.doesNotMatch(name, /^offsite-s-/);
    }
    const permission = ofType('AWS::Lambda::Permission').find(([id]) => id === 'SchedulesStartDispatch');
    assert.equal(permission?.[1].Properties.SourceArn, `arn:aws:events:${REGION}:${ACCOUNT}:rule/offsite-s-*`);
  });

  test('are started by what they should see', () => {
    const patterns = ofType('AWS::Events::Rule').map(
      ([, { Properties }]) => Properties.EventPattern ?? Properties.ScheduleExpression,
    );
    const bucket = { name: [`offsite-${ACCOUNT}-${REGION}`] };
    assert.deepEqual(patterns, [
      {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: { bucket, object: { key: [{ suffix: '/manifest.json' }, { prefix: 'accepted/' }] } },
      },
      {
        source: ['aws.ssm'],
        'detail-type': ['EC2 Command Invocation Status-change Notification'],
        detail: {
          'document-name': ['offsite-backup'],
          status: [{ 'anything-but': ['Pending', 'InProgress', 'Delayed', 'Cancelling'] }],
        },
      },
      'rate(15 minutes)',
      {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: { bucket, object: { key: ['config/fleet.json'] } },
      },
      'rate(1 day)',
    ]);
  });
});

describe('the bucket', () => {
  test('is closed, versioned, locked if asked for, and says what happens in it', () => {
    const bucket = properties('Bucket');
    assert.equal(bucket.BucketName, `offsite-${ACCOUNT}-${REGION}`);
    assert.deepEqual(bucket.VersioningConfiguration, { Status: 'Enabled' });
    assert.deepEqual(new Set(Object.values(bucket.PublicAccessBlockConfiguration as object)), new Set([true]));
    assert.deepEqual(bucket.ObjectLockConfiguration, { ObjectLockEnabled: 'Enabled' });
    assert.equal(bucket.ObjectLockEnabled, true);
    assert.deepEqual(bucket.NotificationConfiguration, { EventBridgeConfiguration: { EventBridgeEnabled: true } });
  });

  test('has the retention that its parameters say, COMPLIANCE only if it is confirmed', () => {
    const lock = (parameters: Record<string, string>) =>
      resolved(made.template, { parameters }).Bucket?.Properties.ObjectLockConfiguration as { Rule: unknown };
    const rule = (Mode: string, Days: string) => ({ DefaultRetention: { Mode, Days } });
    assert.deepEqual(lock({ RetentionDays: '90' }).Rule, rule('GOVERNANCE', '90'));
    assert.deepEqual(lock({ RetentionDays: '90', RetentionMode: 'COMPLIANCE' }).Rule, rule('GOVERNANCE', '90'));
    const [, sentence] = made.template.Parameters.ComplianceConfirmed?.AllowedValues ?? [];
    const compliance = { RetentionDays: '9', RetentionMode: 'COMPLIANCE', ComplianceConfirmed: String(sentence) };
    assert.deepEqual(lock(compliance).Rule, rule('COMPLIANCE', '9'));
  });

  test('moves data, and nothing else, where it costs less', () => {
    const { Rules: rules } = properties('Bucket').LifecycleConfiguration as { Rules: Record<string, unknown>[] };
    const moving = rules.filter(({ Transitions }) => Transitions !== undefined);
    assert.deepEqual(
      moving.map(({ Prefix, Transitions }) => [Prefix, Transitions]),
      [
        [
          'data/',
          [
            { StorageClass: 'STANDARD_IA', TransitionInDays: 32 },
            { StorageClass: 'GLACIER', TransitionInDays: 64 },
          ],
        ],
      ],
    );
    for (const rule of rules) assert.equal('ExpirationInDays' in rule, false, 'nothing current ever expires by itself');
    assert.ok(rules.some((rule) => 'AbortIncompleteMultipartUpload' in rule));
    assert.ok(rules.some((rule) => 'NoncurrentVersionExpiration' in rule && rule.Prefix === ''));
  });

  test('stays with its policy, the hosts’ role and what hangs on it, whatever becomes of the stack', () => {
    for (const id of ['Bucket', 'BucketPolicy', 'HostRole', 'HostPolicy', 'HostProfile']) {
      assert.equal(resources[id]?.DeletionPolicy, 'Retain', id);
      assert.equal(resources[id]?.UpdateReplacePolicy, 'Retain', id);
    }
    const state = JSON.parse(readFileSync(`${made.folder}/serverless-state.json`, 'utf8'));
    const [, deny] = state.service.provider.stackPolicy;
    assert.deepEqual(deny.Action, ['Update:Replace', 'Update:Delete']);
    for (const logical of deny.Resource) assert.ok(resources[logical.replace('LogicalResourceId/', '')], logical);
  });
});

describe('whatever the parameters are', () => {
  /** Changing one of these would replace the resource: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/ */
  const REPLACING: Record<string, string[]> = {
    'AWS::S3::Bucket': ['BucketName', 'ObjectLockEnabled'],
    'AWS::IAM::Role': ['RoleName', 'Path'],
    'AWS::IAM::ManagedPolicy': ['ManagedPolicyName', 'Path', 'Description'],
    'AWS::IAM::InstanceProfile': ['InstanceProfileName', 'Path'],
    'AWS::SNS::Topic': ['TopicName', 'FifoTopic'],
    'AWS::SQS::Queue': ['QueueName', 'FifoQueue'],
    'AWS::SSM::Document': ['Name', 'DocumentType'],
  };

  test('no bucket, role, topic, queue or document is replaced', () => {
    const changed = resolved(made.template, {
      parameters: {
        OperatorArn: `arn:aws:iam::${ACCOUNT}:role/admin`,
        AlertEmail: 'me@example.org',
        AlertPhone: '+4917012345678',
        AlertDisplayName: 'Backups',
        SmsAlarmUsd: 40,
        RetentionDays: 30,
        RetentionMode: 'COMPLIANCE',
        ComplianceConfirmed: 'yes',
        NoncurrentDays: 90,
      },
    });
    for (const [id, { Type, Properties }] of Object.entries(resources)) {
      for (const name of REPLACING[Type] ?? []) assert.deepEqual(changed[id]?.Properties[name], Properties[name], id);
    }
    assert.equal(ofType('AWS::SNS::Subscription').length, 0);
    assert.equal(Object.values(changed).filter(({ Type }) => Type === 'AWS::SNS::Subscription').length, 3);
  });

  test('two stacks share no name', async () => {
    const other = resolved((await packaged({ stack: 'other' })).template, { stack: 'other' });
    const names = Object.values(REPLACING).flatMap(([name]) => name ?? []);
    for (const [id, { Properties = {} }] of Object.entries(resources)) {
      for (const name of [...names, 'AlarmName', 'DashboardName', 'FunctionName', 'LogGroupName']) {
        const value = Properties[name];
        if (value !== undefined) assert.notEqual(other[id]?.Properties[name], value, `${id}.${name}`);
      }
    }
  });
});

describe('alarms', () => {
  test('go to a topic whose subscriptions have no filter, for what CloudWatch sends has no attributes', () => {
    const some = resolved(made.template, { parameters: { AlertEmail: 'a@b', AlertPhone: '+4917012345678' } });
    const subscriptions = Object.values(some).filter(({ Type }) => Type === 'AWS::SNS::Subscription');
    const shown = subscriptions.map(({ Properties: { TopicArn, Protocol, FilterPolicy } }) => [
      String(TopicArn).split(':').at(-1),
      Protocol,
      FilterPolicy,
    ]);
    assert.deepEqual(shown, [
      ['offsite-alerts', 'email', undefined],
      ['offsite-alerts', 'sms', { critical: ['true'] }],
      ['offsite-alarms', 'email', undefined],
    ]);
    for (const [, { Properties }] of ofType('AWS::CloudWatch::Alarm')) {
      assert.notEqual(Properties.ActionsEnabled, false);
      assert.deepEqual(Properties.AlarmActions, [`arn:aws:sns:${REGION}:${ACCOUNT}:offsite-alarms`]);
    }
  });

  test('and whatever goes to phones goes to mailboxes too: SNS drops SMS beyond its limit without a word', () => {
    const both = { AlertEmail: 'a@b', AlertPhone: '+4917012345678' };
    const subscriptions = Object.values(resolved(made.template, { parameters: both })).flatMap(
      ({ Type, Properties }) => (Type === 'AWS::SNS::Subscription' ? [Properties] : []),
    );
    const [phone, ...others] = subscriptions.filter(({ Protocol }) => Protocol === 'sms');
    assert.deepEqual(others, []);
    const mailboxes = subscriptions.filter(
      ({ Protocol, TopicArn }) => Protocol === 'email' && TopicArn === phone?.TopicArn,
    );
    assert.equal(mailboxes.length, 1);
    assert.equal('FilterPolicy' in (mailboxes[0] ?? {}), false);
  });

  test('watch each function, the audit that does not run, the dead-letter queue, and what SNS does not deliver', () => {
    const names = ofType('AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties.AlarmName);
    assert.deepEqual(names.sort(), [
      'offsite-alerts-undelivered',
      'offsite-audit-fails',
      'offsite-audit-silent',
      'offsite-complete-fails',
      'offsite-dead-letters',
      'offsite-dispatch-fails',
      'offsite-reconcile-fails',
      'offsite-sms-spent',
    ]);
    assert.equal(properties('AuditSilent').TreatMissingData, 'breaching');
    assert.deepEqual(properties('AlertsUndelivered').Dimensions, [{ Name: 'TopicName', Value: 'offsite-alerts' }]);
    // The account's: a metric with a dimension would be that of one country or phone.
    assert.deepEqual([properties('SmsSpent').Dimensions, Number(properties('SmsSpent').Threshold)], [undefined, 0.8]);
  });

  test('and verdicts are on a dashboard that CloudWatch can read', () => {
    const { widgets } = JSON.parse(String(properties('Dashboard').DashboardBody));
    assert.ok(widgets.length >= 4);
    assert.match(JSON.stringify(widgets), /\/aws\/lambda\/offsite-complete/);
  });
});

describe('the hosts', () => {
  test('are named by their own userid, which CloudFormation leaves to IAM', () => {
    const policy = JSON.stringify(made.template.Resources.HostPolicy);
    assert.match(policy, /\$\{!aws:userid\}/);
    assert.match(JSON.stringify(resources.HostPolicy), /data\/\$\{aws:userid\}\/\*/);
  });

  test('are given one command, with one parameter that no shell can misread', () => {
    const content = properties('BackupDocument').Content as Record<string, unknown>;
    const { payload } = content.parameters as Record<string, Record<string, string>>;
    assert.equal(payload?.allowedPattern, '^[A-Za-z0-9_-]+$');
    assert.equal(payload?.interpolationType, 'ENV_VAR');
    const [step] = content.mainSteps as { inputs: { runCommand: string[] } }[];
    assert.equal(step?.inputs.runCommand.at(-1), 'exec /opt/offsite/bin/offsite backup --job "$SSM_payload"');
    assert.equal(properties('BackupDocument').UpdateMethod, 'NewVersion');
    for (const pattern of JSON.stringify(content).matchAll(/"allowedPattern":"([^"]+)"/g)) {
      assert.doesNotMatch(pattern[1] ?? '', /\{[^}]*\d{4}|\(\?/, 'RE2 knows no long repetitions and no looking around');
    }
  });
});
