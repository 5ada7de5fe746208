/** The stack on AWS as the operator meets it: what does not work, and in which words that is said. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { parse } from 'yaml';
import { type ErrorCode, isOffsiteError } from '../../contract/errors.ts';
import { AwsHands } from '../../operator/aws/hands.ts';
import {
  emailAddress,
  phoneNumber,
  SMS_FILTER,
  subscribeAll,
  wantedSubscriptions,
} from '../../operator/fleet-subscribe.ts';
import { testAlerts } from '../../operator/test-alert.ts';
import { OperatorAws, REGION } from '../helpers/operator-aws.ts';

const NOW = '2026-11-21T04:00:00Z';
const NODE = 'mi-0123456789abcdef0';
const WANTED = { host: 'carcosa', sets: ['data'], type: 'full', deadline: new Date('2026-11-21T12:00:00Z') } as const;
const DISPATCHED = {
  state: 'dispatched',
  policy: 'manual',
  due: NOW,
  commands: ['command-1'],
  nodes: 1,
  unknown: [],
} as const;
const TESTED = { at: NOW, subject: 'Offsite: TEST', told: ['alerts', 'alarms'], unheard: [] };

let aws: OperatorAws;
before(async () => {
  aws = await OperatorAws.start();
});
beforeEach(() => aws.reset());
after(() => aws.close());

const hands = (stack = 'offsite') => new AwsHands({ stack, region: REGION, clients: aws.clients });
const fails = (code: ErrorCode, words: RegExp) => (error: unknown) =>
  isOffsiteError(error, code) && words.test(`${error.message} ${error.hint}`);

describe('asking a function', () => {
  test('a stack that is not deployed there: its function and region are named', async () => {
    await assert.rejects(
      hands().runNow(WANTED),
      fails('stack-absent', /no function offsite-dispatch in eu-central-1.*region/s),
    );
  });

  test('without the right to: which call, and what AWS says', async () => {
    aws.faults.set('Invoke', ['AccessDeniedException']);
    await assert.rejects(
      hands().runNow(WANTED),
      fails('stack-denied', /offsite-dispatch.*AccessDeniedException it is/),
    );
  });

  test('throttled once: asked again; throttled for good: said so', async () => {
    aws.functions.set('offsite-dispatch', () => DISPATCHED);
    aws.faults.set('Invoke', ['TooManyRequestsException']);
    assert.deepEqual(await hands().runNow(WANTED), DISPATCHED);
    aws.faults.set('Invoke', ['TooManyRequestsException', 'TooManyRequestsException']);
    await assert.rejects(hands().runNow(WANTED), fails('stack-throttled', /offsite-dispatch/));
  });

  test('a function that throws: its own words', async () => {
    aws.functions.set('offsite-dispatch', () => {
      throw new Error('1 failed: SendCommand: InvalidDocument');
    });
    await assert.rejects(hands().runNow(WANTED), fails('stack-failed', /failed: SendCommand: InvalidDocument/));
  });

  test('a function of another version, which understands nothing of it, or answers something else', async () => {
    aws.functions.set('offsite-dispatch', () => ({ refused: 'neither a firing nor …' }));
    await assert.rejects(
      hands().runNow(WANTED),
      fails('stack-failed', /did not understand.*neither a firing.*deploy/s),
    );
    for (const odd of [null, {}, 'done', { ...DISPATCHED, due: 'yesterday' }]) {
      aws.functions.set('offsite-dispatch', () => odd);
      await assert.rejects(hands().runNow(WANTED), fails('stack-failed', /answer that is not understood/));
    }
  });

  test('nobody answers at the address of the region', async () => {
    const clients = { ...aws.clients, endpoint: 'http://127.0.0.1:9', maxAttempts: 1 };
    const away = new AwsHands({ stack: 'offsite', region: REGION, clients });
    await assert.rejects(away.runNow(WANTED), fails('stack-absent', /cannot be reached.*region/s));
  });

  test('dispatch gets what its event says', async () => {
    const events: unknown[] = [];
    aws.functions.set('offsite-dispatch', (event) => {
      events.push(event);
      return DISPATCHED;
    });
    await hands().runNow(WANTED);
    await hands().runNow({ ...WANTED, due: new Date(NOW) });
    const manual = { ...WANTED, deadline: '2026-11-21T12:00:00Z' };
    assert.deepEqual(events, [{ manual }, { manual: { ...manual, due: NOW } }]);
  });
});

test('a node: online, silent since, or not known', async () => {
  aws.nodes.set(NODE, { online: true, seen: new Date(NOW) });
  aws.nodes.set('i-1', { online: false, seen: new Date(NOW) });
  assert.deepEqual(await hands().nodeState(NODE), { online: true, lastSeen: new Date(NOW) });
  assert.deepEqual(await hands().nodeState('i-1'), { online: false, lastSeen: new Date(NOW) });
  assert.equal(await hands().nodeState('i-2'), null);
});

describe('subscribing', () => {
  beforeEach(() => {
    for (const name of ['offsite-alerts', 'offsite-alarms']) aws.topics.add(name);
  });
  const shown = () => aws.subscribers.map(({ topic, protocol, address, filter }) => [topic, protocol, address, filter]);

  test('an email address to both topics, a phone to the critical alerts alone', async () => {
    const done = await subscribeAll(
      hands(),
      wantedSubscriptions({ emails: ['jo@example.org'], phones: ['+49 170 1234567'] }),
    );
    assert.deepEqual(shown(), [
      ['offsite-alerts', 'email', 'jo@example.org', null],
      ['offsite-alarms', 'email', 'jo@example.org', null],
      ['offsite-alerts', 'sms', '+491701234567', '{"critical":["true"]}'],
    ]);
    assert.deepEqual(
      done.map(({ was }) => was),
      ['new', 'new', 'new'],
    );
  });

  test('what a phone gets, and which addresses are ones, is what the template says', () => {
    const read = (name: string) =>
      parse(readFileSync(join(import.meta.dirname, '../../infra', name), 'utf8'), { logLevel: 'silent' });
    assert.deepEqual(read('alerts.yml').Resources.AlertsBySms.Properties.FilterPolicy, SMS_FILTER);
    const { AlertPhone, AlertEmail } = read('parameters.yml').Parameters;
    for (const number of ['+491701234567', '+12025550123', '+0123456', '491701234567', '+49', '+4917012345678901']) {
      const isOne = new RegExp(`^(${AlertPhone.AllowedPattern})$`).test(number);
      if (isOne) assert.equal(phoneNumber(number), number);
      else assert.throws(() => phoneNumber(number), fails('usage', /no phone number/));
    }
    for (const address of ['jo@example.org', 'jo', 'a b@example.org', 'jo@']) {
      const isOne = new RegExp(`^(${AlertEmail.AllowedPattern})$`).test(address);
      if (isOne) assert.equal(emailAddress(address), address);
      else assert.throws(() => emailAddress(address), fails('usage', /no email address/));
    }
  });

  test('again: nothing for who has confirmed, another mail for who has not', async () => {
    const wanted = wantedSubscriptions({ emails: ['jo@example.org', 'Max@example.org'], phones: [] });
    await subscribeAll(hands(), wanted);
    aws.confirm('jo@example.org');
    aws.asked.length = 0;
    const again = await subscribeAll(
      hands(),
      wantedSubscriptions({ emails: ['JO@example.org', 'Max@example.org'], phones: [] }),
    );
    assert.deepEqual(
      again.map(({ was }) => was),
      ['confirmed', 'confirmed', 'unconfirmed', 'unconfirmed'],
    );
    assert.equal(aws.asked.filter((action) => action === 'Subscribe').length, 2);
    assert.equal(aws.subscribers.length, 4, 'nobody is subscribed twice');
  });

  test('subscriptions of every page, without those of who has left', async () => {
    aws.pageSize = 2;
    for (let i = 0; i < 5; i++)
      aws.subscribers.push({
        topic: 'offsite-alerts',
        protocol: 'email',
        address: `${i}@example.org`,
        arn: 'arn:x',
        filter: null,
      });
    aws.subscribers.push({ topic: 'offsite-alerts', protocol: 'email', address: 'gone', arn: 'Deleted', filter: null });
    assert.deepEqual(
      (await hands().subscriptions()).map(({ address }) => address),
      [0, 1, 2, 3, 4].map((i) => `${i}@example.org`),
    );
  });

  test('a stack that is not there, or not in that region', async () => {
    await assert.rejects(
      hands('other').subscriptions(),
      fails('stack-absent', /no topic other-alerts in eu-central-1/),
    );
  });

  test('one bad address, and nobody is subscribed', async () => {
    assert.throws(() => wantedSubscriptions({ emails: ['jo@example.org', 'max'], phones: [] }), fails('usage', /max/));
    assert.deepEqual(shown(), []);
  });
});

describe('a test of the alerts', () => {
  beforeEach(() => {
    for (const name of ['offsite-alerts', 'offsite-alarms']) aws.topics.add(name);
    aws.functions.set('offsite-audit', ({ testAlert }) => testAlert !== undefined && TESTED);
  });
  const somebody = (protocol: string, arn: string, topic = 'offsite-alerts') =>
    aws.subscribers.push({ topic, protocol, address: `by ${protocol}`, arn, filter: null });

  test('is heard where one email address has confirmed; who has not is told apart', async () => {
    somebody('email', 'arn:1');
    somebody('sms', 'arn:2');
    somebody('email', 'PendingConfirmation');
    const { isHeard, confirmed, unconfirmed, told } = await testAlerts(hands());
    assert.deepEqual([isHeard, confirmed?.length, unconfirmed.length, told], [true, 2, 1, ['alerts', 'alarms']]);
  });

  test('is not heard by phones alone, by who has not confirmed, or by listeners to alarms alone', async () => {
    somebody('sms', 'arn:2');
    somebody('email', 'PendingConfirmation');
    somebody('email', 'arn:3', 'offsite-alarms');
    assert.equal((await testAlerts(hands())).isHeard, false);
  });

  test('is not heard where the function published nothing, whatever the list says', async () => {
    somebody('email', 'arn:1');
    aws.functions.set('offsite-audit', () => ({ ...TESTED, told: ['alarms'], unheard: ['alerts'] }));
    assert.equal((await testAlerts(hands())).isHeard, false);
  });
});

describe('teardown', () => {
  const OURS = 'Offsite stack offsite: full of policy nightly, by fleet file x';

  test("removes this stack's schedules, on every page, and no other rule; twice is no error", async () => {
    aws.pageSize = 1;
    aws.rules.set('offsite-s-nightly-full', OURS);
    aws.rules.set('offsite-s-weekly-incr', OURS);
    aws.rules.set('offsite-s-mine-full', 'made by hand');
    aws.rules.set('offsite-test-s-nightly-full', 'Offsite stack offsite-test: full of policy nightly, by fleet file x');
    assert.deepEqual(await hands().leftovers(), ['offsite-s-nightly-full', 'offsite-s-weekly-incr']);
    await hands().removeLeftovers();
    await hands().removeLeftovers();
    assert.deepEqual([...aws.rules.keys()], ['offsite-s-mine-full', 'offsite-test-s-nightly-full']);
    assert.deepEqual(await hands().leftovers(), []);
  });

  test('without the right to: said so, and nothing is removed', async () => {
    aws.rules.set('offsite-s-nightly-full', OURS);
    aws.faults.set('DeleteRule', ['AccessDeniedException']);
    await assert.rejects(hands().removeLeftovers(), fails('stack-denied', /AccessDeniedException it is/));
    assert.equal(aws.rules.size, 1);
  });
});
