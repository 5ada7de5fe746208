/** `offsite fleet run`, `test-alert`, `subscribe` and `teardown` as they ask a stack on AWS, and what they say of its answers. */

import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { instantText, runIdForSlot } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { putFleet } from '../../repository/fleet.ts';
import { openStore } from '../../store/wire.ts';
import { ended, offsite, oneDocument, type Said } from '../helpers/offsite.ts';
import { OperatorAws, REGION } from '../helpers/operator-aws.ts';
import { BUCKET, startS3Server } from '../helpers/s3-server.ts';

const aws = await OperatorAws.start();
const s3 = await startS3Server();
after(async () => {
  await aws.close();
  await s3.close();
});
Object.assign(process.env, aws.environment);

const NODE = 'mi-0123456789abcdef0';
const DUE = new Date(Math.floor(Date.now() / 1000) * 1000);
const RUN = runIdForSlot({ policy: 'manual', due: DUE, node: NODE, set: 'data' });
const DISPATCHED = {
  state: 'dispatched',
  policy: 'manual',
  due: instantText(DUE),
  commands: ['c'],
  nodes: 1,
  unknown: [],
};
const url = `s3://${BUCKET}?endpoint=${encodeURIComponent(s3.endpoint)}&region=${REGION}`;
const store = await openStore(url);
const fleetFile = {
  store: url,
  stack: 'offsite-prod',
  recipients: ['0123456789ABCDEF0123456789ABCDEF01234567'],
  hosts: { carcosa: { node: NODE, sets: ['data'] } },
  policies: { nightly: { hosts: ['carcosa'], full: 'cron(0 3 * * ? *)', deadline: '20m' } },
};

interface Failed {
  error: { code: string; message: string; hint: string };
}

const fleet = (...words: string[]): Promise<Said> =>
  offsite(['fleet', ...words, '--store', url], { env: aws.environment });
const failure = (said: Said, code: number) => oneDocument<Failed>(ended(said, code)).error;

beforeEach(async () => {
  aws.reset();
  s3.objects.clear();
  await putFleet(store, fleetFile, new Date(Date.now() - 60_000));
  aws.nodes.set(NODE, { online: true, seen: DUE });
  aws.functions.set('offsite-prod-dispatch', () => DISPATCHED);
});

describe('run', () => {
  test('asks and goes, naming the runs and how to follow them', async () => {
    const said = ended(await fleet('run', 'carcosa'), 0);
    assert.equal(said.out, `data: run ${RUN}\n`);
    assert.match(said.err, /offsite runs --host carcosa --store 's3:/);
  });

  test('a host that sleeps: said at once, with when it was last heard of', async () => {
    aws.nodes.set(NODE, { online: false, seen: new Date('2026-11-01T10:00:00Z') });
    const said = ended(await fleet('run', 'carcosa'), 0);
    assert.match(said.err, /carcosa is not online \(last heard of 2026-11-01 10:00:00 UTC\)/);
    const { online, lastSeen } = oneDocument(ended(await fleet('run', 'carcosa', '--json'), 0));
    assert.deepEqual([online, lastSeen], [false, '2026-11-01T10:00:00Z']);
  });

  test('a node that SSM does not know: nobody is asked', async () => {
    aws.nodes.clear();
    const { code, message, hint } = failure(await fleet('run', 'carcosa', '--json'), 1);
    assert.deepEqual([code, /mi-0123456789abcdef0/.test(message), /discover/.test(hint)], ['node-unknown', true, true]);
    assert.ok(!aws.asked.includes('Invoke'));
  });

  test('a stack that is not there, and one that fails: what, where, and what to do', async () => {
    aws.functions.clear();
    const absent = failure(await fleet('run', 'carcosa', '--json'), 1);
    assert.equal(absent.code, 'stack-absent');
    assert.match(absent.message, /function offsite-prod-dispatch in eu-central-1/);
    assert.match(absent.hint, /stack.*region.*account/);
    aws.functions.set('offsite-prod-dispatch', () => {
      throw new Error('1 failed: AccessDenied');
    });
    const failed = failure(await fleet('run', 'carcosa', '--json'), 1);
    assert.deepEqual([failed.code, /1 failed: AccessDenied/.test(failed.message)], ['stack-failed', true]);
  });

  for (const [outcome, code] of [
    ['complete', 0],
    ['partial', 3],
    ['suspect', 3],
    ['failed', 1],
  ] as const) {
    test(`--wait, ${outcome}: exit ${code}, with the reasons`, async () => {
      const key = objectKey({
        kind: 'slot-verdict',
        due: DUE,
        policy: 'manual',
        host: 'carcosa',
        set: 'data',
        run: RUN,
      });
      await store.put(key, Buffer.from(JSON.stringify(verdict(outcome))), { condition: 'absent' });
      const said = ended(await fleet('run', 'carcosa', '--wait'), code);
      assert.match(said.out, new RegExp(`^data: run ${RUN} (is )?${outcome}`));
      if (outcome !== 'complete') assert.match(said.out, /^ {2}the reason for it$/m);
    });
  }
});

describe('test-alert', () => {
  beforeEach(() => {
    for (const name of ['alerts', 'alarms']) aws.topics.add(`offsite-prod-${name}`);
    aws.functions.set('offsite-prod-audit', () => ({
      at: instantText(DUE),
      subject: 'Offsite: TEST',
      told: ['alerts', 'alarms'],
      unheard: [],
    }));
  });

  test('says who should get it, and who has not confirmed', async () => {
    ended(await fleet('subscribe', '--email', 'jo@example.org', 'max@example.org', '--sms', '+491701234567'), 0);
    aws.confirm('jo@example.org');
    const said = ended(await fleet('test-alert'), 0);
    assert.match(said.out, /email +jo@example\.org +alerts/);
    assert.match(said.out, /sms +\+491701234567 +alerts/);
    assert.doesNotMatch(said.out, /max/);
    assert.match(said.err, /not confirmed.*max@example\.org.*3 days/s);
  });

  test('exit 1 where nobody listens, saying what to type', async () => {
    ended(await fleet('subscribe', '--email', 'max@example.org'), 0);
    const said = ended(await fleet('test-alert'), 1);
    assert.match(said.err, /nobody hears of missing backups: offsite fleet subscribe --email/);
    const { isHeard, unconfirmed } = oneDocument(ended(await fleet('test-alert', '--json'), 1));
    assert.deepEqual([isHeard, (unconfirmed as unknown[]).length], [false, 2]);
  });
});

describe('subscribe', () => {
  beforeEach(() => {
    for (const name of ['alerts', 'alarms']) aws.topics.add(`offsite-prod-${name}`);
  });

  test('subscribes, says what must be done, and lists', async () => {
    const said = ended(await fleet('subscribe', '--email', 'jo@example.org', '--list'), 0);
    assert.match(said.out, /^email jo@example\.org, alerts: subscribed\nemail jo@example\.org, alarms: subscribed\n/);
    assert.match(said.err, /within 3 days/);
    assert.match(said.out, /alarms +email +jo@example\.org +not confirmed/);
    aws.confirm('jo@example.org');
    const again = oneDocument<{ subscribed: { was: string }[] }>(
      ended(await fleet('subscribe', '--email', 'jo@example.org', '--json'), 0),
    );
    assert.deepEqual(
      again.subscribed.map(({ was }) => was),
      ['confirmed', 'confirmed'],
    );
  });

  test('before there is a fleet file the stack is named', async () => {
    s3.objects.clear();
    assert.equal(failure(await fleet('subscribe', '--list', '--json'), 1).code, 'fleet-missing');
    ended(await fleet('subscribe', '--list', '--stack', 'offsite-prod'), 0);
  });
});

describe('teardown', () => {
  beforeEach(() => {
    aws.rules.set('offsite-prod-s-nightly-full', 'Offsite stack offsite-prod: full of policy nightly, by fleet file x');
    aws.rules.set('offsite-s-nightly-full', 'Offsite stack offsite: full of policy nightly, by fleet file x');
  });

  test('shows the rules, needs --yes, removes them, and says what stays and what to type next', async () => {
    assert.match(ended(await fleet('teardown'), 2).err, /^to remove: offsite-prod-s-nightly-full$/m);
    assert.equal(aws.rules.size, 2);
    const before = s3.objects.size;
    const said = ended(await fleet('teardown', '--yes', '--stack', 'offsite-prod'), 0);
    assert.deepEqual([...aws.rules.keys()], ['offsite-s-nightly-full']);
    assert.match(said.err, /What stays: the bucket/);
    assert.match(said.err, /^ {2}npx osls remove --param=stack=offsite-prod --region eu-central-1$/m);
    assert.equal(s3.objects.size, before);
    assert.match(ended(await fleet('teardown', '--yes'), 0).out, /nothing to remove/);
  });

  test("another stack's name is refused, and its rules stay", async () => {
    assert.equal(failure(await fleet('teardown', '--yes', '--stack', 'offsite', '--json'), 2).code, 'stack-mismatch');
    assert.equal(aws.rules.size, 2);
  });

  test('without the right to remove: said so', async () => {
    aws.faults.set('DeleteRule', ['AccessDeniedException']);
    assert.equal(failure(await fleet('teardown', '--yes', '--json'), 1).code, 'stack-denied');
  });
});

function verdict(outcome: string) {
  const at = instantText(DUE);
  const nothing = { prefix: null, payload: null, sequence: null, backup: null, promoted: null, received: null };
  const reasons = outcome === 'complete' ? [] : [{ code: 'gate', text: 'the reason for it' }];
  return {
    type: 'offsite/verdict/1',
    format: 1,
    ...{ host: 'carcosa', set: 'data', run: RUN, policy: 'manual', due: at, deadline: at, at, outcome, reasons },
    ...{ witness: 'manifest', accepted: outcome !== 'failed', notices: [], judged: at, recorded: null, ...nothing },
    moves: { head: false, base: false, good: false, baseAbove: null },
    ...{ configHash: null, newBytes: null, storedBytes: null, bytes: null, files: null },
  };
}
