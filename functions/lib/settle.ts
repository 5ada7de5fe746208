/** What follows from a verdict: problems begin, grow and end, programs are told. Idempotent. */

import { type Verdict, verdictKind } from '../../contract/verdict.ts';
import { recoveryOf, troubleOf } from '../rules/alerts.ts';
import { changeDocument } from './documents.ts';
import { nowText, type Pass } from './pass.ts';
import { closeByRun, closeByVerdict, record } from './problems.ts';

/**
 * Ends the problems that an accepted run ends, and records the one that a bad verdict makes, once: then the verdict is
 * marked as recorded, and from then on audit sees to the telling. `isFollowedUp` as in closeByRun.
 */
export async function settle(
  pass: Pass,
  verdict: Verdict,
  key: string,
  { isFollowedUp = false }: { isFollowedUp?: boolean } = {},
): Promise<void> {
  const recovery = recoveryOf(verdict);
  if (recovery !== null) await closeByRun(pass, verdict, recovery, { isFollowedUp });
  await closeByVerdict(pass, verdict);
  await recordOnce(pass, verdict, key);
}

async function recordOnce(pass: Pass, verdict: Verdict, key: string): Promise<void> {
  const trouble = troubleOf(verdict);
  if (trouble === null || verdict.recorded !== null) return;
  await record(pass, trouble);
  const mark = (current: Verdict | null) =>
    current === null ||
    current.recorded !== null ||
    current.judged !== verdict.judged ||
    current.witness !== verdict.witness
      ? null
      : { ...current, recorded: nowText(pass) };
  await changeDocument(pass.store, key, verdictKind, mark);
}

/** Tells programs. At least once for every verdict, and again whenever it is looked at anew. */
export async function emit({ events }: Pass, verdict: Verdict): Promise<void> {
  const { host, set, run, policy, due, outcome, accepted, judged } = verdict;
  await events.emit({ kind: 'run-judged', host, set, run, policy, due, outcome, accepted, judged });
}
