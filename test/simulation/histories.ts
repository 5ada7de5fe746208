/** Histories drawn at random, and what must hold in each of them. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Problem } from '../../contract/problem.ts';
import { FATES } from './fates.ts';
import { HOUR } from './fleet-plan.ts';
import { type Death, type DueRun, type History, Lived, type Night } from './history.ts';

/** Half of them do not die. Whole audits have a hundred calls; what dies sooner is more instructive. */
const death: fc.Arbitrary<Death> = fc.option(
  fc.oneof(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 1, max: 120 })),
);

const hostNight: fc.Arbitrary<Night['hosts'][number]> = fc.record({
  fate: fc.constantFrom('complete' as const, ...FATES),
  event: fc.constantFrom('once', 'lost', 'twice', 'at once', 'hours late'),
  completeDies: death,
  isAccepted: fc.boolean(),
});

const histories: fc.Arbitrary<History> = fc
  .record({ hosts: fc.integer({ min: 1, max: 2 }), nights: fc.integer({ min: 1, max: 3 }) })
  .chain(({ hosts, nights }) =>
    fc.record({
      nights: fc.array(
        fc.record({
          dispatch: fc.constantFrom('in time', 'twice', 'hours late', 'never'),
          dispatchDies: death,
          hosts: fc.array(hostNight, { minLength: hosts, maxLength: hosts }),
          audits: fc.array(fc.record({ hour: fc.integer({ min: 0, max: 23 }), dies: death }), { maxLength: 3 }),
        }),
        { minLength: nights, maxLength: nights },
      ),
      pause: fc.nat(1),
      added: fc.nat(1),
      publications: fc.array(fc.constantFrom('good', 'good', 'refused', 'unheard'), { minLength: 1, maxLength: 5 }),
    }),
  );

const OPEN_FOR_BAD = ['missed', 'failed', 'suspect', 'partial', 'late'];
const COMPLAINS = [...OPEN_FOR_BAD, 'fork', 'unjudged'];

async function check(lived: Lived): Promise<void> {
  const open = (await lived.problems()).filter(({ closed }) => closed === null);
  const due = lived.due.filter((run) => run.due <= lived.now);
  const judged = await Promise.all(due.map(async (run) => ({ run, verdict: await lived.verdict(run) })));
  for (const { run, verdict } of judged) {
    if (run.due + 8 * HOUR > lived.now) continue;
    const ofHost = open.filter(({ host }) => host === run.host);
    const isGoodAgain = judged.some(
      (other) => other.run.host === run.host && other.run.due >= run.due && other.verdict?.accepted === true,
    );
    if (verdict?.outcome === 'complete') {
      const wrong = ofHost.filter((problem) => COMPLAINS.includes(problem.kind) && isAbout(problem, run));
      assert.deepEqual(wrong, [], `${name(run)} is complete`);
    } else if (!isGoodAgain) {
      const right = ofHost.filter((problem) => OPEN_FOR_BAD.includes(problem.kind) && reachesBackTo(problem, run));
      assert.ok(right.length > 0, `${name(run)} has verdict ${verdict?.outcome}, and nothing is open`);
    }
  }
}

/** At the very end somebody has been told of each open problem, or of the one that it is told with. */
async function checkTold(lived: Lived): Promise<void> {
  const problems = await lived.problems();
  const isTold = ({ told, under }: Problem) => told !== null || under !== null;
  const silent = problems.filter((problem) => problem.closed === null && !isTold(problem));
  assert.deepEqual(silent, [], 'nobody was told of these');
}

/** True of a problem that this run has ended, or never had. What began before and went on after it is none. */
function isAbout(problem: Problem, { run, due }: DueRun): boolean {
  const newest = [problem.began, ...problem.further].reduce((one, other) => (other.at > one.at ? other : one));
  const isOfRun = problem.kind === 'late' || problem.kind === 'unjudged';
  return isOfRun ? newest.run === run : Date.parse(newest.at) <= due;
}

const reachesBackTo = ({ began, further }: Problem, { due }: DueRun) =>
  [began, ...further].some(({ at }) => Date.parse(at) <= due);

const name = ({ host, due }: DueRun) => `${host} of ${new Date(due).toISOString().slice(0, 10)}`;

/** Lives through so many histories; what fast-check says of one in which something does not hold, shrunk, or null. */
export async function liveThrough({ runs, seed }: { runs: number; seed: number }): Promise<string | null> {
  const property = fc.asyncProperty(histories, async (history) => {
    const lived = new Lived(history, check);
    await lived.live();
    await checkTold(lived);
  });
  const details = await fc.check(property, { numRuns: runs, seed });
  return details.failed ? `${fc.defaultReportMessage(details)}\n${details.errorInstance}` : null;
}
