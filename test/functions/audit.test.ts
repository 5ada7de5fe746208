/** Audit: every way a miss could stay silent, and every way it could be cried too often. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compactInstant, instantText } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import type { Verdict } from '../../contract/verdict.ts';
import { audit } from '../../functions/audit.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { fleetFile, NIGHTLY, TestStack } from '../helpers/test-stack.ts';

const D20 = '2026-11-20T04:00:00Z';
const D21 = '2026-11-21T04:00:00Z';
const D22 = '2026-11-22T04:00:00Z';
const D23 = '2026-11-23T04:00:00Z';
const noon = (due: string) => due.replace('04:00', '12:00');
const slot = (due: string) => ({ policy: 'nightly', due });
const shown = (verdict: Verdict | null) => [verdict?.outcome, ...(verdict?.reasons.map(({ code }) => code) ?? [])];

/** Dispatched at `due`, by the fleet file of then. */
const dispatched = (stack: TestStack, due: string) => stack.at(due.replace(':00:00Z', ':00:20Z')).dispatch(due);
/** Audited when the deadline has just passed; errors fail the test. */
async function audited(stack: TestStack, at: string) {
  const result = await stack.at(at).audit();
  assert.deepEqual(result.errors, []);
  return result;
}

describe('a slot whose deadline has passed', () => {
  test('is closed where every run of it was judged, without a word', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await stack.goodRun(D20);
    await audited(stack, '2026-11-20T11:45:00Z');
    assert.equal(await stack.isClosed(D20), false);
    const { slots, open } = await audited(stack, noon(D20));
    assert.deepEqual([slots.length, open, await stack.isClosed(D20), stack.messages()], [1, 0, true, []]);
    assert.deepEqual((await audited(stack, '2026-11-20T12:15:00Z')).slots, []);
  });

  test('is missed where nothing came, and people are told once', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await audited(stack, '2026-11-20T11:45:00Z');
    assert.deepEqual(stack.messages(), []);
    const { slots } = await audited(stack, noon(D20));
    assert.deepEqual([slots[0]?.judged, slots[0]?.missed, slots[0]?.isClosed], [1, 1, true]);
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['missed', 'never-started']);
    const [mail] = stack.notifier.take();
    assert.deepEqual(
      [mail?.subject, mail?.critical],
      ['Offsite: MISSED carcosa/data since 2026-11-20 04:00 UTC: never started', true],
    );
    for (const at of ['2026-11-20T12:15:00Z', '2026-11-20T23:00:00Z']) await audited(stack, at);
    assert.deepEqual(stack.messages(), []);
  });

  test('is missed also where it was never dispatched, with one message about its policy', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: { sets: ['etc', 'var'] } });
    await audited(stack, noon(D20));
    assert.deepEqual(stack.messages(), ['NOT DISPATCHED policy nightly since 2026-11-20 04:00 UTC: nobody was asked']);
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['missed', 'not-asked']);
    for (const [host, set] of [
      ['carcosa', 'data'],
      ['purr', 'etc'],
      ['purr', 'var'],
    ] as const) {
      const problem = await stack.problem('missed', host, set);
      assert.deepEqual([problem?.under, problem?.closed], ['alerts/not-dispatched.-.nightly.json', null]);
    }
  });

  test('is missed for weeks with one message, repeated after 1, 3 and 7 days, and one when it is good again', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await stack.goodRun(D20);
    const told: string[] = [];
    for (let day = 21; day <= 30; day++) {
      await dispatched(stack, `2026-11-${day}T04:00:00Z`);
      await audited(stack, `2026-11-${day}T12:00:00Z`);
      told.push(...stack.messages().map((subject) => `${day}: ${subject}`));
    }
    const missed = 'MISSED carcosa/data since 2026-11-21 04:00 UTC: never started';
    assert.deepEqual(told, [`21: ${missed}`, `22: STILL ${missed}`, `24: STILL ${missed}`, `28: STILL ${missed}`]);
    assert.equal((await stack.problem('missed'))?.furtherCount, 9);
    await dispatched(stack, '2026-12-01T04:00:00Z');
    await stack.goodRun('2026-12-01T04:00:00Z');
    await audited(stack, '2026-12-01T04:30:00Z');
    const [mail] = stack.notifier.published;
    assert.match(mail?.email ?? '', /MISSED since 2026-11-21 04:00 UTC, and 9 more times/);
    assert.deepEqual(stack.messages(), ['GOOD AGAIN carcosa/data, was MISSED since 2026-11-21 04:00 UTC']);
    await dispatched(stack, '2026-12-02T04:00:00Z');
    await audited(stack, '2026-12-02T12:00:00Z');
    assert.deepEqual(stack.messages(), ['MISSED carcosa/data since 2026-12-02 04:00 UTC: never started']);
  });

  test('is missed with the name of the run that held the set', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    const by = '20261119T040000Z-0123456789ab';
    await stack
      .at('2026-11-20T11:59:00Z')
      .host()
      .note('skipped', stack.host().runOf(slot(D20)), { by });
    await audited(stack, noon(D20));
    const verdict = await stack.verdict({ due: D20 });
    assert.deepEqual(
      [...shown(verdict), verdict?.reasons[0]?.text],
      ['missed', 'busy', `busy with run ${by} since 2026-11-20 11:59 UTC`],
    );
    assert.deepEqual(stack.messages(), [`MISSED carcosa/data since 2026-11-20 04:00 UTC: busy with ${by}`]);
  });

  test('is judged by the manifest that audit finds itself, whose event was lost', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    await dispatched(stack, D20);
    stack.at('2026-11-20T04:20:00Z');
    await stack.host('carcosa').backUp({ slot: slot(D20) });
    await stack.host('purr').backUp({ slot: slot(D20), outcome: 'failed' });
    await audited(stack, noon(D20));
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['complete']);
    assert.equal((await stack.latest())?.head?.sequence, 1);
    assert.deepEqual(stack.messages(), ['FAILED purr/data since 2026-11-20 04:00 UTC: error source-missing']);
  });

  test('is not satisfied by a manual run of the same minutes', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await stack.completeRun(await stack.at('2026-11-20T04:20:00Z').host().backUp());
    await audited(stack, noon(D20));
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['missed', 'never-started']);
    // But people need not act: there is a newer backup than the one that was missed.
    const [mail] = stack.notifier.take();
    assert.deepEqual(
      [mail?.subject, mail?.critical],
      ['Offsite: MISSED carcosa/data since 2026-11-20 04:00 UTC: good again by now', false],
    );
  });

  test('of policy manual is nobody’s affair, unless a schedule is called so', async () => {
    const stack = await TestStack.of();
    const key = objectKey({ kind: 'expected', due: new Date(D20), policy: 'manual' });
    const batches = [[{ host: 'carcosa', node: 'mi-carcosa', sets: ['data'] }]];
    const expected = {
      policy: 'manual',
      due: D20,
      deadline: '2026-11-20T08:00:00Z',
      backup: 'full',
      splay: 0,
      fleet: 'f'.repeat(64),
      batches,
    };
    stack.memory.overwrite(key, Buffer.from(JSON.stringify({ type: 'offsite/expected/1', format: 1, ...expected })));
    const { slots } = await audited(stack, noon(D20));
    assert.deepEqual(
      slots.map(({ policy }) => policy),
      ['nightly'],
    );
  });
});

describe('a run that is under way past its deadline', () => {
  const late = async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    const run = stack.host().runOf(slot(D20));
    await stack.at('2026-11-20T04:17:00Z').host().note('started', run);
    await stack.at('2026-11-20T11:17:00Z').host().note('alive', run);
    const { slots, open } = await audited(stack, noon(D20));
    assert.deepEqual([slots[0]?.late, open], [1, 1]);
    const [mail] = stack.notifier.take();
    assert.deepEqual(
      [mail?.subject, mail?.critical],
      ['Offsite: LATE carcosa/data since 2026-11-20 04:00 UTC: still running', false],
    );
    assert.match(mail?.email ?? '', /running since 2026-11-20 04:17 UTC, last sign of life at 2026-11-20 11:17 UTC/);
    return stack;
  };

  test('is a notice, and good again when it ends well', async () => {
    const stack = await late();
    for (const at of ['2026-11-20T12:15:00Z', '2026-11-20T12:30:00Z']) await audited(stack, at);
    assert.deepEqual(stack.messages(), []);
    await stack
      .at('2026-11-20T13:00:00Z')
      .host()
      .backUp({ slot: slot(D20) })
      .then((run) => stack.completeRun(run));
    assert.deepEqual(stack.messages(), []);
    assert.deepEqual((await stack.verdict({ due: D20 }))?.notices.map(({ code }) => code).includes('late'), true);
    const { open } = await audited(stack, '2026-11-20T13:15:00Z');
    assert.deepEqual([open, await stack.isClosed(D20)], [0, true]);
    assert.deepEqual(stack.messages(), ['GOOD AGAIN carcosa/data, was LATE since 2026-11-20 04:00 UTC']);
  });

  test('is a failure when it ends badly, and nothing else', async () => {
    const stack = await late();
    const run = await stack
      .at('2026-11-20T13:00:00Z')
      .host()
      .backUp({ slot: slot(D20), outcome: 'failed' });
    await stack.completeRun(run);
    assert.deepEqual(stack.messages(), ['FAILED carcosa/data since 2026-11-20 04:00 UTC: error source-missing']);
    assert.notEqual((await stack.problem('late'))?.closed, null);
  });

  test('is missed after seven days', async () => {
    const stack = await late();
    await audited(stack, '2026-11-27T11:45:00Z');
    assert.equal(await stack.verdict({ due: D20 }), null);
    stack.messages();
    await audited(stack, '2026-11-27T12:00:00Z');
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['missed', 'never-finished']);
    assert.equal(await stack.isClosed(D20), true);
  });

  test('ends missed at once in the face of a command that failed', async () => {
    const stack = await late();
    await stack.at('2026-11-20T13:00:00Z').completeCommand('mi-carcosa', D20, 137);
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['failed', 'command']);
    assert.deepEqual(stack.messages(), ['FAILED carcosa/data since 2026-11-20 04:00 UTC: exit code 137']);
    const { open } = await audited(stack, '2026-11-20T13:15:00Z');
    assert.equal(open, 0);
  });

  test('a manifest after it was missed is judged, and it is good again', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await audited(stack, noon(D20));
    stack.messages();
    const run = await stack
      .at('2026-11-20T18:00:00Z')
      .host()
      .backUp({ slot: slot(D20) });
    await stack.completeRun(run);
    const verdict = await stack.verdict({ due: D20 });
    assert.deepEqual(
      [verdict?.outcome, verdict?.witness, verdict?.notices.map(({ code }) => code)],
      ['complete', 'manifest', ['first', 'late']],
    );
    assert.deepEqual(stack.messages(), []);
    await audited(stack, '2026-11-20T18:15:00Z');
    assert.deepEqual(stack.messages(), ['GOOD AGAIN carcosa/data, was MISSED since 2026-11-20 04:00 UTC']);
  });
});

describe('audit itself away', () => {
  test('for days: every slot of them is judged, the missed ones are told, those since made good too', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {}, third: {} });
    await audited(stack, '2026-11-19T13:00:00Z');
    for (const due of [D20, D21, D22]) {
      await dispatched(stack, due);
      await stack.goodRun(due, { host: 'purr' });
    }
    await stack.goodRun(D22);
    const { slots } = await audited(stack, '2026-11-22T20:00:00Z');
    assert.deepEqual(
      slots.map(({ due, missed, isClosed }) => [instantText(due), missed, isClosed]),
      [
        [D20, 2, true],
        [D21, 2, true],
        [D22, 1, true],
      ],
    );
    const [mail] = stack.notifier.published;
    assert.match(mail?.email ?? '', /carcosa\/data was not backed up.*Nothing to do: it is good again/s);
    assert.match(mail?.email ?? '', /third\/data was not backed up.*Next:/s);
    assert.deepEqual(stack.messages(), ['2 MISSED since 2026-11-20 04:00 UTC: carcosa/data, third/data']);
    assert.equal((await stack.problem('missed'))?.furtherCount, 1);
    assert.equal((await stack.problem('missed', 'third'))?.furtherCount, 2);
  });

  test('since ever, or its place lost: it begins with the first fleet file, and what was closed stays closed', async () => {
    const stack = await TestStack.of();
    await audited(stack, '2026-11-21T12:00:00Z');
    assert.equal((await stack.problem('missed'))?.furtherCount, 1);
    stack.messages();
    for (const damage of ['lost', 'damaged']) {
      if (damage === 'lost') stack.memory.remove('audit/state.json');
      else stack.memory.overwrite('audit/state.json', Buffer.from('{'));
      const { slots } = await audited(stack, '2026-11-21T13:00:00Z');
      assert.deepEqual([slots.length, slots.every(({ isClosed }) => isClosed), stack.messages()], [2, true, []]);
    }
  });

  test('two at once find the same, and tell it once', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    await dispatched(stack, D20);
    stack.at(noon(D20));
    const results = await Promise.all([stack.audit(), stack.audit()]);
    assert.deepEqual(
      results.flatMap(({ errors }) => errors),
      [],
    );
    const named = stack.messages().flatMap((subject) => [...subject.matchAll(/(\w+)\/data/g)].map(([, host]) => host));
    assert.deepEqual(named.sort(), ['carcosa', 'purr']);
  });
});

describe('a fleet file that changes', () => {
  test('while a slot is open: a host removed, renamed or of another node is still waited for under its old name', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {}, third: {} });
    await dispatched(stack, D20);
    await stack
      .at('2026-11-20T05:00:00Z')
      .apply(fleetFile({ cassilda: { node: 'mi-purr' }, third: { node: 'mi-other' } }));
    await stack
      .at('2026-11-20T05:30:00Z')
      .host('purr')
      .backUp({ slot: slot(D20) })
      .then((run) => stack.completeRun(run));
    await audited(stack, noon(D20));
    assert.deepEqual(stack.messages(), ['2 MISSED since 2026-11-20 04:00 UTC: carcosa/data, third/data']);
    assert.deepEqual(shown(await stack.verdict({ due: D20, host: 'purr' })), ['complete']);
  });

  test('before a slot: what is new is not missed before it was there, what is gone not any more', async () => {
    const stack = await TestStack.of({ carcosa: {} });
    await dispatched(stack, D20);
    await stack
      .at('2026-11-20T04:00:30Z')
      .apply(fleetFile({ purr: {} }, { weekly: { full: 'cron(0 4 * * ? *)', deadline: '8h' } }));
    await audited(stack, noon(D20));
    assert.deepEqual(stack.messages(), ['MISSED carcosa/data since 2026-11-20 04:00 UTC: never started']);
    await stack.at('2026-11-21T04:00:20Z').dispatch(D21, 'weekly', 'full');
    await audited(stack, '2026-11-21T11:45:00Z');
    assert.deepEqual(stack.messages(), []);
    await audited(stack, noon(D21));
    assert.deepEqual(stack.messages(), ['MISSED purr/data since 2026-11-21 04:00 UTC: never started']);
    assert.equal(await stack.isClosed(D21, 'weekly'), true);
  });

  test('in its cron or the name of its policy while a slot is open: the open slot stays', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await stack
      .at('2026-11-20T06:00:00Z')
      .apply(fleetFile({ carcosa: {} }, { nights: { ...NIGHTLY, incremental: 'cron(0 5 * * ? *)' } }));
    await audited(stack, noon(D20));
    assert.deepEqual(stack.messages(), ['MISSED carcosa/data since 2026-11-20 04:00 UTC: never started']);
    await audited(stack, '2026-11-21T13:00:00Z');
    assert.equal(await stack.isClosed('2026-11-21T05:00:00Z', 'nights'), true);
    assert.equal(await stack.isClosed(D21), false);
  });

  test('many times during audit’s absence: each slot goes by the file of its own minute', async () => {
    const stack = await TestStack.of({ carcosa: {} });
    await audited(stack, '2026-11-19T13:00:00Z');
    await stack.at('2026-11-20T20:00:00Z').apply(fleetFile({ carcosa: {}, purr: {} }));
    await stack.at('2026-11-21T20:00:00Z').apply(fleetFile({ purr: {} }));
    await audited(stack, '2026-11-22T20:00:00Z');
    assert.equal((await stack.problem('missed', 'carcosa'))?.furtherCount, 1);
    assert.equal((await stack.problem('missed', 'purr'))?.furtherCount, 1);
    assert.deepEqual((await stack.problem('missed', 'purr'))?.began.due, D21);
  });

  test('and is lost with all its history: what was dispatched is still waited for', async () => {
    const stack = await TestStack.of();
    await audited(stack, '2026-11-19T13:00:00Z');
    await dispatched(stack, D20);
    for await (const { key } of stack.memory.list('config/fleet')) stack.memory.remove(key);
    stack.restart();
    await stack
      .at('2026-11-20T04:20:00Z')
      .host()
      .backUp({ slot: slot(D20) });
    await audited(stack, noon(D20));
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['complete']);
    assert.deepEqual(stack.messages(), ['MISSING fleet file since 2026-11-20 12:00 UTC']);
  });
});

describe('a fleet file that is no good', () => {
  test('absent, damaged, empty or not the one it says: told once, the last good one rules, and told when it is good again', async () => {
    const broken: Record<string, (stack: TestStack) => void> = {
      MISSING: (stack) => stack.memory.remove('config/fleet.json'),
      INVALID: (stack) => stack.memory.overwrite('config/fleet.json', Buffer.from('')),
    };
    for (const [word, damage] of Object.entries(broken)) {
      const stack = await TestStack.of();
      const { body } = await stack.memory.get('config/fleet.json');
      damage(stack);
      for (const at of ['2026-11-20T03:00:00Z', '2026-11-20T03:15:00Z']) await audited(stack, at);
      assert.deepEqual(stack.messages(), [`${word} fleet file since 2026-11-20 03:00 UTC`]);
      await dispatched(stack, D20);
      await audited(stack, noon(D20));
      assert.deepEqual(stack.messages(), ['MISSED carcosa/data since 2026-11-20 04:00 UTC: never started']);
      stack.memory.overwrite('config/fleet.json', body);
      await audited(stack, '2026-11-20T13:00:00Z');
      assert.deepEqual(stack.messages(), [`GOOD AGAIN fleet file, was ${word} since 2026-11-20 03:00 UTC`]);
    }
  });

  test('a version with one byte changed, or that is gone', async () => {
    for (const damage of ['changed', 'gone']) {
      const stack = await TestStack.of();
      await stack.at('2026-11-20T00:00:00Z').apply(fleetFile({ carcosa: {}, purr: {} }));
      let newest = '';
      for await (const { key } of stack.memory.list('config/fleet/')) newest = key;
      const { body } = await stack.memory.get(newest);
      if (damage === 'gone') stack.memory.remove(newest);
      else stack.memory.overwrite(newest, Buffer.from(body.toString().replace('mi-purr', 'mi-burr')));
      stack.restart();
      await dispatched(stack, D20);
      await audited(stack, noon(D20));
      assert.deepEqual(stack.messages(), [
        'INVALID fleet file since 2026-11-20 12:00 UTC',
        'MISSED carcosa/data since 2026-11-20 04:00 UTC: never started',
      ]);
    }
  });

  test('a version whose apply died before it was in force never ruled', async () => {
    const stack = await TestStack.of();
    const before = await stack.memory.get('config/fleet.json');
    await stack.at('2026-11-20T00:00:00Z').apply(fleetFile({ purr: {} }));
    stack.memory.overwrite('config/fleet.json', before.body);
    await dispatched(stack, D20);
    await audited(stack, noon(D20));
    assert.deepEqual(stack.messages(), ['MISSED carcosa/data since 2026-11-20 04:00 UTC: never started']);
  });

  test('a schedule that has run out since it was applied is no damage', async () => {
    const stack = await TestStack.of({ carcosa: {} }, { once: { full: 'cron(0 4 20 11 ? 2026)', deadline: '8h' } });
    await stack.goodRun(D20, { policy: 'once' });
    await audited(stack, '2028-11-20T12:00:00Z');
    assert.deepEqual(stack.messages(), []);
  });
});

describe('one bad record', () => {
  test('of a host never hides the others; it stays open and is judged when it can be', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {}, third: {} });
    await audited(stack, '2026-11-19T13:00:00Z');
    await dispatched(stack, D20);
    const run = stack.host('purr').runOf(slot(D20));
    const faults = [
      { operation: 'list', key: new RegExp(`^runs/.*${run}`), does: 'fail', code: 'store-denied' },
    ] as const;
    // A node without prefix is not even listed, so purr has to have registered; it has.
    const result = await audit(stack.at(noon(D20)).over(faultyStore(stack.memory, { faults })));
    assert.deepEqual([result.errors.length, result.slots[0]?.missed, result.open], [1, 2, 1]);
    assert.equal(stack.messages().length, 2);
    const again = await audited(stack, '2026-11-20T12:15:00Z');
    assert.deepEqual([again.open, await stack.isClosed(D20)], [0, true]);
    assert.deepEqual(stack.messages(), ['MISSED purr/data since 2026-11-20 04:00 UTC: never started']);
  });

  test('a verdict that is damaged is given anew', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await stack.goodRun(D20);
    const run = stack.host().runOf(slot(D20));
    const key = objectKey({
      kind: 'slot-verdict',
      due: new Date(D20),
      policy: 'nightly',
      host: 'carcosa',
      set: 'data',
      run,
    });
    stack.memory.overwrite(key, Buffer.from('{'));
    await audited(stack, noon(D20));
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['complete']);
  });

  test('and things in the store that nobody knows are passed over', async () => {
    const stack = await TestStack.of();
    for (const key of [
      'slots/x',
      'slots/20261120T040000Z/nightly/odd.json',
      'slots/20261120T050000Z/odd',
      'alerts/odd',
      'hosts/odd',
      'config/fleet/odd.json',
    ]) {
      stack.memory.overwrite(key, Buffer.from('x'));
    }
    await audited(stack, noon(D20));
    assert.equal(stack.messages().length, 1);
  });

  test('a store that answers nothing at all moves nothing, and nothing is lost', async () => {
    const stack = await TestStack.of();
    const faults = [{ operation: 'get', key: /^config\/fleet\.json/, does: 'fail', code: 'store-throttled' }] as const;
    await assert.rejects(audit(stack.at(noon(D20)).over(faultyStore(stack.memory, { faults }))), {
      code: 'store-throttled',
    });
    await audited(stack, '2026-11-20T12:15:00Z');
    assert.equal(stack.messages().length, 1);
  });
});

describe('telling', () => {
  test('a publication that fails is made up for, by the next audit after five minutes', async () => {
    const stack = await TestStack.of();
    stack.notifier.beforePublish = () => {
      throw new Error('InternalError');
    };
    const { errors } = await stack.at(noon(D20)).audit();
    assert.equal(errors.length, 2, 'the alert and the digest');
    assert.equal((await stack.problem('missed'))?.told, null);
    stack.notifier.beforePublish = () => {};
    await audited(stack, '2026-11-20T12:04:00Z');
    assert.deepEqual(stack.messages(), []);
    const { toldAnew } = await audited(stack, '2026-11-20T12:15:00Z');
    assert.deepEqual([toldAnew, stack.messages().length], [1, 1]);
    await audited(stack, '2026-11-20T12:30:00Z');
    assert.deepEqual(stack.messages(), []);
  });

  test('one that lasts for days is made up for when it ends, whatever has become of the problem', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    await dispatched(stack, D20);
    stack.notifier.beforePublish = () => {
      throw new Error('InternalError');
    };
    await stack.at(noon(D20)).audit();
    for (let hour = 13; hour < 24; hour++) await stack.at(`2026-11-20T${hour}:00:00Z`).audit();
    await dispatched(stack, D21);
    await stack.goodRun(D21);
    stack.notifier.beforePublish = () => {};
    await stack.at(noon(D21)).audit();
    const [mail] = stack.notifier.published;
    assert.match(mail?.email ?? '', /carcosa\/data was not backed up.*Until: 2026-11-21 04:20 UTC, by run/s);
    assert.deepEqual(stack.messages(), ['2 MISSED since 2026-11-20 04:00 UTC: carcosa/data, purr/data']);
  });

  test('a publisher that died between publishing and marking: the message comes twice, and no third time', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    const faults = [{ operation: 'put', key: /^alerts/, call: 2, does: 'fail' }] as const;
    const { errors } = await audit(stack.at(noon(D20)).over(faultyStore(stack.memory, { faults })));
    assert.equal(errors.length, 1);
    for (const at of ['2026-11-20T12:15:00Z', '2026-11-20T12:30:00Z', '2026-11-20T12:45:00Z']) await audited(stack, at);
    assert.equal(stack.messages().length, 2);
  });

  test('a verdict whose giver died before anybody was told is followed up', async () => {
    for (const [place, key] of [
      ['the problem', /^alerts/],
      ['latest', /^latest/],
    ] as const) {
      const stack = await TestStack.of();
      await dispatched(stack, D20);
      const run = await stack
        .at('2026-11-20T04:20:00Z')
        .host()
        .backUp({ slot: slot(D20), bytes: 5, recipients: ['F'.repeat(40)] });
      const faults = [{ operation: 'put', key, does: 'fail', times: 99 }] as const;
      const dead = stack.over(faultyStore(stack.memory, { faults }));
      const { complete } = await import('../../functions/complete.ts');
      assert.equal((await complete(dead, { kind: 'object', key: run.key })).errors.length, 1, place);
      assert.deepEqual(stack.messages(), []);
      await audited(stack, noon(D20));
      assert.deepEqual(
        stack.messages(),
        ['SUSPECT carcosa/data since 2026-11-20 04:00 UTC: a recipient is missing'],
        place,
      );
    }
  });

  test('a problem that never was closed hides no new one', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await audited(stack, noon(D20));
    const open = await stack.memory.get('alerts/missed.data.carcosa.json');
    await dispatched(stack, D21);
    await stack.goodRun(D21);
    await audited(stack, noon(D21));
    stack.memory.overwrite('alerts/missed.data.carcosa.json', open.body);
    stack.messages();
    await dispatched(stack, D22);
    await audited(stack, noon(D22));
    assert.deepEqual(stack.messages(), ['MISSED carcosa/data since 2026-11-22 04:00 UTC: never started']);
  });

  test('a node that could not be asked is told at dispatch, and not again for each set at the deadline', async () => {
    const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] } });
    stack.commands.unknown.add('mi-carcosa');
    await dispatched(stack, D20);
    assert.equal(stack.messages().length, 1);
    await audited(stack, noon(D20));
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['missed', 'unknown-node']);
    assert.deepEqual([stack.messages(), await stack.problem('missed')], [[], null]);
    await dispatched(stack, D21);
    await audited(stack, noon(D21));
    const repeat = 'STILL UNKNOWN NODE carcosa since 2026-11-20 04:00 UTC: node mi-carcosa';
    assert.deepEqual(stack.messages(), [repeat]);
    assert.equal((await stack.problem('unknown-node', 'carcosa', null))?.furtherCount, 1);
  });
});

test('more than a page of everything: 1,500 hosts, one missed among them', async () => {
  const hosts = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`h${i}`, {}]));
  const stack = await TestStack.of({ carcosa: {} });
  await audited(stack, '2026-11-19T13:00:00Z');
  await stack.at('2026-11-19T14:00:00Z').apply(fleetFile(hosts));
  const { errors, nodes } = await dispatched(stack, D20);
  assert.deepEqual([errors, nodes], [[], 1500]);
  for (const host of Object.keys(hosts)) {
    const policy = 'nightly';
    const { runIdForSlot } = await import('../../contract/ids.ts');
    const run = runIdForSlot({ policy, due: new Date(D20), node: `mi-${host}`, set: 'data' });
    if (host === 'h1234') continue;
    const key = objectKey({ kind: 'slot-verdict', due: new Date(D20), policy, host, set: 'data', run });
    const nothing = {
      prefix: null,
      payload: null,
      sequence: null,
      backup: null,
      promoted: null,
      received: null,
      configHash: null,
      newBytes: null,
      storedBytes: null,
      bytes: null,
      files: null,
    };
    const moves = { head: false, base: false, good: false, baseAbove: null };
    const verdict = {
      type: 'offsite/verdict/1',
      format: 1,
      host,
      set: 'data',
      run,
      policy,
      due: D20,
      deadline: noon(D20),
      at: D20,
      outcome: 'complete',
      witness: 'manifest',
      accepted: true,
      reasons: [],
      notices: [],
      judged: D20,
      recorded: null,
      moves,
      ...nothing,
    };
    stack.memory.overwrite(key, Buffer.from(JSON.stringify(verdict)));
  }
  const { slots } = await audited(stack, noon(D20));
  assert.deepEqual([slots[0]?.judged, slots[0]?.missed, slots[0]?.isClosed], [1, 1, true]);
  assert.deepEqual(stack.messages(), ['MISSED h1234/data since 2026-11-20 04:00 UTC: never started']);
  assert.ok(compactInstant(new Date(D23)) > compactInstant(new Date(D22)));
});
