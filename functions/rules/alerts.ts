/**
 * When a problem begins, grows and ends. Pure. A problem is of one kind, host and set. It begins with one message; what
 * else goes wrong of that kind while it is open is added to it without one; it ends, with one notice, at the first
 * accepted run of the same host and set that is not older than anything in it. So nobody is told the same thing ten
 * times, nothing is closed by an older success, and a new problem is never hidden behind one that had ended.
 */

import { FORMAT } from '../../contract/document.ts';
import { type Incident, type Problem, type ProblemKind, problemKind } from '../../contract/problem.ts';
import type { Reason, Verdict } from '../../contract/verdict.ts';

/** Something that went wrong, with why. */
export interface Trouble {
  readonly kind: ProblemKind;
  readonly host: string | null;
  readonly set: string | null;
  readonly incident: Incident;
  readonly reasons: readonly Reason[];
}

/** An accepted run, as far as problems care. `good` where it is complete or operator-accepted. */
export interface Recovery {
  readonly run: string | null;
  /** What it stands for in time, as in verdicts. */
  readonly at: string;
  readonly good: boolean;
}

const MAX_FURTHER = 100;

/** Problems that an accepted run of the same host and set ends. */
export const KINDS_OF_SET = ['missed', 'late', 'failed', 'suspect', 'partial', 'fork'] as const satisfies ProblemKind[];
/** Problems that any accepted run of the host ends. */
export const KINDS_OF_HOST = ['unknown-node'] as const satisfies ProblemKind[];

/** What a verdict has to tell, or null where the run is complete or was accepted by the operator. */
export function troubleOf(verdict: Verdict): Trouble | null {
  const { host, set, policy, due, run, at, outcome, reasons, witness } = verdict;
  if (outcome === 'complete' || (verdict.accepted && witness === 'acceptance')) return null;
  const incident = { policy, due, run, at };
  if (reasons.some(({ code }) => code === 'fork')) return { kind: 'fork', host, set, incident, reasons };
  if (reasons.some(({ code }) => code === 'unknown-node')) {
    return { kind: 'unknown-node', host, set: null, incident: { ...incident, run: null }, reasons };
  }
  return { kind: outcome, host, set, incident, reasons };
}

/** The recovery that a verdict is, or null. */
export function recoveryOf({ accepted, outcome, witness, run, at }: Verdict): Recovery | null {
  return accepted ? { run, at, good: outcome === 'complete' || witness === 'acceptance' } : null;
}

/**
 * The problem with this trouble in it, or null where that changes nothing. `recovery` is the newest accepted run of the
 * host and set: trouble found out about after it has already passed is told, together with its end, unless it lies within
 * a problem whose end was told.
 */
export function withTrouble(
  current: Problem | null,
  trouble: Trouble,
  recovery: Recovery | null,
  now: string,
): Problem | null {
  if (current === null) return begun(trouble, recovery, now);
  if (incidentsOf(current).some((known) => isSame(known, trouble.incident))) return null;
  if (trouble.host === null && current.closed === null) return null; // Of the stack: it lasts, and is not made of slots.
  const { closed, began } = current;
  const isAfterEnd = closed !== null && trouble.incident.at > closed.upTo;
  const isStale = closed === null && recovery !== null && ends(recovery, current.kind, current);
  const isOver = closed !== null && closed.told !== null;
  if (isOver ? isAfterEnd || trouble.incident.at < began.at : isStale) return begun(trouble, recovery, now);
  const grown = withFurther(current, trouble.incident);
  if (!isAfterEnd) return grown;
  // Nobody has heard yet that it ended; if it goes on, nobody needs to.
  const open = { ...grown, closed: null };
  return recovery === null ? open : (ended(open, recovery, now) ?? open);
}

/** The problem ended by this recovery, or null where it does not end it. */
export function ended(current: Problem | null, recovery: Recovery, now: string): Problem | null {
  if (current === null || current.closed !== null || !ends(recovery, current.kind, current)) return null;
  return { ...current, closed: { at: now, run: recovery.run, upTo: recovery.at, told: null } };
}

/**
 * A `late` problem ends when its run has been judged, whatever the judgement: then that is what there is to tell. Null
 * where it is about other runs.
 */
export function endedByVerdict(current: Problem | null, verdict: Verdict, now: string): Problem | null {
  if (current === null || current.kind !== 'late' || current.closed !== null) return null;
  const { run, at: upTo, accepted } = verdict;
  if (newestOf(current).run !== run) return null;
  return { ...current, closed: { at: now, run: accepted ? run : null, upTo, told: accepted ? null : now } };
}

/** What of a problem nobody has been told yet. */
export function untold(problem: Problem): 'beginning' | 'beginning and end' | 'end' | null {
  const endUntold = problem.closed !== null && problem.closed.told === null;
  if (problem.told === null) return problem.closed === null ? 'beginning' : 'beginning and end';
  return endUntold ? 'end' : null;
}

/** The problem after its message went out, or null where it is another problem by now or was marked already. */
export function marked(current: Problem | null, published: Problem, now: string): Problem | null {
  if (current === null || !isSame(current.began, published.began) || untold(current) === null) return null;
  const told = current.told ?? now;
  if (current.closed === null || published.closed === null) return current.told === null ? { ...current, told } : null;
  return { ...current, told, closed: { ...current.closed, told: current.closed.told ?? now } };
}

/** The newest thing in it. */
export function newestOf(problem: Problem): Incident {
  return incidentsOf(problem).reduce((newest, one) => (one.at > newest.at ? one : newest));
}

function begun(trouble: Trouble, recovery: Recovery | null, now: string): Problem {
  const { kind, host, set, incident, reasons } = trouble;
  const problem: Problem = {
    type: problemKind.type,
    format: FORMAT,
    ...{ kind, host, set, began: incident, reasons: [...reasons], recorded: now, told: null },
    ...{ further: [], furtherCount: 0, closed: null },
  };
  return recovery === null ? problem : (ended(problem, recovery, now) ?? problem);
}

function withFurther(problem: Problem, incident: Incident): Problem {
  const further = [...problem.further, incident].slice(-MAX_FURTHER);
  return { ...problem, further, furtherCount: problem.furtherCount + 1 };
}

/** A partial run ends every problem but that of being partial. */
function ends(recovery: Recovery, kind: ProblemKind, problem: Problem): boolean {
  return (kind !== 'partial' || recovery.good) && recovery.at >= newestOf(problem).at;
}

const incidentsOf = (problem: Problem) => [problem.began, ...problem.further];

function isSame(one: Incident, other: Incident): boolean {
  return one.run === other.run && one.at === other.at && one.policy === other.policy;
}
