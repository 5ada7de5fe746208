/** Which of two verdicts about one run stands. Pure. */

import { type Verdict, WITNESSES } from '../../contract/verdict.ts';

const WORSE = ['complete', 'partial', 'suspect', 'failed', 'missed'];

/**
 * True where `after` takes the place of `before`: it rests on more (silence < a failed command < the manifest < the
 * operator's acceptance); its manifest could be believed now; or on the same and found something worse, which is how two
 * runs judged at once become a fork.
 */
export function outranks(after: Verdict, before: Verdict | null): boolean {
  if (before === null) return true;
  const [rank, rankBefore] = [after, before].map(({ witness }) => WITNESSES.indexOf(witness)) as [number, number];
  if (rank !== rankBefore) return rank > rankBefore;
  if (after.payload === null || before.payload === null) return after.payload !== null;
  return WORSE.indexOf(after.outcome) > WORSE.indexOf(before.outcome);
}
