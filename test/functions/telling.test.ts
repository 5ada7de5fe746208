/** Who is told what when, over days of a stack: docs/alerts.md, rule by rule. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { instantText } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { problemKind } from '../../contract/problem.ts';
import { sentKind } from '../../contract/verdict.ts';
import { audit } from '../../functions/audit.ts';
import { readDocument } from '../../functions/lib/documents.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { fleetFile, NIGHTLY, TestStack } from '../helpers/test-stack.ts';

const DAY = 86_400_000;
const HOUR = DAY / 24;
const QUARTER = HOUR / 4;
const D20 = '2026-11-20T04:00:00Z';
const D21 = '2026-11-21T04:00:00Z';
const D22 = '2026-11-22T04:00:00Z';
const slot = (due: string) => ({ policy: 'nightly', due });
const later = (time: string, milliseconds: number) => instantText(new Date(Date.parse(time) + milliseconds));
const noon = (due: string) => due.replace('04:00', '12:00');
const UNREADABLE = { recipients: ['F'.repeat(40)] };

async function audited(stack: TestStack, at: string): Promise<string[]> {
  assert.deepEqual((await stack.at(at).audit()).errors, []);
  return stack.messages();
}
/** Dispatched at its due minute. */
const dispatched = (stack: TestStack, due: string, policy = 'nightly', type: 'full' | 'incremental' = 'incremental') =>
  stack.at(later(due, 20_000)).dispatch(due, policy, type);

/** A stack of so many hosts, of which only the first is real. */
async function stackOfMany(count: number, policies?: Record<string, { deadline: string; incremental: string }>) {
  const stack = await TestStack.of({ carcosa: {} });
  await stack.at('2026-11-19T13:00:00Z').audit();
  const hosts = Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${i}`, {}]));
  await stack.at('2026-11-19T14:00:00Z').apply(fleetFile(hosts, policies));
  return stack;
}

/** Audits every quarter of an hour in (from, to]; returns what people got, with the hour of it. */
async function watch(
  stack: TestStack,
  from: string,
  to: string,
  each?: (at: string) => Promise<void>,
): Promise<string[]> {
  const told: string[] = [];
  for (let at = Date.parse(from) + QUARTER; at <= Date.parse(to); at += QUARTER) {
    const now = instantText(new Date(at));
    stack.at(now);
    await each?.(now);
    for (const subject of await audited(stack, now)) told.push(`${now.slice(8, 16)} ${subject}`);
  }
  return told;
}

describe('a dead dispatcher', () => {
  test('with 5,000 hosts raises one alert, and one notice when it is back', async () => {
    const stack = await stackOfMany(5000);
    const { slots } = await stack.at(noon(D20)).audit();
    assert.deepEqual([slots[0]?.missed, slots[0]?.isClosed], [5000, true]);
    const [mail] = stack.notifier.published;
    assert.match(mail?.email ?? '', /all 5000 runs of the slot due 2026-11-20 04:00 UTC; dispatch did not run at all/);
    assert.equal(mail?.critical, true);
    assert.deepEqual(stack.messages(), ['NOT DISPATCHED policy nightly since 2026-11-20 04:00 UTC: nobody was asked']);
    for (const at of ['2026-11-20T12:15:00Z', '2026-11-20T23:00:00Z']) assert.deepEqual(await audited(stack, at), []);
    const problem = await stack.problem('missed', 'h4999');
    assert.deepEqual([problem?.told, problem?.under], [null, 'alerts/not-dispatched.-.nightly.json']);
  });

  test('of two policies raises one alert: the second is told with the first', async () => {
    const stack = await TestStack.of(
      { carcosa: {}, purr: {} },
      {
        nightly: NIGHTLY,
        later: { incremental: 'cron(0 6 * * ? *)', deadline: '8h' },
      },
    );
    const told = await watch(stack, '2026-11-19T13:00:00Z', '2026-11-20T23:00:00Z');
    assert.deepEqual(told, ['20T12:00 NOT DISPATCHED policy nightly since 2026-11-20 04:00 UTC: nobody was asked']);
    const second = (await readDocument(stack.memory, 'alerts/not-dispatched.-.later.json', problemKind)).document;
    assert.equal(second?.under, 'alerts/not-dispatched.-.nightly.json');
  });

  test('that is back: its end is told at once, and who then has no backup after the deadline of that slot', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    await audited(stack, noon(D20));
    await dispatched(stack, D21);
    assert.deepEqual(await audited(stack, '2026-11-21T04:15:00Z'), [
      'GOOD AGAIN policy nightly, was NOT DISPATCHED since 2026-11-20 04:00 UTC',
    ]);
    assert.deepEqual(await watch(stack, '2026-11-21T04:15:00Z', '2026-11-21T04:45:00Z'), []);
    await stack.goodRun(D21);
    assert.deepEqual(await watch(stack, '2026-11-21T04:45:00Z', '2026-11-21T11:45:00Z'), []);
    const [carcosa] = [await stack.problem('missed')];
    assert.notEqual(carcosa?.closed?.told, null, 'it ended without a notice');
    assert.deepEqual(await audited(stack, noon(D21)), ['MISSED purr/data since 2026-11-20 04:00 UTC: never started']);
    assert.equal((await stack.problem('missed', 'purr'))?.furtherCount, 1);
  });

  test('a host that was not asked, runs late when it is, and is not backed up: told after the deadline', async () => {
    const stack = await TestStack.of();
    await audited(stack, noon(D20));
    await dispatched(stack, D21);
    await stack
      .at('2026-11-21T04:20:00Z')
      .host()
      .note('started', stack.host().runOf(slot(D21)));
    await audited(stack, '2026-11-21T04:30:00Z');
    assert.deepEqual(await audited(stack, noon(D21)), [
      'LATE carcosa/data since 2026-11-21 04:00 UTC: still running',
      'MISSED carcosa/data since 2026-11-20 04:00 UTC: not asked',
    ]);
  });

  test('a batch that was not sent: its hosts alone were not asked, the others are missed by themselves', async () => {
    const stack = await stackOfMany(60);
    stack.at('2026-11-20T04:00:20Z');
    stack.commands.beforeSend = ({ comment }) => {
      if (comment.endsWith(' 1')) throw new Error('InternalServerError');
    };
    assert.equal((await stack.dispatch(D20)).errors.length, 1);
    stack.messages();
    assert.deepEqual(await audited(stack, noon(D20)), [
      '40 MISSED since 2026-11-20 04:00 UTC: h0/data, h1/data, h10/data, h11/data and 36 more',
      'NOT DISPATCHED policy nightly since 2026-11-20 04:00 UTC: 20 of 60 runs not asked',
    ]);
    const last = await readDocument(
      stack.memory,
      objectKey({ kind: 'sent', due: new Date(D20), policy: 'nightly', number: 1 }),
      sentKind,
    );
    assert.equal(last.document, null);
  });

  test('and what died in the middle is made up for: 30 hosts, told once', async () => {
    for (const call of [1, 10, 31, 32]) {
      const stack = await stackOfMany(30);
      const faults = [{ operation: 'put', key: /^alerts/, call, times: 999, does: 'fail' }] as const;
      await audit(stack.at(noon(D20)).over(faultyStore(stack.memory, { faults })));
      const first = stack.messages();
      const told = [...first, ...(await watch(stack, noon(D20), '2026-11-20T13:00:00Z'))];
      const wanted = told.filter((subject) => subject.includes('NOT DISPATCHED policy nightly'));
      assert.ok(wanted.length >= 1 && wanted.length <= (call === 32 ? 2 : 1), `${call}: ${told}`);
      assert.equal(told.length, wanted.length, `${call}: ${told}`);
    }
  });
});

describe('a silent host', () => {
  test('for a week, with three sets on different schedules: at most four messages', async () => {
    const stack = await TestStack.of(
      { carcosa: { sets: ['data', 'etc', 'home'] }, purr: {} },
      {
        nightly: { ...NIGHTLY, hosts: ['carcosa'], sets: ['data'] },
        morning: { incremental: 'cron(0 6 * * ? *)', deadline: '3h', hosts: ['carcosa'], sets: ['etc'] },
        often: { incremental: 'cron(30 0/4 * * ? *)', deadline: '2h', hosts: ['carcosa'], sets: ['home'] },
      },
    );
    const sets = { nightly: 'data', morning: 'etc', often: 'home' };
    const back = Date.parse('2026-11-26T08:00:00Z');
    const told = await watch(stack, '2026-11-19T12:00:00Z', '2026-11-29T00:00:00Z', async (at) => {
      for (const [policy, set] of Object.entries(sets)) {
        const due = policy === 'nightly' ? 'T04:00' : policy === 'morning' ? 'T06:00' : ':30:00Z';
        const isDue = at.includes(due) && (policy !== 'often' || new Date(at).getUTCHours() % 4 === 0);
        if (!isDue) continue;
        await stack.dispatch(at, policy);
        if (Date.parse(at) < back) continue;
        await stack.completeRun(await stack.host().backUp({ slot: { policy, due: at }, set, type: 'full' }));
      }
    });
    assert.deepEqual(told, [
      '19T14:30 MISSED carcosa/home since 2026-11-19 12:30 UTC: never started',
      '20T14:30 STILL MISSED carcosa/home since 2026-11-19 12:30 UTC: never started',
      '22T14:30 STILL MISSED carcosa/home since 2026-11-19 12:30 UTC: never started',
      '27T06:00 GOOD AGAIN carcosa/home, was MISSED since 2026-11-19 12:30 UTC',
    ]);
  });

  test('whose other set does not come back is told of that when the first one’s end is', async () => {
    const policies = {
      nightly: { ...NIGHTLY, sets: ['data'] },
      weekly: { incremental: 'cron(0 6 20 * ? *)', deadline: '8h', sets: ['etc'] },
    };
    const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] } }, policies);
    await dispatched(stack, D20);
    await dispatched(stack, '2026-11-20T06:00:00Z', 'weekly');
    assert.deepEqual(await audited(stack, '2026-11-20T12:00:00Z'), [
      'MISSED carcosa/data since 2026-11-20 04:00 UTC: never started',
    ]);
    assert.deepEqual(await audited(stack, '2026-11-20T14:00:00Z'), []);
    assert.equal((await stack.problem('missed', 'carcosa', 'etc'))?.under, 'alerts/missed.data.carcosa.json');
    await dispatched(stack, D21);
    await stack.goodRun(D21);
    assert.deepEqual(await watch(stack, '2026-11-21T04:20:00Z', '2026-11-22T03:50:00Z'), []);
    await dispatched(stack, D22);
    await stack.goodRun(D22);
    assert.deepEqual(await audited(stack, '2026-11-22T04:30:00Z'), [
      'GOOD AGAIN carcosa/data, was MISSED since 2026-11-20 04:00 UTC',
      'MISSED carcosa/etc since 2026-11-20 06:00 UTC: never started',
    ]);
  });

  test('another host of it is another problem, and a set that fails in another way is told by itself', async () => {
    const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] }, purr: {} }, { nightly: NIGHTLY });
    await dispatched(stack, D20);
    await stack.goodRun(D20, { set: 'etc' });
    await stack.goodRun(D20, { host: 'purr' });
    assert.equal((await audited(stack, noon(D20))).length, 1);
    await dispatched(stack, D21);
    await stack
      .at('2026-11-21T11:59:00Z')
      .host()
      .note('skipped', stack.host().runOf(slot(D21), 'etc'), { set: 'etc' });
    assert.deepEqual(
      (await audited(stack, noon(D21))).filter((subject) => !subject.startsWith('STILL')),
      ['2 MISSED since 2026-11-21 04:00 UTC: carcosa/etc, purr/data'],
    );
  });
});

describe('one set', () => {
  test('that fails after it was missed is still the same trouble, until the miss has ended and it has not', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await audited(stack, noon(D20));
    await dispatched(stack, D21);
    await stack.goodRun(D21, { outcome: 'failed' });
    assert.deepEqual(stack.messages(), []);
    assert.equal((await stack.problem('failed'))?.under, 'alerts/missed.data.carcosa.json');
    // The run of the slot that was missed comes after all: it is older than the failure.
    const run = await stack
      .at('2026-11-21T06:00:00Z')
      .host()
      .backUp({ slot: slot(D20), type: 'full' });
    await stack.completeRun(run);
    assert.deepEqual(await audited(stack, '2026-11-21T06:15:00Z'), [
      'FAILED carcosa/data since 2026-11-21 04:00 UTC: error source-missing',
    ]);
    await dispatched(stack, D22);
    await stack.goodRun(D22, { type: 'full' });
    assert.deepEqual(await audited(stack, '2026-11-22T04:30:00Z'), [
      'GOOD AGAIN carcosa/data, was MISSED since 2026-11-20 04:00 UTC',
    ]);
  });

  test('that is late is told, and that it is missed too: late covers neither', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await stack
      .at('2026-11-20T04:20:00Z')
      .host()
      .note('started', stack.host().runOf(slot(D20)));
    assert.deepEqual(await audited(stack, noon(D20)), ['LATE carcosa/data since 2026-11-20 04:00 UTC: still running']);
    await dispatched(stack, D21);
    const told = await audited(stack, noon(D21));
    assert.ok(told.includes('MISSED carcosa/data since 2026-11-21 04:00 UTC: never started'), told.join());
  });

  test('that is late twice ends when both runs are judged', async () => {
    const stack = await TestStack.of();
    for (const due of [D20, D21]) {
      await dispatched(stack, due);
      await stack
        .at(later(due, 20 * 60_000))
        .host()
        .note('started', stack.host().runOf(slot(due)));
      await audited(stack, noon(due));
    }
    const complete = async (due: string, at: string) =>
      stack.completeRun(
        await stack
          .at(at)
          .host()
          .backUp({ slot: slot(due), type: 'full' }),
      );
    await complete(D21, '2026-11-21T13:00:00Z');
    assert.equal((await stack.problem('late'))?.closed, null);
    assert.deepEqual(await audited(stack, '2026-11-21T13:15:00Z'), []);
    await stack.at('2026-11-21T14:00:00Z').completeCommand('mi-carcosa', D20, 1);
    assert.notEqual((await stack.problem('late'))?.closed, null);
  });

  test('that goes well and badly by turns makes four messages in seven days, and goes on later', async () => {
    const stack = await TestStack.of();
    const told = await watch(stack, '2026-11-20T03:45:00Z', '2026-11-30T03:45:00Z', async (at) => {
      if (!at.includes('T04:00')) return;
      await stack.dispatch(at);
      const isBad = new Date(at).getUTCDate() % 2 === 0;
      await stack.completeRun(
        await stack.host().backUp({ slot: slot(at), type: 'full', ...(isBad ? UNREADABLE : {}) }),
      );
    });
    const subjects = told.map((line) => line.slice(0, 8) + (line.includes('GOOD AGAIN') ? ' good' : ' bad'));
    // The first one is told by complete, whose messages the next audit's are taken with.
    assert.deepEqual(subjects, [
      '20T04:00 bad',
      '21T04:00 good',
      '22T04:00 bad',
      '23T04:00 good',
      '27T04:00 good',
      '28T04:00 bad',
      '29T04:00 good',
    ]);
    const problem = await stack.problem('suspect');
    assert.deepEqual([problem?.began.due, problem?.closed?.told === null], ['2026-11-28T04:00:00Z', false]);
  });
});

describe('good again', () => {
  test('is told when the whole host is well, in one notice', async () => {
    const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] } });
    await dispatched(stack, D20);
    await stack.goodRun(D20, UNREADABLE);
    await stack.goodRun(D20, { set: 'etc', outcome: 'failed' });
    assert.equal(stack.messages().length, 2);
    await dispatched(stack, D21);
    await stack.goodRun(D21, { type: 'full' });
    assert.deepEqual(await audited(stack, '2026-11-21T04:21:00Z'), [
      'STILL FAILED carcosa/etc since 2026-11-20 04:00 UTC: error source-missing',
    ]);
    await stack.goodRun(D21, { set: 'etc', type: 'full' });
    assert.deepEqual(await audited(stack, '2026-11-21T05:00:00Z'), [
      '2 GOOD AGAIN, were SUSPECT and FAILED since 2026-11-20 04:00 UTC: carcosa/data and 1 more',
    ]);
  });

  test('waits for a day at the most, and does not come where it goes wrong again before that', async () => {
    for (const isBadAgain of [false, true]) {
      const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] } });
      await dispatched(stack, D20);
      await stack.goodRun(D20, UNREADABLE);
      await stack.goodRun(D20, { set: 'etc', outcome: 'failed' });
      stack.messages();
      await dispatched(stack, D21);
      await stack.goodRun(D21, { type: 'full' });
      const waits = await watch(stack, '2026-11-21T04:20:00Z', '2026-11-22T04:05:00Z', async () => undefined);
      assert.deepEqual(
        waits.filter((line) => line.includes('GOOD AGAIN')),
        [],
      );
      await dispatched(stack, D22);
      if (isBadAgain) await stack.goodRun(D22, UNREADABLE);
      const told = (await audited(stack, '2026-11-22T04:30:00Z')).filter((subject) => !subject.includes(' STILL '));
      const good = 'GOOD AGAIN carcosa/data, was SUSPECT since 2026-11-20 04:00 UTC';
      assert.deepEqual(told, isBadAgain ? [] : [good]);
      assert.equal((await stack.problem('suspect'))?.closed === null, isBadAgain);
    }
  });
});

describe('complete', () => {
  test('leaves the sixth problem of a kind within a quarter of an hour to audit, and the rest of the crowd', async () => {
    const stack = await TestStack.of(Object.fromEntries([...'abcdefgh'].map((name) => [name, {}])));
    await dispatched(stack, D20);
    for (const host of 'abcdefgh') {
      await stack.at('2026-11-20T04:20:00Z');
      await stack.completeRun(await stack.host(host).backUp({ slot: slot(D20), outcome: 'failed' }));
    }
    const why = 'since 2026-11-20 04:00 UTC: error source-missing';
    assert.deepEqual(
      stack.messages(),
      [...'abcde'].map((host) => `FAILED ${host}/data ${why}`),
    );
    assert.deepEqual(await audited(stack, '2026-11-20T04:22:00Z'), []);
    assert.deepEqual(await audited(stack, '2026-11-20T04:30:00Z'), [
      '3 FAILED since 2026-11-20 04:00 UTC: f/data, g/data, h/data',
    ]);
    // An hour later it is no crowd any more.
    await stack
      .at('2026-11-21T04:20:00Z')
      .completeRun(await stack.host('a').backUp({ slot: slot(D21), ...UNREADABLE }));
    assert.equal(stack.messages().length, 1);
  });
});

describe('a run that audit cannot judge', () => {
  const denied = (stack: TestStack, host = 'carcosa') => {
    const key = new RegExp(`^runs/.*${stack.host(host).runOf(slot(D20))}`);
    return stack.over(
      faultyStore(stack.memory, {
        faults: [{ operation: 'list', key, does: 'fail', times: 999, code: 'store-denied' }],
      }),
    );
  };

  test('is a problem that people are told of, once, and ends with its verdict', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    await dispatched(stack, D20);
    await stack.goodRun(D20, { host: 'purr' });
    await stack
      .at('2026-11-20T04:20:00Z')
      .host()
      .backUp({ slot: slot(D20) });
    for (const at of [noon(D20), '2026-11-20T12:15:00Z', '2026-11-20T12:30:00Z'])
      assert.equal((await audit(stack.at(at).over(denied(stack).store))).errors.length, 1);
    const [mail] = stack.notifier.published;
    assert.deepEqual(
      [mail?.critical, stack.messages()],
      [true, ['UNJUDGED carcosa/data since 2026-11-20 04:00 UTC: error store-denied']],
    );
    assert.deepEqual(await audited(stack, '2026-11-20T12:45:00Z'), [
      'GOOD AGAIN carcosa/data, was UNJUDGED since 2026-11-20 04:00 UTC',
    ]);
    assert.equal((await stack.verdict({ due: D20 }))?.outcome, 'complete');
  });

  test('ends without a notice of its own where the verdict is bad', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await audit(denied(stack.at(noon(D20))));
    assert.equal(stack.messages().length, 1);
    assert.deepEqual(await audited(stack, '2026-11-20T12:15:00Z'), [
      'MISSED carcosa/data since 2026-11-20 04:00 UTC: never started',
    ]);
    assert.notEqual((await stack.problem('unjudged'))?.closed?.told, null);
  });

  test('that has a verdict already, of which only the rest failed, is none', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await stack.goodRun(D20);
    const faults = [{ operation: 'get', key: /^latest/, does: 'fail', code: 'store-denied', times: 99 }] as const;
    assert.notEqual((await audit(stack.at(noon(D20)).over(faultyStore(stack.memory, { faults })))).errors.length, 0);
    assert.deepEqual([await stack.problem('unjudged'), stack.messages()], [null, []]);
  });
});

describe('manifests that nobody judges', () => {
  const names = [...'abcd'];
  const published = async (count: number) => {
    const stack = await TestStack.of(Object.fromEntries(names.map((name) => [name, {}])));
    await dispatched(stack, D20);
    for (const host of names.slice(0, count))
      await stack
        .at('2026-11-20T04:20:00Z')
        .host(host)
        .backUp({ slot: slot(D20) });
    for (const host of names.slice(count)) await stack.goodRun(D20, { host });
    return stack;
  };

  test('of a whole slot are told, by mail alone; and when they are judged in time again', async () => {
    const stack = await published(4);
    await stack.at(noon(D20)).audit();
    assert.equal(stack.notifier.published[0]?.critical, false);
    assert.deepEqual(stack.messages(), ['NOT JUDGED manifests since 2026-11-20 04:00 UTC: 4 runs of nightly']);
    await dispatched(stack, D21);
    await stack.goodRun(D21, { host: 'a' });
    for (const host of ['b', 'c', 'd'])
      await stack
        .at('2026-11-21T04:30:00Z')
        .host(host)
        .backUp({ slot: slot(D21) });
    const told = await audited(stack, noon(D21));
    assert.deepEqual(
      told.filter((line) => !line.startsWith('STILL')),
      ['GOOD AGAIN manifests, was NOT JUDGED since 2026-11-20 04:00 UTC'],
    );
  });

  test('of two runs, or beside others that were judged, are an accident', async () => {
    const two = await TestStack.of({ a: {}, b: {} });
    await dispatched(two, D20);
    for (const host of ['a', 'b'])
      await two
        .at('2026-11-20T04:20:00Z')
        .host(host)
        .backUp({ slot: slot(D20) });
    assert.deepEqual(await audited(two, noon(D20)), []);
    assert.deepEqual(await audited(await published(3), noon(D20)), []);
  });

  test('are told although the audit that judged them died before it could say so', async () => {
    const stack = await published(4);
    const faults = [{ operation: 'put', key: /^(alerts|audit|slots\/.*closed)/, does: 'fail', times: 999 }] as const;
    await audit(stack.at(noon(D20)).over(faultyStore(stack.memory, { faults }))).catch(() => undefined);
    assert.deepEqual(await audited(stack, '2026-11-20T12:15:00Z'), [
      'NOT JUDGED manifests since 2026-11-20 04:00 UTC: 4 runs of nightly',
    ]);
  });
});

describe('while nobody listens', () => {
  test('nothing is marked, complete does not fail, and all is told when somebody does', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    stack.notifier.deaf.add('alerts');
    await dispatched(stack, D20);
    stack.at('2026-11-20T04:20:00Z');
    const run = await stack.host().backUp({ slot: slot(D20), outcome: 'failed' });
    assert.deepEqual((await stack.completeRun(run)).errors, []);
    assert.equal((await stack.problem('failed'))?.told, null);
    assert.notEqual((await stack.at(noon(D20)).audit()).errors.length, 0);
    assert.deepEqual(
      [(await stack.problem('failed'))?.told, (await stack.problem('missed', 'purr'))?.told],
      [null, null],
    );
    stack.messages();
    stack.notifier.deaf.clear();
    const told = await audited(stack, '2026-11-20T12:15:00Z');
    assert.ok(told.includes('FAILED carcosa/data since 2026-11-20 04:00 UTC: error source-missing'), told.join());
    assert.ok(told.includes('MISSED purr/data since 2026-11-20 04:00 UTC: never started'), told.join());
  });
});

describe('repeats', () => {
  test('one mail for all that is open, and none for what the fleet file names no more', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {}, third: {} });
    await dispatched(stack, D20);
    await stack.goodRun(D20);
    await stack.goodRun(D20, { host: 'purr', outcome: 'partial' });
    stack.messages();
    assert.deepEqual(await audited(stack, noon(D20)), ['MISSED third/data since 2026-11-20 04:00 UTC: never started']);
    await stack
      .at('2026-11-20T13:00:00Z')
      .apply(fleetFile({ carcosa: {}, purr: {} }, { yearly: { full: 'cron(0 0 1 1 ? *)', deadline: '8h' } }));
    const told = await watch(stack, '2026-11-20T13:00:00Z', '2026-11-28T13:00:00Z');
    const partial = 'STILL PARTIAL purr/data since 2026-11-20 04:00 UTC';
    assert.deepEqual(
      told.map((line) => line.replace(/: .*/, '')),
      [`21T04:30 ${partial}`, `23T04:30 ${partial}`, `27T04:30 ${partial}`],
    );
  });

  test('are not forgotten when audit’s place is lost, and come once after days without an audit', async () => {
    const stack = await TestStack.of();
    await dispatched(stack, D20);
    await audited(stack, noon(D20));
    for (const due of [D21, D22, '2026-11-23T04:00:00Z', '2026-11-24T04:00:00Z']) await dispatched(stack, due);
    stack.memory.remove('audit/state.json');
    assert.deepEqual(await audited(stack, '2026-11-24T13:00:00Z'), [
      'STILL MISSED carcosa/data since 2026-11-20 04:00 UTC: never started',
    ]);
    assert.equal((await stack.problem('missed'))?.repeats, 2);
    assert.deepEqual(await audited(stack, '2026-11-24T13:15:00Z'), []);
  });
});
