/** The life of a problem, day by day: each run stands for the day it is numbered by. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Problem, problemKey, problemKind, problemPlace } from '../../../contract/problem.ts';
import type { Verdict } from '../../../contract/verdict.ts';
import {
  covered,
  coverOf,
  ended,
  endedByVerdict,
  marked,
  newestOf,
  type Recovery,
  recoveryOf,
  repeated,
  type Trouble,
  troubleOf,
  untold,
  withTrouble,
} from '../../../functions/rules/alerts.ts';

const at = (day: number) => `2026-11-${String(day).padStart(2, '0')}T04:00:00Z`;
const runOf = (day: number) => `202611${String(day).padStart(2, '0')}T040000Z-000000000000`;
const NOW = '2026-11-29T00:00:00Z';

function trouble(day: number, more: Partial<Trouble> = {}): Trouble {
  const incident = { policy: 'nightly', due: at(day), run: runOf(day), at: at(day) };
  return { kind: 'missed', host: 'carcosa', set: 'data', incident, reasons: [{ code: 'busy', text: 'busy' }], ...more };
}
const recovery = (day: number, good = true): Recovery => ({ run: runOf(day), at: at(day), good });
const begin = (day: number, newest: Recovery | null = null) => withTrouble(null, trouble(day), newest, NOW) as Problem;
const told = (problem: Problem) => marked(problem, problem, NOW) as Problem;
const end = (problem: Problem, day: number) => ended(problem, recovery(day), NOW) as Problem;

describe('a problem', () => {
  test('begins untold, and is a valid document', () => {
    const problem = begin(1);
    assert.equal(untold(problem), 'beginning');
    assert.deepEqual([problem.began.due, problem.furtherCount, problem.closed], [at(1), 0, null]);
    assert.deepEqual(problemKind.parse(JSON.parse(JSON.stringify(problem)), 'x'), problem);
    assert.equal(problemKey(problem), 'alerts/missed.data.carcosa.json');
  });
  test('is found by its key: a set’s, a host’s, a policy’s, the stack’s', () => {
    const places = [
      { kind: 'missed', host: 'carcosa.example', set: 'data', policy: null },
      { kind: 'unknown-node', host: 'carcosa', set: null, policy: null },
      { kind: 'not-dispatched', host: null, set: null, policy: '-nightly-' },
      { kind: 'fleet-missing', host: null, set: null, policy: null },
    ] as const;
    for (const place of places) assert.deepEqual(problemPlace(problemKey(place)), place);
    for (const key of ['alerts/odd.-.-.json', 'alerts/missed.json', 'latest/a/b.json'])
      assert.equal(problemPlace(key), null);
  });
  test('of before causes and repeats were kept is still one', () => {
    const { policy, under, repeats, spoken, ...old } = begin(1);
    assert.deepEqual(problemKind.parse(JSON.parse(JSON.stringify(old)), 'x'), {
      ...old,
      policy,
      under,
      repeats,
      spoken,
    });
  });
  test('is not changed by what is in it already', () => {
    assert.equal(withTrouble(begin(1), trouble(1), null, NOW), null);
    const grown = withTrouble(told(begin(1)), trouble(2), null, NOW) as Problem;
    assert.equal(withTrouble(grown, trouble(2), null, NOW), null);
  });
  test('grows while it is open, without a message', () => {
    const grown = withTrouble(told(begin(1)), trouble(2), null, NOW) as Problem;
    assert.deepEqual([grown.began.due, grown.furtherCount, untold(grown)], [at(1), 1, null]);
    assert.equal(newestOf(grown).due, at(2));
  });
  test('keeps the last hundred of what it grew by, and counts all', () => {
    let problem = told(begin(1));
    for (let i = 0; i < 150; i++) {
      const incident = {
        policy: 'nightly',
        due: null,
        run: runOf(2),
        at: new Date(Date.parse(at(2)) + i * 1000).toISOString().replace('.000', ''),
      };
      problem = withTrouble(problem, trouble(2, { incident }), null, NOW) as Problem;
    }
    assert.deepEqual([problem.further.length, problem.furtherCount], [100, 150]);
  });
  test('ends with the first accepted run that is not older, and that has to be told', () => {
    assert.equal(ended(told(begin(2)), recovery(1), NOW), null);
    const closed = end(told(begin(2)), 2);
    assert.deepEqual([closed.closed?.run, untold(closed)], [runOf(2), 'end']);
    assert.equal(untold(told(closed)), null);
    assert.equal(ended(closed, recovery(3), NOW), null);
    assert.equal(ended(null, recovery(3), NOW), null);
  });
  test('does not end while something newer in it has not been made good', () => {
    const grown = withTrouble(told(begin(1)), trouble(3), null, NOW) as Problem;
    assert.equal(ended(grown, recovery(2), NOW), null);
    assert.notEqual(ended(grown, recovery(3), NOW), null);
  });
  test('is a new one once its end was told', () => {
    const next = withTrouble(told(end(told(begin(1)), 2)), trouble(3), recovery(2), NOW) as Problem;
    assert.deepEqual([next.began.due, untold(next), next.furtherCount], [at(3), 'beginning', 0]);
  });
  test('goes on where nobody has heard yet that it ended', () => {
    const next = withTrouble(end(told(begin(1)), 2), trouble(3), recovery(2), NOW) as Problem;
    assert.deepEqual([next.began.due, next.closed, untold(next)], [at(1), null, null]);
    const silent = withTrouble(end(begin(1), 2), trouble(3), recovery(2), NOW) as Problem;
    assert.equal(untold(silent), 'beginning');
  });
  test('stays ended where what comes late is older than its end', () => {
    const next = withTrouble(end(told(begin(1)), 4), trouble(3), recovery(4), NOW) as Problem;
    assert.notEqual(next.closed, null);
  });
  test('that should have ended long ago hides no new one', () => {
    const stale = told(begin(1));
    const next = withTrouble(stale, trouble(9), recovery(5), NOW) as Problem;
    assert.deepEqual([next.began.due, untold(next)], [at(9), 'beginning']);
  });
  test('found out about after it has passed is told with its end', () => {
    const past = begin(1, recovery(3));
    assert.deepEqual([untold(past), past.closed?.run], ['beginning and end', runOf(3)]);
    assert.equal(untold(told(past)), null);
  });
  test('over and told, takes in what is found out later of its own time; what lies outside is new', () => {
    const over = told(end(told(begin(2)), 5));
    const taken = withTrouble(over, trouble(4), recovery(5), NOW) as Problem;
    assert.deepEqual([taken.furtherCount, untold(taken), taken.closed], [1, null, over.closed]);
    for (const day of [1, 6])
      assert.equal((withTrouble(over, trouble(day), recovery(5), NOW) as Problem).began.due, at(day));
  });
  test('whose end nobody has heard of, and that went on and ended again, ends with the later run', () => {
    const next = withTrouble(end(told(begin(1)), 2), trouble(3), recovery(4), NOW) as Problem;
    assert.deepEqual([next.closed?.run, untold(next)], [runOf(4), 'end']);
  });
  test('of being partial ends with a good run only', () => {
    const partial = told(withTrouble(null, trouble(1, { kind: 'partial' }), null, NOW) as Problem);
    assert.equal(ended(partial, recovery(2, false), NOW), null);
    assert.notEqual(ended(partial, recovery(2, true), NOW), null);
  });
  test('of the whole stack lasts without growing', () => {
    const fleet: Trouble = {
      kind: 'fleet-missing',
      host: null,
      set: null,
      incident: { policy: null, due: null, run: null, at: at(1) },
      reasons: [],
    };
    const problem = withTrouble(null, fleet, null, NOW) as Problem;
    assert.equal(problemKey(problem), 'alerts/fleet-missing.-.-.json');
    assert.equal(withTrouble(problem, { ...fleet, incident: { ...fleet.incident, at: at(2) } }, null, NOW), null);
  });
});

describe('marking as told', () => {
  test('another problem by now is not marked, nor the same twice', () => {
    assert.equal(marked(begin(2), begin(1), NOW), null);
    assert.equal(marked(told(begin(1)), begin(1), NOW), null);
    assert.equal(marked(null, begin(1), NOW), null);
  });
  test('what ended while its beginning was published keeps its end to be told', () => {
    const published = begin(1);
    const current = end(published, 2);
    const after = marked(current, published, NOW) as Problem;
    assert.equal(untold(after), 'end');
  });
});

const verdict = (more: Partial<Verdict>) =>
  ({
    host: 'carcosa',
    set: 'data',
    policy: 'nightly',
    due: at(3),
    run: runOf(3),
    at: at(3),
    reasons: [],
    witness: 'manifest',
    accepted: false,
    ...more,
  }) as Verdict;

describe('a notice of being late', () => {
  const late = told(withTrouble(null, trouble(3, { kind: 'late' }), null, NOW) as Problem);
  test('ends with good news where the run was accepted', () => {
    const after = endedByVerdict(late, verdict({ outcome: 'partial', accepted: true }), NOW);
    assert.deepEqual([after?.closed?.run, untold(after as Problem)], [runOf(3), 'end']);
  });
  test('ends without a word where another problem tells it', () => {
    for (const outcome of ['failed', 'suspect', 'missed'] as const) {
      const after = endedByVerdict(late, verdict({ outcome }), NOW);
      assert.deepEqual([after?.closed?.run, untold(after as Problem)], [null, null]);
    }
  });
  test('is about its own run', () => {
    assert.equal(endedByVerdict(late, verdict({ run: runOf(2), outcome: 'failed' }), NOW), null);
    assert.equal(endedByVerdict(told(begin(3)), verdict({ outcome: 'failed' }), NOW), null);
    assert.equal(endedByVerdict(null, verdict({ outcome: 'failed' }), NOW), null);
  });
});

describe('several late runs', () => {
  const late = (day: number, before: Problem | null = null) =>
    withTrouble(before, trouble(day, { kind: 'late' }), null, NOW) as Problem;
  const judged = (problem: Problem | null, day: number) =>
    endedByVerdict(problem, verdict({ run: runOf(day), at: at(day), outcome: 'failed' }), NOW) as Problem;

  test('end when each has a verdict, in whatever order', () => {
    for (const [one, other] of [
      [1, 2],
      [2, 1],
    ] as const) {
      const both = told(late(2, late(1)));
      const half = judged(both, one);
      assert.deepEqual([half.closed, half.began.run, half.further], [null, runOf(other), []]);
      assert.equal(judged(half, one), null);
      assert.notEqual(judged(half, other).closed, null);
    }
  });
  test('that were told while one of them was judged are marked all the same', () => {
    const both = late(2, late(1));
    assert.equal(untold(marked(judged(both, 1), both, NOW) as Problem), null);
  });
  test('after an end that nobody heard of are about the new one alone', () => {
    const accepted = endedByVerdict(told(late(1)), verdict({ run: runOf(1), at: at(1), accepted: true }), NOW);
    const again = late(2, accepted);
    assert.deepEqual([again.closed, again.began.run, again.further, untold(again)], [null, runOf(2), [], null]);
  });
});

describe('a run that could not be judged', () => {
  const unjudged = (day: number) => told(withTrouble(null, trouble(day, { kind: 'unjudged' }), null, NOW) as Problem);
  test('ends with its verdict, or with that of a later one', () => {
    assert.equal(endedByVerdict(unjudged(3), verdict({ at: at(2), run: runOf(2), outcome: 'complete' }), NOW), null);
    for (const day of [3, 4]) {
      const good = endedByVerdict(unjudged(3), verdict({ at: at(day), run: runOf(day), accepted: true }), NOW);
      assert.deepEqual([good?.closed?.run, untold(good as Problem)], [runOf(day), 'end']);
    }
    const bad = endedByVerdict(unjudged(3), verdict({ outcome: 'missed' }), NOW);
    assert.deepEqual([bad?.closed?.run, untold(bad as Problem)], [null, null]);
  });
});

describe('a problem that is told with another', () => {
  const POLICY = 'alerts/not-dispatched.-.nightly.json';
  const notAsked = { reasons: [{ code: 'not-asked', text: 'not asked' }], under: POLICY };
  const begun = () => withTrouble(null, trouble(1, notAsked), null, NOW) as Problem;

  test('has no beginning to tell, and ends without a notice', () => {
    assert.deepEqual([begun().under, untold(begun())], [POLICY, null]);
    const over = end(begun(), 2);
    assert.deepEqual([untold(over), over.closed?.told], [null, NOW]);
    // Once it is over, the next one is new.
    const next = withTrouble(over, trouble(3), null, NOW) as Problem;
    assert.deepEqual([next.began.due, next.under, untold(next)], [at(3), null, 'beginning']);
  });
  test('is told when it is added to by what the other does not cover, with the new reason', () => {
    const grown = withTrouble(begun(), trouble(2, notAsked), null, NOW) as Problem;
    assert.deepEqual([grown.furtherCount, untold(grown)], [1, null]);
    const asked = withTrouble(grown, trouble(3), null, NOW) as Problem;
    assert.deepEqual([asked.under, untold(asked), asked.reasons[0]?.code], [null, 'beginning', 'busy']);
  });
  test('is under the policy that left it unasked last', () => {
    const other = 'alerts/not-dispatched.-.weekly.json';
    const grown = withTrouble(begun(), trouble(2, { ...notAsked, under: other }), null, NOW) as Problem;
    assert.deepEqual([grown.under, untold(grown)], [other, null]);
  });
  test('by its host’s silence is covered as long as it is silent', () => {
    const silent = [{ code: 'never-started', text: 'never started' }];
    const own = withTrouble(null, trouble(1, { reasons: silent }), null, NOW) as Problem;
    const one = covered(own, own, 'alerts/missed.etc.carcosa.json') as Problem;
    assert.equal(coverOf(one), 'silence');
    assert.equal(untold(withTrouble(one, trouble(2, { reasons: silent }), null, NOW) as Problem), null);
    assert.equal(untold(withTrouble(one, trouble(2, notAsked), null, NOW) as Problem), null);
    assert.equal(untold(withTrouble(one, trouble(2), null, NOW) as Problem), 'beginning');
  });
  test('by another of its set stays so, whatever else of its kind comes', () => {
    const own = withTrouble(null, trouble(1, { kind: 'failed' }), null, NOW) as Problem;
    const one = covered(own, own, 'alerts/missed.data.carcosa.json') as Problem;
    assert.equal(coverOf(one), 'set');
    assert.equal(untold(withTrouble(one, trouble(2, { kind: 'failed' }), null, NOW) as Problem), null);
  });
  test('is not covered once it was told, has ended, or is another one by now', () => {
    const own = begin(1);
    for (const current of [told(own), end(own, 2), begin(2), null]) assert.equal(covered(current, own, POLICY), null);
    assert.equal(covered({ ...own, under: POLICY }, own, POLICY), null);
    const after = told({ ...own, under: POLICY });
    assert.deepEqual([after.under, untold(after)], [null, null]);
  });
});

describe('what was said about a problem', () => {
  test('is kept over all problems of its document, the last eight', () => {
    let problem = told(begin(1));
    assert.deepEqual(problem.spoken, [NOW]);
    problem = told(end(problem, 2));
    const next = withTrouble(problem, trouble(3), recovery(2), NOW) as Problem;
    assert.deepEqual([next.spoken, next.repeats], [[NOW, NOW], 0]);
    let one = told(next);
    for (let i = 1; i <= 9; i++) one = repeated(one, one, i, NOW) as Problem;
    assert.deepEqual([one.spoken.length, one.repeats], [8, 9]);
  });
  test('is nothing where it was marked without a message', () => {
    const silent = marked(begin(1), begin(1), NOW, { silently: true }) as Problem;
    assert.deepEqual([silent.told, silent.spoken], [NOW, []]);
  });
  test('is no repeat once it has ended, is another one, or was repeated by somebody else', () => {
    const one = told(begin(1));
    for (const current of [null, end(one, 2), told(begin(2)), { ...one, repeats: 1 }])
      assert.equal(repeated(current, one, 1, NOW), null);
  });
});

describe('what a verdict means', () => {
  const reason = (code: string) => [{ code, text: code }];
  test('complete and operator-accepted runs are no trouble', () => {
    assert.equal(troubleOf(verdict({ outcome: 'complete', accepted: true })), null);
    assert.equal(troubleOf(verdict({ outcome: 'suspect', accepted: true, witness: 'acceptance' })), null);
  });
  test('everything else is, by its outcome', () => {
    for (const outcome of ['partial', 'suspect', 'failed', 'missed'] as const)
      assert.equal(troubleOf(verdict({ outcome }))?.kind, outcome);
  });
  test('a fork is a fork, whatever else it is', () => {
    assert.equal(
      troubleOf(verdict({ outcome: 'failed', reasons: [...reason('script'), ...reason('fork')] }))?.kind,
      'fork',
    );
  });
  test('a node that could not be asked is the problem of the host, and one for all its sets', () => {
    const found = troubleOf(verdict({ outcome: 'missed', reasons: reason('unknown-node') }));
    assert.deepEqual([found?.kind, found?.set, found?.incident.run], ['unknown-node', null, null]);
  });
  test('a run that nobody asked for is told with its policy', () => {
    const found = troubleOf(verdict({ outcome: 'missed', reasons: reason('not-asked') }));
    assert.deepEqual([found?.kind, found?.under], ['missed', 'alerts/not-dispatched.-.nightly.json']);
    assert.equal(troubleOf(verdict({ outcome: 'missed', reasons: reason('busy') }))?.under, undefined);
  });
  test('accepted runs are recoveries; good ones are complete or the operator said so', () => {
    assert.equal(recoveryOf(verdict({ outcome: 'suspect' })), null);
    assert.deepEqual(recoveryOf(verdict({ outcome: 'partial', accepted: true })), recovery(3, false));
    assert.deepEqual(recoveryOf(verdict({ outcome: 'complete', accepted: true })), recovery(3));
    assert.deepEqual(recoveryOf(verdict({ outcome: 'suspect', accepted: true, witness: 'acceptance' })), recovery(3));
  });
});

test('whatever happens in whatever order: a miss newer than every success is open or told, never forgotten', () => {
  const step = fc.record({ day: fc.integer({ min: 1, max: 28 }), what: fc.constantFrom('miss', 'success', 'tell') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let problem: Problem | null = null;
      let newest: Recovery | null = null;
      let messages = 0;
      let missed = 0;
      for (const { day, what } of steps) {
        if (what === 'miss') {
          problem = withTrouble(problem, trouble(day), newest, NOW) ?? problem;
          missed = Math.max(missed, day);
        } else if (what === 'success') {
          if (newest === null || at(day) > newest.at) newest = recovery(day);
          problem = ended(problem, recovery(day), NOW) ?? problem;
        } else if (problem !== null && untold(problem) !== null) {
          messages++;
          problem = marked(problem, problem, NOW);
        }
      }
      if (missed === 0) return;
      assert.notEqual(problem, null);
      const isOpenOrUntold = problem?.closed === null || (problem !== null && untold(problem) !== null);
      if (newest === null || newest.at < at(missed)) assert.equal(problem?.closed, null);
      else assert.ok(isOpenOrUntold || messages > 0);
    }),
    { numRuns: 2000 },
  );
});
