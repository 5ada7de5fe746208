/** One round of one corpus: every contender goes through the same cases, in turn, each in new folders. */

import { systemClock } from '../system/clock.ts';
import { changePart, filesBelow, touchAll } from './changes.ts';
import type { Session } from './contender.ts';
import { type Command, run } from './measure.ts';
import { type Result as ResultOf, type SeatPlan, takeSeats } from './seat.ts';

export const CASES = ['full', 'unchanged', 'touched', 'changed 1 %', 'restore all', 'restore one'] as const;
export type Case = (typeof CASES)[number];
export type Result = ResultOf<Case>;

export interface RoundPlan extends SeatPlan<Case> {
  readonly cases: ReadonlySet<Case>;
}

/**
 * Nobody comes within the two seconds in which what has just changed may change once more unseen. Whoever came first did:
 * ours then reads all of it again in the run after that one, which would be the cost of touching every file that moment.
 */
const settle = () => run({ words: ['sleep', '3'] });

/** Runs all cases; who comes first changes from round to round. */
export function runRound(plan: RoundPlan): void {
  const { number, source, cases } = plan;
  const seats = takeSeats(plan);
  const files = filesBelow(source);
  const backup = (what: Case, command: (session: Session) => Command) => {
    for (const seat of seats) seat.run(what, command(seat.session));
  };
  backup('full', (session) => session.full());
  if (cases.has('unchanged')) backup('unchanged', (session) => session.incremental());
  if (cases.has('touched')) {
    touchAll(files, new Date(systemClock.now().getTime() - 3_600_000));
    settle();
    backup('touched', (session) => session.incremental());
  }
  if (cases.has('changed 1 %')) {
    changePart(files, 100, `round ${number}`);
    settle();
    backup('changed 1 %', (session) => session.incremental());
  }
  for (const seat of seats) {
    if (cases.has('restore all')) seat.restoreAll('restore all', files);
    if (cases.has('restore one')) seat.restoreOne('restore one', files);
  }
}
