/** Telling at once what has just begun: complete and dispatch do it, for a problem or two. Crowds are audit's. */

import { type Problem, type ProblemKind, problemKey, problemsOfKind } from '../../contract/problem.ts';
import { NobodyListens } from '../ports/notifier.ts';
import { untold } from '../rules/alerts.ts';
import { coversOfSet, planOf } from '../rules/telling.ts';
import type { Pass } from './pass.ts';
import { readProblem } from './problems.ts';
import { carryOut } from './tell.ts';

const CROWD = 5;
const CROWD_COMES_WITHIN = 15 * 60_000;

/**
 * Tells of what this pass has begun, one message for each kind. Where five other problems of that kind
 * were written within a quarter of an hour it leaves them to audit, which tells all of them in one message; so it does
 * with ends, and where nobody listens. Returns what went wrong; audit makes up for that too.
 */
export async function announce(pass: Pass): Promise<unknown[]> {
  const begun = new Map([...pass.begun].filter(([, problem]) => untold(problem) === 'beginning'));
  try {
    for (const kind of new Set([...begun.values()].map((problem) => problem.kind))) {
      if (!(await isCrowded(pass, kind, begun))) continue;
      for (const [key, problem] of begun) if (problem.kind === kind) begun.delete(key);
    }
    if (begun.size === 0) return [];
    const problems = [...begun.values(), ...(await covers(pass, begun))];
    const plan = planOf(problems, {
      now: pass.clock.now(),
      isRipe: (problem) => begun.has(problemKey(problem)),
      deadlineOf: () => 0,
      isWatched: () => true,
      isWhole: false,
    });
    // What may cover them is not told here: it may wait for something that was not looked at.
    const isOwn = (problem: Problem) => begun.has(problemKey(problem));
    const errors = await carryOut(pass, {
      ...plan,
      beginnings: plan.beginnings.map((group) => group.filter(isOwn)).filter((group) => group.length > 0),
      covered: plan.covered.filter(({ problem }) => isOwn(problem)),
      ends: [],
      silent: plan.silent.filter(isOwn),
    });
    return errors.filter((error) => !(error instanceof NobodyListens));
  } catch (error) {
    return [error];
  }
}

async function isCrowded({ store, clock }: Pass, kind: ProblemKind, begun: ReadonlyMap<string, Problem>) {
  const since = clock.now().getTime() - CROWD_COMES_WITHIN;
  let others = 0;
  for await (const { key, lastModified } of store.list(problemsOfKind(kind))) {
    if (+lastModified >= since && !begun.has(key) && ++others === CROWD) return true;
  }
  return false;
}

/** What there is that may cover them. */
async function covers(pass: Pass, begun: ReadonlyMap<string, Problem>): Promise<Problem[]> {
  const keys = new Set([...begun.values()].flatMap(coversOfSet).filter((key) => !begun.has(key)));
  const found = await Promise.all([...keys].map((key) => readProblem(pass, key)));
  return found.filter((problem) => problem !== null);
}
