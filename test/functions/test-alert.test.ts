/** A test of the alerts: what it says, and that it goes the way that alerts go. */

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { NobodyListens } from '../../functions/ports/notifier.ts';
import { renderTest } from '../../functions/rules/test-message.ts';
import { MAX_SMS, MAX_SUBJECT } from '../../functions/rules/words.ts';
import { testAlert } from '../../functions/test-alert.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { FakeNotifier } from '../helpers/fake-notifier.ts';

const NOW = '2026-11-21T04:00:00Z';
const clock = new FakeClock(NOW);
let notifier: FakeNotifier;
beforeEach(() => {
  notifier = new FakeNotifier();
});
const run = () => testAlert({ notifier, clock }, 'the stack offsite');

test('goes to both topics, marked critical, so that phones are tested too', async () => {
  const { told, unheard, errors, at } = await run();
  assert.deepEqual([told, unheard, errors, at], [['alerts', 'alarms'], [], [], NOW]);
  assert.deepEqual(
    notifier.published.map(({ topic, critical }) => [topic, critical]),
    [
      ['alerts', true],
      ['alarms', true],
    ],
  );
});

test('a topic that nobody listens to is named, and the other one is tested all the same', async () => {
  notifier.beforePublish = ({ topic }) => {
    if (topic === 'alerts') throw new NobodyListens(topic);
  };
  const { told, unheard, errors } = await run();
  assert.deepEqual([told, unheard, errors], [['alarms'], ['alerts'], []]);
});

test('a topic that fails is an error, and the other one is tested all the same', async () => {
  const denied = new Error('AuthorizationError');
  notifier.beforePublish = ({ topic }) => {
    if (topic === 'alerts') throw denied;
  };
  const { told, errors } = await run();
  assert.deepEqual([told, errors], [['alarms'], [denied]]);
});

describe('its words', () => {
  const names = ['the stack offsite', `the stack ${'a'.repeat(31)}`, `file:///${'long/'.repeat(40)}ünicode`];
  for (const stack of names) {
    test(`TEST comes first, and everything fits: ${stack.slice(0, 30)}`, () => {
      const { subject, email, sms } = renderTest({ stack, now: NOW, displayName: 'Offsite123' });
      assert.match(subject, /^Offsite: TEST, nothing is wrong/);
      assert.match(email, /^TEST: nothing is wrong\.\n/);
      assert.match(sms, /^TEST: nothing is wrong\./);
      assert.ok(subject.length <= MAX_SUBJECT && /^[\x20-\x7e]+$/.test(subject), subject);
      assert.ok('Offsite123> '.length + sms.length <= MAX_SMS, sms);
    });
  }
});
