/** Plans of what is told: each rule by itself, and what holds whatever problems there are. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { instantText } from '../../../contract/ids.ts';
import { type Problem, type ProblemKind, problemKey, problemKind } from '../../../contract/problem.ts';
import { covered, isCovered, marked, repeated, untold } from '../../../functions/rules/alerts.ts';
import { nextRepeat } from '../../../functions/rules/repeats.ts';
import { type Circumstances, type Plan, planOf } from '../../../functions/rules/telling.ts';

const NOW = new Date('2026-11-29T12:00:00Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ago = (milliseconds: number) => instantText(new Date(+NOW - milliseconds));

const WHY: Partial<Record<ProblemKind, string>> = { missed: 'never-started' };

function problem(kind: ProblemKind, more: Partial<Problem> = {}): Problem {
  const at = more.began?.at ?? ago(10 * HOUR);
  const code = WHY[kind] ?? kind;
  return {
    type: problemKind.type,
    format: 1,
    ...{ kind, host: 'carcosa', set: 'data', policy: null, reasons: [{ code, text: code }] },
    began: { policy: 'nightly', due: at, run: null, at },
    ...{ recorded: ago(2 * HOUR), told: null, under: null, repeats: 0, further: [], furtherCount: 0 },
    spoken: typeof more.told === 'string' ? [more.told] : [],
    closed: null,
    ...more,
  };
}
const notDispatched = (policy: string, more: Partial<Problem> = {}) =>
  problem('not-dispatched', { host: null, set: null, policy, ...more });
const closed = (hours: number, told: string | null = null) =>
  ({ at: ago(hours * HOUR), run: null, upTo: ago(hours * HOUR), told }) satisfies Problem['closed'];
const keys = (problems: readonly Problem[]) => problems.map(problemKey);

const WHOLE: Circumstances = {
  now: NOW,
  isRipe: () => true,
  deadlineOf: () => 8 * HOUR,
  isWatched: () => true,
  isWhole: true,
};
const plan = (problems: readonly Problem[], more: Partial<Circumstances> = {}) =>
  planOf(problems, { ...WHOLE, ...more });
/** Keys that begin by this plan, and those that are covered by it. */
const begins = ({ beginnings }: Plan) => beginnings.map(keys);
const covers = (made: Plan) => made.covered.map(({ problem: one, under }) => [problemKey(one), under]);

describe('beginnings', () => {
  test('are told one message for each kind, the oldest first', () => {
    const made = plan([
      problem('failed', { host: 'b' }),
      problem('missed', { host: 'c', began: problem('missed', { recorded: ago(0) }).began }),
      problem('missed', { host: 'a', began: { policy: null, due: null, run: null, at: ago(20 * HOUR) } }),
    ]);
    assert.deepEqual(begins(made), [
      ['alerts/missed.data.a.json', 'alerts/missed.data.c.json'],
      ['alerts/failed.data.b.json'],
    ]);
  });
  test('wait where whoever recorded them may be about to tell them', () => {
    const made = plan([problem('failed', { recorded: ago(60_000) })], { isRipe: () => false });
    assert.deepEqual([begins(made), made.waitingSince], [[], new Date(+NOW - 60_000)]);
  });
  test('that have ended are told all the same, with their end', () => {
    assert.deepEqual(begins(plan([problem('failed', { closed: closed(1) })])), [['alerts/failed.data.carcosa.json']]);
    assert.deepEqual(plan([problem('failed', { closed: closed(1) })]).ends, []);
  });
});

describe('another problem of the same set', () => {
  const open = { told: ago(HOUR) };
  const pairs: [ProblemKind, ProblemKind, boolean][] = [
    ['missed', 'failed', true],
    ['failed', 'missed', true],
    ['missed', 'late', true],
    ['failed', 'late', true],
    ['late', 'missed', false],
    ['late', 'failed', false],
    ['suspect', 'failed', false],
    ['failed', 'suspect', false],
    ['missed', 'fork', false],
    ['unjudged', 'missed', false],
  ];
  for (const [over, kind, isCoveredBy] of pairs) {
    test(`${over} covers ${kind}: ${isCoveredBy}`, () => {
      const made = plan([problem(over, open), problem(kind)]);
      const key = `alerts/${kind}.data.carcosa.json`;
      assert.deepEqual(covers(made), isCoveredBy ? [[key, `alerts/${over}.data.carcosa.json`]] : []);
      assert.deepEqual(begins(made), isCoveredBy ? [] : [[key]]);
    });
  }
  test('covers no run that somebody else may have signed', () => {
    for (const code of ['pin', 'signature']) {
      const foreign = problem('failed', { reasons: [{ code, text: code }] });
      assert.deepEqual(begins(plan([problem('missed', open), foreign])), [['alerts/failed.data.carcosa.json']], code);
      const ofOtherSet = problem('missed', { ...open, set: 'etc' });
      assert.deepEqual(begins(plan([ofOtherSet, foreign])), [['alerts/failed.data.carcosa.json']], code);
    }
  });
  test('covers nothing where it was not told, has ended, or is another host’s', () => {
    for (const over of [{ told: null }, { told: ago(HOUR), closed: closed(1) }, { ...open, host: 'purr' }])
      assert.deepEqual(covers(plan([problem('missed', over), problem('failed')])), [], JSON.stringify(over));
  });
  test('that has ended uncovers at once what has not', () => {
    const under = 'alerts/missed.data.carcosa.json';
    const over = problem('missed', { told: ago(DAY), closed: closed(1, ago(HOUR)) });
    assert.deepEqual(begins(plan([over, problem('failed', { under })])), [['alerts/failed.data.carcosa.json']]);
    const stillOpen = problem('missed', { told: ago(DAY) });
    assert.deepEqual(begins(plan([stillOpen, problem('failed', { under })])), []);
  });
});

describe('trouble of another set of the host', () => {
  const told = problem('missed', { set: 'etc', told: ago(10 * HOUR) });
  const due = (hours: number) => ({ began: { policy: 'x', due: ago(hours * HOUR), run: null, at: ago(hours * HOUR) } });

  test('covers sets that were due up to a day after it was told', () => {
    const one = problem('missed', { set: 'etc', told: ago(30 * HOUR) });
    assert.equal(covers(plan([one, problem('missed', due(6.01))])).length, 1);
    assert.equal(covers(plan([one, problem('missed', due(5.99))])).length, 0);
  });
  test('is of runs that were missed or failed, however, and of no others', () => {
    const busy = { reasons: [{ code: 'busy', text: 'busy' }] };
    for (const kind of ['missed', 'failed', 'late', 'suspect', 'partial', 'fork'] as const) {
      const isCovered = kind === 'missed' || kind === 'failed';
      assert.equal(covers(plan([told, problem(kind, busy)])).length, isCovered ? 1 : 0, kind);
      const over = problem(kind, { set: 'etc', told: ago(HOUR), ...busy });
      assert.equal(covers(plan([over, problem('missed')])).length, isCovered ? 1 : 0, kind);
    }
  });
  test('covers what fails of that set in another way later too, while both are open', () => {
    const over = problem('missed', { set: 'etc', told: ago(60 * HOUR) });
    const under = problemKey(over);
    const covered = problem('missed', { under });
    assert.deepEqual(covers(plan([over, covered, problem('failed')])), [['alerts/failed.data.carcosa.json', under]]);
    assert.deepEqual(covers(plan([over, { ...covered, closed: closed(1) }, problem('failed')])), []);
    assert.deepEqual(covers(plan([{ ...over, closed: closed(1) }, covered, problem('failed')])), []);
  });
  test('that is over still covers until its end is told, a day later at most', () => {
    const under = problemKey(told);
    const silent = problem('missed', { under });
    assert.deepEqual(begins(plan([{ ...told, closed: closed(23) }, silent])), []);
    const made = plan([{ ...told, closed: closed(24) }, silent]);
    assert.deepEqual([begins(made), keys(made.ends)], [[[problemKey(silent)]], [under]]);
    assert.deepEqual(begins(plan([{ ...told, closed: closed(1, ago(0)) }, silent])), [[problemKey(silent)]]);
  });
  test('that is told together with its end uncovers what has not ended', () => {
    const etc = problem('missed', { set: 'etc', closed: closed(1) });
    const made = plan([problem('missed', { under: problemKey(etc) }), etc]);
    assert.deepEqual(begins(made), [['alerts/missed.data.carcosa.json', 'alerts/missed.etc.carcosa.json']]);
  });
});

describe('policies that are not dispatched', () => {
  test('cover each other for a day after the first was told', () => {
    const over = (hours: number) => notDispatched('nightly', { told: ago(hours * HOUR) });
    assert.equal(covers(plan([over(23), notDispatched('weekly')])).length, 1);
    assert.equal(covers(plan([over(24), notDispatched('weekly')])).length, 0);
    assert.equal(covers(plan([{ ...over(23), closed: closed(1) }, notDispatched('weekly')])).length, 0);
  });
  test('cover what was not asked until the deadline of the slot that ended them', () => {
    const under = 'alerts/not-dispatched.-.nightly.json';
    const missed = problem('missed', { under, reasons: [{ code: 'not-asked', text: 'not asked' }] });
    const over = (hours: number) =>
      notDispatched('nightly', { told: ago(DAY), closed: closed(hours, ago(hours * HOUR)) });
    assert.deepEqual(begins(plan([over(7), missed])), []);
    assert.equal(+(plan([over(7), missed]).lookAgain as Date), +NOW + HOUR);
    assert.deepEqual(begins(plan([over(8), missed])), [['alerts/missed.data.carcosa.json']]);
    assert.deepEqual(begins(plan([notDispatched('nightly', { told: ago(30 * DAY), repeats: 9 }), missed])), []);
  });
  test('are waited for where they are not recorded yet, for an hour', () => {
    const missed = (hours: number) =>
      problem('missed', { under: 'alerts/not-dispatched.-.nightly.json', recorded: ago(hours * HOUR) });
    assert.deepEqual([begins(plan([missed(0.5)])), plan([missed(0.5)]).waitingSince], [[], new Date(+NOW - HOUR / 2)]);
    assert.deepEqual(begins(plan([missed(1)])), [['alerts/missed.data.carcosa.json']]);
  });
});

describe('ends', () => {
  const ended = (hours: number) => problem('missed', { told: ago(3 * DAY), closed: closed(hours) });
  test('wait for whatever people have heard of their host, a day at most', () => {
    for (const other of [{ told: ago(DAY) }, { under: 'alerts/missed.data.carcosa.json' }, {}]) {
      const problems = [ended(1), problem('partial', { set: 'etc', ...other })];
      const made = plan(problems.slice(0, 2));
      assert.deepEqual(made.ends, [], JSON.stringify(other));
      assert.deepEqual(made.waitingSince, new Date(+NOW - HOUR));
    }
    assert.equal(plan([ended(24), problem('partial', { told: ago(DAY) })]).ends.length, 1);
    assert.equal(plan([ended(1), problem('partial', { told: ago(DAY), host: 'purr' })]).ends.length, 1);
    assert.equal(plan([ended(1), problem('partial', { told: ago(DAY), closed: closed(0.5) })]).ends.length, 2);
  });
  test('do not wait for what nobody has heard of', () => {
    const made = plan([ended(1), problem('partial', { recorded: ago(1000) })], { isRipe: () => false });
    assert.equal(made.ends.length, 1);
  });
  test('of the stack and of policies wait for nobody', () => {
    const made = plan([
      notDispatched('nightly', { told: ago(DAY), closed: closed(1) }),
      notDispatched('b', { told: ago(DAY) }),
    ]);
    assert.equal(made.ends.length, 1);
  });
});

describe('repeats', () => {
  const days = (problemOf: Problem) => (+(nextRepeat(problemOf) as Date) - Date.parse(problemOf.told as string)) / DAY;
  test('are due 1, 3 and 7 days after it was told, then every 7 days; dead letters every day', () => {
    const due = [0, 1, 2, 3, 4, 5].map((repeats) => days(problem('missed', { told: ago(0), repeats })));
    assert.deepEqual(due, [1, 3, 7, 14, 21, 28]);
    assert.deepEqual(
      [0, 1, 2, 9].map((repeats) => days(problem('dead-letters', { told: ago(0), repeats }))),
      [1, 2, 3, 10],
    );
  });
  test('of what nobody was told, is covered or over, there are none', () => {
    for (const more of [{}, { under: 'alerts/missed.etc.carcosa.json' }, { told: ago(DAY), closed: closed(1) }])
      assert.equal(nextRepeat(problem('missed', more)), null);
  });
  test('list all that is open and told, and count for what is due within twelve hours', () => {
    const made = plan([
      problem('missed', { host: 'due', told: ago(DAY) }),
      problem('missed', { host: 'soon', told: ago(DAY - 12 * HOUR) }),
      problem('missed', { host: 'notYet', told: ago(DAY - 13 * HOUR) }),
      problem('missed', { host: 'missedTwo', told: ago(5 * DAY) }),
      problem('missed', { host: 'over', told: ago(DAY), closed: closed(1, ago(HOUR)) }),
      problem('missed', { host: 'new' }),
    ]);
    assert.deepEqual(made.repeat?.listed.map(({ host }) => host).sort(), ['due', 'missedTwo', 'notYet', 'soon']);
    assert.deepEqual(
      made.repeat?.counted.map(({ problem: { host }, repeats }) => [host, repeats]),
      [
        ['due', 1],
        ['soon', 1],
        ['missedTwo', 2],
      ],
    );
  });
  test('there is none where nothing is due, nor where not all problems are known', () => {
    assert.equal(plan([problem('missed', { told: ago(DAY - 1000) })]).repeat, null);
    assert.equal(plan([problem('missed', { told: ago(DAY) })], { isWhole: false }).repeat, null);
    assert.equal(plan([problem('missed', { told: ago(DAY) })], { isWatched: () => false }).repeat, null);
  });
  test('wait where four messages were sent within seven days', () => {
    const spoken = [ago(6 * DAY), ago(5 * DAY), ago(4 * DAY), ago(3 * DAY)];
    const one = problem('missed', { told: ago(3 * DAY), spoken });
    assert.equal(plan([one]).repeat, null);
    assert.equal(+(nextRepeat(one) as Date), +NOW + DAY);
  });
});

describe('four messages within seven days', () => {
  const spoken = [ago(7 * DAY - 1000), ago(5 * DAY), ago(4 * DAY), ago(3 * DAY)];
  test('are enough: what begins or ends then is marked without a message', () => {
    const begun = plan([problem('suspect', { spoken })]);
    assert.deepEqual([begins(begun), keys(begun.silent)], [[], ['alerts/suspect.data.carcosa.json']]);
    const ended = plan([problem('suspect', { spoken, told: ago(DAY), closed: closed(1) })]);
    assert.deepEqual([ended.ends, keys(ended.silent)], [[], ['alerts/suspect.data.carcosa.json']]);
  });
  test('leave what is marked so without a cover for others', () => {
    const hushed = problem('missed', { spoken, told: ago(DAY) });
    assert.deepEqual(begins(plan([hushed, problem('failed')])), [['alerts/failed.data.carcosa.json']]);
  });
  test('are enough of each, also where two are found under one key', () => {
    const twice = [problem('missed', { spoken }), problem('missed', { spoken })];
    assert.deepEqual(plan(twice).silent, twice);
  });
  test('uncover at once what was under a problem that is marked so', () => {
    const etc = problem('missed', { set: 'etc', spoken });
    const made = plan([problem('missed', { under: problemKey(etc) }), etc]);
    assert.deepEqual([begins(made), made.silent], [[['alerts/missed.data.carcosa.json']], [etc]]);
    const over = problem('missed', { under: problemKey(etc), closed: closed(1, ago(HOUR)) });
    assert.deepEqual(begins(plan([over, etc])), []);
  });
  test('are never enough of what concerns many', () => {
    const policy = notDispatched('nightly', { spoken });
    assert.deepEqual(begins(plan([policy])), [[problemKey(policy)]]);
    assert.equal(+(nextRepeat({ ...policy, told: ago(2 * DAY) }) as Date), +NOW - DAY);
  });
  test('are not when the first of them is seven days old', () => {
    assert.equal(plan([problem('suspect', { spoken: [ago(7 * DAY), ...spoken.slice(1)] })]).beginnings.length, 1);
  });
});

describe('whatever problems there are', () => {
  const instant = fc.integer({ min: 0, max: 40 * 24 }).map((hours) => ago(hours * HOUR));
  const hosts = fc.constantFrom('a', 'b');
  const sets = fc.constantFrom('data', 'etc');
  const arbitrary = fc
    .record({
      kind: fc.constantFrom<ProblemKind>(
        'missed',
        'missed',
        'failed',
        'late',
        'suspect',
        'not-dispatched',
        'dead-letters',
      ),
      host: hosts,
      set: sets,
      policy: fc.constantFrom('nightly', 'weekly'),
      code: fc.constantFrom('never-started', 'not-asked', 'busy'),
      at: instant,
      recorded: instant,
      told: fc.option(instant),
      closed: fc.option(fc.record({ at: instant, told: fc.option(instant) })),
      spoken: fc.array(instant, { maxLength: 8 }).map((instants) => instants.sort()),
      repeats: fc.nat(6),
      under: fc.option(fc.tuple(fc.constantFrom<ProblemKind>('missed', 'failed', 'not-dispatched'), sets)),
    })
    .map((random): Problem => {
      const { kind, at, told, code, under } = random;
      const isOfSet = kind !== 'not-dispatched' && kind !== 'dead-letters';
      // Only a policy, or another problem of the same host, covers one.
      const over = under && { kind: under[0], host: random.host, set: under[1] };
      const key = over?.kind === 'not-dispatched' ? { ...over, host: null, set: null, policy: 'nightly' } : over;
      const one = problem(kind, {
        host: isOfSet ? random.host : null,
        set: isOfSet ? random.set : null,
        policy: kind === 'not-dispatched' ? random.policy : null,
        reasons: [{ code, text: code }],
        began: { policy: null, due: at, run: null, at },
        ...{ recorded: random.recorded, told, spoken: random.spoken, repeats: random.repeats },
        under: told === null && key !== null && isOfSet ? problemKey(key) : null,
        closed: random.closed === null ? null : { ...random.closed, run: null, upTo: random.closed.at },
      });
      return isCovered(one) && one.under === problemKey(one) ? { ...one, under: null } : one;
    });
  const problems = fc.uniqueArray(arbitrary, { maxLength: 12, selector: problemKey });

  /** The problems after the plan was carried out. */
  function after(before: readonly Problem[], made: Plan): Problem[] {
    const now = instantText(NOW);
    const next = new Map(before.map((one) => [problemKey(one), one]));
    const change = (one: Problem, step: (current: Problem | null) => Problem | null) => {
      const key = problemKey(one);
      next.set(key, step(next.get(key) ?? null) ?? (next.get(key) as Problem));
    };
    for (const one of [...made.beginnings.flat(), ...made.ends]) change(one, (current) => marked(current, one, now));
    for (const one of made.silent) change(one, (current) => marked(current, one, now, { silently: true }));
    for (const { problem: one, repeats } of made.repeat?.counted ?? [])
      change(one, (current) => repeated(current, one, repeats, now));
    for (const { problem: one, under } of made.covered) change(one, (current) => covered(current, one, under));
    return [...next.values()];
  }

  test('each is told, covered, silent or waiting; and once it is carried out there is nothing more to say', () => {
    fc.assert(
      fc.property(problems, (before) => {
        const made = plan(before);
        const said = [
          ...made.beginnings.flat(),
          ...made.silent,
          ...made.covered.map((one) => one.problem),
          ...made.ends,
        ];
        assert.equal(new Set(keys(said)).size, said.length, 'each once');
        for (const one of before) {
          if (untold(one) === 'beginning') assert.ok(said.includes(one), problemKey(one));
          const enough = one.spoken.filter((at) => Date.parse(at) > +NOW - 7 * DAY).length >= 4;
          if (enough && one.host !== null)
            assert.ok(![...made.beginnings.flat(), ...made.ends].includes(one), problemKey(one));
        }
        for (const { problem: one, under } of made.covered) {
          const over = before.find((other) => problemKey(other) === under);
          assert.ok(over !== undefined && over !== one && over.told !== null && over.closed === null, under);
        }
        const next = after(before, made);
        for (const one of next) problemKind.parse(JSON.parse(JSON.stringify(one)), 'problem');
        const again = plan(next);
        assert.deepEqual([begins(again), again.silent, again.repeat, covers(again)], [[], [], null, []]);
        assert.ok(again.lookAgain === null || again.lookAgain > NOW);
      }),
      { numRuns: 3000 },
    );
  });
});
