/**
 * The functions and the agent as they are, on a fake AWS; and then every request that they made, held against the
 * packaged policies by a policy simulator that is not ours. Nothing here was written down by hand as "what it calls".
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ATTACKS, ATTACKS_ON_PROTECTION, FUNCTIONS } from './attacks.ts';
import { packagedByDefault } from './packaged.ts';
import { isAllowed, type Principal, principalsOf, refusedOf, type Statement } from './policies.ts';
import { type Scenario, scenario } from './scenario.ts';
import { ACCOUNT, resolved } from './template.ts';

let played: Scenario;
let principals: Record<string, Principal>;
const who = (name: string): Principal => principals[name] ?? assert.fail(`no principal ${name}`);

before(async () => {
  played = await scenario();
  principals = principalsOf(played.resources);
});
after(() => played.aws.close());

describe('the functions, with the real agent', () => {
  const outcome = (step: string) => {
    const { runs } = played.answers[step] as { runs: { verdict: string }[] };
    return runs.map(({ verdict }) => verdict);
  };

  test('ask hosts, judge what they made, and find what is missing', () => {
    const { dispatched, again, audited } = played.answers as Record<string, Record<string, unknown>>;
    assert.deepEqual(dispatched?.commands, ['command-0']);
    assert.deepEqual(again?.commands, [], 'a second firing sends nothing');
    assert.deepEqual(
      [outcome('completed'), outcome('ended'), outcome('unasked')],
      [['complete', 'suspect'], ['complete', 'suspect'], ['complete']],
    );
    assert.deepEqual(outcome('failed'), ['failed', 'failed'], 'by a command alone');
    assert.deepEqual([audited?.judged, audited?.missed, audited?.open], [3, 1, 0]);
  });

  test('send the command to all at once, and for as long as somebody may wake up', () => {
    const [first] = played.aws.sent as unknown as Record<string, unknown>[];
    assert.deepEqual([first?.MaxErrors, first?.DocumentName], ['100%', 'offsite-backup']);
    assert.ok(Number(first?.TimeoutSeconds) > 7 * 3600 && Number(first?.TimeoutSeconds) <= 8 * 3600);
    assert.match(String(first?.Comment), /^offsite nightly \S+ 0$/);
  });

  test('tell people by one publication: a mail, an SMS, and whether it is critical', () => {
    const [unknown] = played.aws.published;
    assert.match(unknown?.get('Subject') ?? '', /^Offsite: UNKNOWN NODE purr/);
    const { default: plain, email, sms } = JSON.parse(unknown?.get('Message') ?? '');
    assert.equal(plain, email);
    assert.ok(sms.length < 140);
    const attributes = [...(unknown ?? [])]
      .filter(([name]) => name.startsWith('MessageAttributes'))
      .map(([, value]) => value);
    assert.deepEqual(attributes, ['critical', 'String', 'true', 'AWS.SNS.SMS.SMSType', 'String', 'Transactional']);
  });

  test('show whoever watches from outside that they are alive', () => {
    assert.deepEqual(played.heartbeats, ['GET /ping', 'GET /ping'], 'by each audit that ran without an error');
  });

  test('test the alerts on both topics', () => {
    const { told } = played.answers.testedAlerts as { told: string[] };
    assert.deepEqual(told, ['alerts', 'alarms']);
  });

  test('tell programs of every verdict', () => {
    const [first] = played.aws.emitted;
    assert.deepEqual([first?.Source, first?.DetailType], ['offsite', 'Run Judged']);
    const { stack, host, outcome: judged } = JSON.parse(String(first?.Detail));
    assert.deepEqual([stack, host, judged], ['offsite', 'carcosa', 'complete']);
  });

  test('keep what they do not understand, with the reason', () => {
    const letters = played.aws.queued.map(({ function: from, reason, event }) => [
      from,
      event,
      /Failed to parse schema: ./.test(String(reason)),
    ]);
    assert.deepEqual(letters, [
      ['dispatch', { foo: 1 }, true],
      ['complete', { foo: 1 }, true],
      ['audit', null, true],
      ['reconcile', null, true],
    ]);
    assert.match(String(played.aws.queued[0]?.reason), /neither a firing \{policy, type, time\}/);
  });

  test('make rules that pass policy, type and the event’s own time, and take away those that are not wanted', () => {
    assert.deepEqual([...played.aws.rules.keys()], ['offsite-s-nightly-full']);
    const [target] = played.aws.targets.get('offsite-s-nightly-full') ?? [];
    assert.deepEqual(target?.InputTransformer, {
      InputPathsMap: { time: '$.time' },
      InputTemplate: '{"policy":"nightly","type":"full","time":<time>}',
    });
    assert.deepEqual(target?.RetryPolicy, { MaximumEventAgeInSeconds: 8 * 3600, MaximumRetryAttempts: 185 });
  });
});

const USER_ID_VARIABLE = '$' + '{aws:userid}';

describe('every recorded request', () => {
  test('is allowed to whoever made it', async () => {
    const calls = played.aws.calls.filter(({ principal }) => principal !== 'nobody');
    const { checked, refused } = await refusedOf(calls, who, played.resources);
    assert.deepEqual(refused, []);
    assert.ok(checked > 60, `only ${checked} different requests were recorded`);
  });

  test('is what the policies grant, and they grant no more', () => {
    const granted = [...FUNCTIONS, 'host'].flatMap((name) => grantsOf(name, who(name)));
    const unused = granted.filter(({ principal, action, resource }) => {
      const pattern = new RegExp(
        `^${literally(resource.replace(USER_ID_VARIABLE, who(principal).userId)).replaceAll('*', '.*')}$`,
      );
      const calls = played.aws.calls.filter((call) => call.principal === principal && call.action === action);
      return !calls.some(({ resources }) => resources.some((one) => pattern.test(one)));
    });
    const shown = unused.map(
      ({ principal, action, resource }) => `${principal}: ${action} ${resource.replace(/^arn:aws:s3:::[^/]+\//, '')}`,
    );
    assert.deepEqual(shown.sort(), NOT_IN_THE_SCENARIO.toSorted());
  });
});

/** Granted and not recorded here: what is done by AWS's own agents, or only on bad days. */
const NOT_IN_THE_SCENARIO = [
  // Lambda itself logs with the function's role.
  ...FUNCTIONS.flatMap((name) =>
    ['logs:CreateLogStream', 'logs:PutLogEvents'].map(
      (action) => `${name}: ${action} arn:aws:logs:eu-central-1:${ACCOUNT}:log-group:/aws/lambda/offsite-${name}:*`,
    ),
  ),
  // The SSM agent's own calls.
  ...[
    'ec2messages:AcknowledgeMessage',
    'ec2messages:DeleteMessage',
    'ec2messages:FailMessage',
    'ec2messages:GetEndpoint',
    'ec2messages:GetMessages',
    'ec2messages:SendReply',
    'ssm:ListInstanceAssociations',
    'ssm:UpdateInstanceInformation',
    'ssmmessages:CreateControlChannel',
    'ssmmessages:OpenControlChannel',
  ].map((action) => `host: ${action} *`),
];

describe('attacks', () => {
  for (const attack of ATTACKS) {
    test(`${attack.who} ${attack.what}: denied`, async () => {
      assert.equal(await isAllowed(who(attack.who), attack, played.resources), false);
    });
  }

  test('the same by the operator are allowed, where they are the operator’s to do', async () => {
    const operator = { ...who('administrator'), arn: `arn:aws:iam::${ACCOUNT}:role/operator` };
    const { template } = await packagedByDefault();
    const resources = resolved(template, { parameters: { OperatorArn: operator.arn } });
    const deletes = ATTACKS.filter(({ who: by, action }) => by === 'administrator' && action.startsWith('s3:Delete'));
    for (const attack of deletes) {
      assert.equal(await isAllowed(operator, attack, resources), true, attack.what);
      assert.equal(await isAllowed(who('administrator'), attack, resources), false, attack.what);
    }
    for (const attack of ATTACKS_ON_PROTECTION) {
      assert.equal(await isAllowed(operator, attack, resources), true, attack.what);
      assert.equal(await isAllowed(who('administrator'), attack, resources), false, attack.what);
    }
  });
});

interface Grant {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
}

function grantsOf(principal: string, { policies }: Principal): Grant[] {
  const listOf = (value: Statement['Action']) => (typeof value === 'string' ? [value] : value);
  const statements = policies.flatMap(({ policy }) => policy.Statement);
  return statements.flatMap(({ Action, Resource }) =>
    listOf(Action).flatMap((action) => listOf(Resource).map((resource) => ({ principal, action, resource }))),
  );
}

const literally = (text: string) => text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&');
