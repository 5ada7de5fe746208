/** Alerts that nobody would hear, a queue of what nobody could deal with, and the sign of life that stays away. */

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { AuditPorts } from '../../functions/audit.ts';
import { NobodyListens } from '../../functions/ports/notifier.ts';
import { fleetFile, TestStack } from '../helpers/test-stack.ts';

const D20 = '2026-11-20T04:00:00Z';
const PING = 'https://example.org/ping/secret';

let stack: TestStack;
let waiting: number;
let looks: number;
let beats: string[];
let heartbeat: (url: string) => Promise<void>;

beforeEach(async () => {
  stack = await TestStack.of({ carcosa: {} });
  [waiting, looks, beats] = [0, 0, []];
  heartbeat = async (url) => void beats.push(url);
  await auditAt('2026-11-19T13:00:00Z');
  [looks, beats] = [0, []];
});

const ports: AuditPorts = {
  deadLetters: {
    count: async () => {
      looks++;
      return waiting;
    },
  },
  heartbeat: { beat: (url) => heartbeat(url) },
};
const auditAt = (time: string) => stack.at(time).audit(ports);

async function audited(...times: string[]): Promise<void> {
  for (const time of times) assert.deepEqual((await auditAt(time)).errors, []);
}

const withHeartbeat = async () => stack.apply({ ...(fleetFile({ carcosa: {} }) as object), heartbeat: PING });
const ofStack = (kind: 'no-subscriber' | 'dead-letters') => stack.problem(kind, null, null);

describe('while nobody listens', () => {
  beforeEach(() => {
    stack.notifier.deaf.add('alerts');
  });

  test('nothing is published or marked as told, audit fails, and somebody who confirms is told everything', async () => {
    await withHeartbeat();
    await stack.at(D20).dispatch(D20);
    for (const time of ['12:00', '12:15', '12:30']) {
      const { errors } = await auditAt(`2026-11-20T${time}:00Z`);
      assert.ok(errors.some((error) => error instanceof NobodyListens));
    }
    const missed = await stack.problem('missed');
    assert.deepEqual([missed?.told, missed?.closed, beats], [null, null, []]);
    const toAlerts = () => stack.notifier.published.filter(({ topic }) => topic === 'alerts');
    assert.deepEqual([toAlerts(), stack.notifier.digests], [[], []]);

    stack.notifier.deaf.clear();
    await audited('2026-11-20T12:45:00Z');
    assert.ok(toAlerts().some(({ subject }) => subject.startsWith('Offsite: MISSED carcosa/data')));
    assert.equal(stack.notifier.takeDigests().length, 1);
    assert.notEqual((await stack.problem('missed'))?.told, null);
    assert.notEqual((await ofStack('no-subscriber'))?.closed, null);
    assert.deepEqual(beats, [PING]);
    stack.messages();
    await audited('2026-11-20T13:00:00Z', '2026-11-20T13:15:00Z');
    assert.deepEqual(stack.messages(), []);
  });

  test('the topic for alarms is told so, once, and again a day later', async () => {
    for (const time of ['07:00', '07:15', '07:30']) await auditAt(`2026-11-20T${time}:00Z`);
    const [only, ...others] = stack.notifier.take();
    assert.deepEqual([only?.topic, others], ['alarms', []]);
    assert.match(only?.subject ?? '', /^Offsite: UNHEARD alerts/);
    assert.equal(only?.critical, true);
    for (const time of ['06:45', '07:00', '07:15']) await auditAt(`2026-11-21T${time}:00Z`);
    assert.deepEqual(
      stack.notifier.take().map(({ topic, subject }) => [topic, subject]),
      [['alarms', 'Offsite: STILL UNHEARD alerts since 2026-11-20 07:00 UTC']],
    );
  });

  test('to neither topic, it is told as soon as somebody listens to one of them', async () => {
    stack.notifier.deaf.add('alarms');
    await auditAt('2026-11-20T07:00:00Z');
    assert.deepEqual([stack.notifier.take(), (await ofStack('no-subscriber'))?.told], [[], null]);
    stack.notifier.deaf.delete('alarms');
    await auditAt('2026-11-20T07:15:00Z');
    assert.deepEqual(
      stack.notifier.take().map(({ topic }) => topic),
      ['alarms'],
    );
  });

  test('what complete finds waits too', async () => {
    const run = await stack
      .at('2026-11-20T04:20:00Z')
      .host()
      .backUp({ slot: { policy: 'nightly', due: D20 }, outcome: 'failed' });
    await stack.completeRun(run);
    assert.deepEqual([stack.messages(), (await stack.problem('failed'))?.told], [[], null]);
    stack.notifier.deaf.clear();
    await audited('2026-11-20T04:30:00Z');
    assert.ok(stack.messages().some((subject) => subject.startsWith('FAILED carcosa/data')));
  });
});

describe('dead letters', () => {
  test('are looked for once a day, and told', async () => {
    for (let hour = 13; hour < 24; hour++) await audited(`2026-11-19T${hour}:15:00Z`);
    assert.equal(looks, 0);
    waiting = 2;
    await audited('2026-11-20T13:00:00Z');
    const { reasons, told } = (await ofStack('dead-letters')) ?? assert.fail();
    assert.deepEqual([looks, reasons[0]?.brief, told === null], [1, '2 waiting', false]);
    assert.ok(stack.messages().some((subject) => /dead.letter/i.test(subject)));
  });

  test('are looked for in every audit while they are a problem, until none are there', async () => {
    waiting = 1;
    await audited('2026-11-20T13:00:00Z', '2026-11-20T13:15:00Z', '2026-11-20T13:30:00Z');
    assert.equal(looks, 3);
    waiting = 0;
    await audited('2026-11-20T13:45:00Z', '2026-11-20T14:00:00Z');
    assert.equal(looks, 4);
    assert.notEqual((await ofStack('dead-letters'))?.closed, null);
  });

  test('that come while the alarm is red already are told, as new ones after the queue was emptied, and daily while not', async () => {
    const aboutLetters = () => stack.messages().filter((subject) => /dead.letter/i.test(subject)).length;
    waiting = 1;
    await audited('2026-11-20T13:00:00Z');
    assert.equal(aboutLetters(), 1);
    waiting = 2;
    await audited('2026-11-20T13:15:00Z', '2026-11-21T12:45:00Z');
    assert.equal(aboutLetters(), 0);
    await audited('2026-11-21T13:00:00Z');
    assert.equal(aboutLetters(), 1, 'once a day while there are any');
    waiting = 0;
    await audited('2026-11-21T13:15:00Z');
    assert.equal(aboutLetters(), 1, 'none are left');
    waiting = 1;
    await audited('2026-11-21T13:30:00Z', '2026-11-22T13:15:00Z');
    assert.equal(aboutLetters(), 1, 'there are again');
  });

  test('that cannot be counted are an error, and are looked for again by the next audit', async () => {
    const broken: AuditPorts = { deadLetters: { count: () => Promise.reject(new Error('AccessDenied')) } };
    const { errors } = await stack.at('2026-11-20T13:00:00Z').audit(broken);
    assert.equal(errors.length, 1);
    await audited('2026-11-20T13:15:00Z');
    assert.equal(looks, 1);
  });
});

describe('the heartbeat', () => {
  test('is sent by each audit that ran without an error, to the URL of the fleet file', async () => {
    await audited('2026-11-20T03:00:00Z');
    assert.deepEqual(beats, [], 'the fleet file names none');
    await withHeartbeat();
    await audited('2026-11-20T03:15:00Z', '2026-11-20T03:30:00Z');
    assert.deepEqual(beats, [PING, PING]);
  });

  test('stays away where anything went wrong', async () => {
    await withHeartbeat();
    stack.notifier.beforePublish = () => {
      throw new Error('InternalError');
    };
    assert.equal((await auditAt('2026-11-20T07:00:00Z')).errors.length, 1);
    assert.deepEqual(beats, []);
    stack.notifier.beforePublish = () => {};
    await audited('2026-11-20T07:15:00Z');
    assert.deepEqual(beats, [PING]);
  });

  test('that nobody takes is a warning that keeps the URL to itself, and no error', async () => {
    await withHeartbeat();
    heartbeat = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }));
    const { errors, warnings } = await auditAt('2026-11-20T03:15:00Z');
    assert.deepEqual(errors, []);
    assert.deepEqual(warnings, ['the heartbeat https://example.org/… was not taken: fetch failed: ECONNREFUSED']);
  });

  test('comes after audit has saved its place', async () => {
    await withHeartbeat();
    let cursor = '';
    heartbeat = async () => {
      cursor = JSON.parse((await stack.memory.get('audit/state.json')).body.toString()).cursor;
    };
    await audited('2026-11-20T03:15:00Z');
    assert.equal(cursor, '2026-11-20T03:15:00Z');
  });
});
