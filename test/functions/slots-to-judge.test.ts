/** Which slots an audit has to judge, and what it costs to find them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instantText } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { beginPass } from '../../functions/lib/pass.ts';
import { slotsToJudge } from '../../functions/lib/slots-to-judge.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { TestStack } from '../helpers/test-stack.ts';

const HOUR = 3_600_000;
const NOW = new Date('2026-11-20T12:00:00Z');

test('a day of hourly slots of many policies is found with few lists, and nothing is overlooked behind a large one', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `hourly${String(i).padStart(2, '0')}`);
  const policies = Object.fromEntries(
    names.map((name) => [name, { incremental: 'cron(0 * * * ? *)', deadline: '1h' }]),
  );
  const stack = await TestStack.of({ carcosa: {} }, policies);
  const put = (key: Parameters<typeof objectKey>[0], body = '{}') =>
    stack.memory.overwrite(objectKey(key), Buffer.from(body));
  for (let due = new Date(+NOW - 20 * HOUR); due <= NOW; due = new Date(+due + HOUR)) {
    for (const policy of names) {
      put({ kind: 'expected', due, policy });
      for (let number = 0; number < 5; number++) put({ kind: 'sent', due, policy, number });
    }
  }
  const due = new Date(+NOW - 3 * HOUR);
  for (let number = 0; number < 3000; number++) put({ kind: 'sent', due, policy: 'hourly07', number });
  const lost = { policy: 'lost', due: instantText(due), deadline: instantText(new Date(+NOW - 60_000)) };
  const expected = {
    type: 'offsite/expected/1',
    format: 1,
    backup: 'full',
    splay: 0,
    fleet: 'f'.repeat(64),
    batches: [],
  };
  put({ kind: 'expected', due, policy: 'lost' }, JSON.stringify({ ...expected, ...lost }));

  const store = faultyStore(stack.memory);
  const pass = await beginPass(stack.at(instantText(NOW)).over(store), new Date(+NOW - HOUR));
  const found = await slotsToJudge(pass, { cursor: instantText(new Date(+NOW - HOUR / 4)), open: [] }, NOW);
  assert.equal(found.length, 21, 'those due an hour ago, and the lost one');
  assert.ok(found.some(({ policy }) => policy === 'lost'));
  const lists = store.calls.filter(({ operation, key }) => operation === 'list' && key.startsWith('slots/'));
  assert.ok(lists.length < 10, `${lists.length} lists`);
});
