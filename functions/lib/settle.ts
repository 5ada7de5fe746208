/** What follows from a verdict: problems begin, grow and end, people and programs are told. Idempotent. */

import type { Problem } from '../../contract/problem.ts';
import { type Verdict, verdictKind } from '../../contract/verdict.ts';
import { recoveryOf, troubleOf } from '../rules/alerts.ts';
import { changeDocument } from './documents.ts';
import { nowText, type Pass } from './pass.ts';
import { announce, closeByRun, closeLate, record } from './problems.ts';

/**
 * Ends the problems that an accepted run ends, and records the one that a bad verdict makes, once: the verdict is marked
 * as recorded before anybody is told, for from then on audit sees to the telling. Throws what the notifier throws, last.
 */
export async function settle(pass: Pass, verdict: Verdict, key: string): Promise<void> {
  const recovery = recoveryOf(verdict);
  const closed = recovery === null ? [] : await closeByRun(pass, verdict, recovery);
  const late = await closeLate(pass, verdict);
  const begun = await recordOnce(pass, verdict, key);
  await announce(pass, [...closed, ...late, ...begun]);
}

async function recordOnce(pass: Pass, verdict: Verdict, key: string): Promise<Problem[]> {
  const trouble = troubleOf(verdict);
  if (trouble === null || verdict.recorded !== null) return [];
  const problem = await record(pass, trouble);
  const mark = (current: Verdict | null) =>
    current === null ||
    current.recorded !== null ||
    current.judged !== verdict.judged ||
    current.witness !== verdict.witness
      ? null
      : { ...current, recorded: nowText(pass) };
  await changeDocument(pass.store, key, verdictKind, mark);
  return problem === null ? [] : [problem];
}

/** Tells programs. At least once for every verdict, and again whenever it is looked at anew. */
export async function emit({ events }: Pass, verdict: Verdict): Promise<void> {
  const { host, set, run, policy, due, outcome, accepted, judged } = verdict;
  await events.emit({ kind: 'run-judged', host, set, run, policy, due, outcome, accepted, judged });
}
