/**
 * When a problem begins, grows and ends. Pure. What else goes wrong of one kind and place while it is open is added to it;
 * it ends at the first accepted run of the same host and set that is not older than anything in it. So nobody is told the
 * same thing ten times, nothing is closed by an older success, and a new problem is never hidden behind one that had
 * ended. Who is told of it when is rules/telling.ts's; docs/alerts.md has both.
 */

import { FORMAT } from '../../contract/document.ts';
import {
  type Incident,
  type Problem,
  type ProblemKind,
  type ProblemPlace,
  problemKey,
  problemKind,
  problemPlace,
} from '../../contract/problem.ts';
import type { Reason, Verdict } from '../../contract/verdict.ts';

/** Something that went wrong, with why. */
export interface Trouble extends ProblemPlace {
  readonly incident: Incident;
  readonly reasons: readonly Reason[];
  /** Key of the problem that covers it from the beginning. */
  readonly under?: string;
}

/** An accepted run, as far as problems care. `good` where it is complete or operator-accepted. */
export interface Recovery {
  readonly run: string | null;
  /** What it stands for in time, as in verdicts. */
  readonly at: string;
  readonly good: boolean;
}

const MAX_FURTHER = 100;
const MAX_SPOKEN = 8;

/** Problems that an accepted run of the same host and set ends. */
export const KINDS_OF_SET = ['missed', 'failed', 'suspect', 'partial', 'fork'] as const satisfies ProblemKind[];
/** Problems that any accepted run of the host ends. */
export const KINDS_OF_HOST = ['unknown-node'] as const satisfies ProblemKind[];
/** Problems that any verdict about their run ends. */
export const KINDS_OF_RUN = ['late', 'unjudged'] as const satisfies ProblemKind[];

/** What a verdict has to tell, or null where the run is complete or was accepted by the operator. */
export function troubleOf(verdict: Verdict): Trouble | null {
  const { host, set, policy, due, run, at, outcome, reasons, witness } = verdict;
  if (outcome === 'complete' || (verdict.accepted && witness === 'acceptance')) return null;
  const has = (wanted: string) => reasons.some(({ code }) => code === wanted);
  const incident = { policy, due, run, at };
  if (has('fork')) return { kind: 'fork', host, set, incident, reasons };
  if (has('unknown-node')) {
    return { kind: 'unknown-node', host, set: null, incident: { ...incident, run: null }, reasons };
  }
  const trouble = { kind: outcome, host, set, incident, reasons };
  return isNotAsked(verdict) ? { ...trouble, under: notDispatchedKey(policy) } : trouble;
}

/** True of a run that was missed because nobody asked for it: then its policy's problem says so, for all its hosts. */
export function isNotAsked({ outcome, reasons, policy }: Verdict): boolean {
  return policy !== null && outcome === 'missed' && reasons.some(({ code }) => code === 'not-asked');
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
  if (current === null) return begun(null, trouble, recovery, now);
  if (incidentsOf(current).some((known) => isSame(known, trouble.incident))) return null;
  const { closed, began } = current;
  const isMadeOfSlots = trouble.incident.due !== null || trouble.incident.run !== null;
  if (!isMadeOfSlots && closed === null) return null; // It lasts, and is no more of it the next time it is seen.
  const isAfterEnd = closed !== null && trouble.incident.at > closed.upTo;
  const isStale = closed === null && recovery !== null && ends(recovery, current);
  const isOver = closed !== null && closed.told !== null;
  if (isOver ? isAfterEnd || trouble.incident.at < began.at : isStale) return begun(current, trouble, recovery, now);
  const grown = withFurther(current, trouble);
  if (!isAfterEnd) return grown;
  // Nobody has heard yet that it ended; if it goes on, nobody needs to.
  const open = { ...grown, closed: null };
  return recovery === null ? open : (ended(open, recovery, now) ?? open);
}

/** The problem ended by this recovery, or null where it does not end it. */
export function ended(current: Problem | null, recovery: Recovery, now: string): Problem | null {
  if (current === null || current.closed !== null || !ends(recovery, current)) return null;
  return closedBy(current, { run: recovery.run, upTo: recovery.at }, now);
}

/**
 * A `late` problem ends when all its runs have been judged, and `unjudged` with the verdict about its newest run or a
 * later one; whatever the judgement: if it was bad, that is what there is to tell. Null where it changes nothing.
 */
export function endedByVerdict(current: Problem | null, verdict: Verdict, now: string): Problem | null {
  if (current === null || current.closed !== null) return null;
  const { run, at: upTo, accepted } = verdict;
  const incidents = incidentsOf(current);
  if (current.kind === 'late') {
    const [began, ...further] = incidents.filter((incident) => incident.run !== run);
    if (began !== undefined) return further.length + 1 === incidents.length ? null : { ...current, began, further };
  } else if (current.kind !== 'unjudged' || newestOf(current).at > upTo) return null;
  const after = closedBy(current, { run: accepted ? run : null, upTo }, now);
  return accepted ? after : { ...after, closed: { ...(after.closed as Closed), told: now } };
}

/** What of a problem nobody has been told yet; null too for what is told with another, as long as that covers it. */
export function untold(problem: Problem): 'beginning' | 'beginning and end' | 'end' | null {
  if (isCovered(problem)) return null;
  if (problem.told === null) return problem.closed === null ? 'beginning' : 'beginning and end';
  return problem.closed !== null && problem.closed.told === null ? 'end' : null;
}

/** True of a problem that is told with another one: that has no message of its own, or had none up to its end. */
export function isCovered({ told, under }: Problem): boolean {
  return told === null && under !== null;
}

/**
 * The problem after its message went out (or after it was decided that there shall be none: `silently`), or null where it
 * is another problem by now or was marked already.
 */
export function marked(
  current: Problem | null,
  published: Problem,
  now: string,
  { silently = false }: { silently?: boolean } = {},
): Problem | null {
  if (current === null || !isSameProblem(current, published)) return null;
  const tellsEnd = published.closed !== null && current.closed !== null && current.closed.told === null;
  if (current.told !== null && !tellsEnd) return null;
  const closed = tellsEnd && current.closed !== null ? { ...current.closed, told: now } : current.closed;
  const after = { ...current, told: current.told ?? now, under: null, closed };
  return silently ? after : spokenOf(after, now);
}

/** The problem covered by another one, or null where it is another problem by now, was told, or is covered by it already. */
export function covered(current: Problem | null, problem: Problem, under: string): Problem | null {
  if (current === null || !isSameProblem(current, problem) || current.told !== null || current.closed !== null)
    return null;
  return current.under === under ? null : { ...current, under };
}

/** The problem after a mail repeated it, or null where it has ended or is another one by now. */
export function repeated(current: Problem | null, published: Problem, repeats: number, now: string): Problem | null {
  if (current === null || !isSameProblem(current, published) || current.closed !== null) return null;
  return current.repeats >= repeats ? null : spokenOf({ ...current, repeats }, now);
}

/** The newest thing in it. */
export function newestOf(problem: Problem): Incident {
  return incidentsOf(problem).reduce((newest, one) => (one.at > newest.at ? one : newest));
}

/** How a problem is covered: by its policy's, by another of its own set, by another set's silence, by another policy's. */
export type Cover = 'policy' | 'set' | 'silence' | 'policies';

/** What the cover of this problem is to it; null where it has none. */
export function coverOf({ kind, set, under }: Problem): Cover | null {
  const place = under === null ? null : problemPlace(under);
  if (place === null) return null;
  if (place.kind === 'not-dispatched') return kind === 'not-dispatched' ? 'policies' : 'policy';
  return place.set === set ? 'set' : 'silence';
}

const notDispatchedKey = (policy: string | null) =>
  problemKey({ kind: 'not-dispatched', host: null, set: null, policy });

type Closed = NonNullable<Problem['closed']>;

function begun(before: Problem | null, trouble: Trouble, recovery: Recovery | null, now: string): Problem {
  const { kind, host, set, policy = null, incident, reasons, under = null } = trouble;
  const problem: Problem = {
    type: problemKind.type,
    format: FORMAT,
    ...{ kind, host, set, policy, began: incident, reasons: [...reasons], recorded: now, told: null, under },
    ...{ further: [], furtherCount: 0, repeats: 0, spoken: before?.spoken ?? [], closed: null },
  };
  return recovery === null ? problem : (ended(problem, recovery, now) ?? problem);
}

/** What is covered and now gets worse in a way that its cover says nothing about is covered no more. */
function withFurther(problem: Problem, { kind, incident, reasons, under }: Trouble): Problem {
  const furtherCount = problem.furtherCount + 1;
  // The runs of a late problem that had ended have been judged; it is about this one now.
  if (kind === 'late' && problem.closed !== null) return { ...problem, began: incident, further: [], furtherCount };
  const grown = { ...problem, further: [...problem.further, incident].slice(-MAX_FURTHER), furtherCount };
  if (!isCovered(problem)) return grown;
  const cover = coverOf(problem);
  if (under !== undefined) return cover === 'policy' ? { ...grown, under } : grown;
  const isOfSilence = reasons[0]?.code === 'never-started';
  if (cover === 'policy' || (cover === 'silence' && !isOfSilence))
    return { ...grown, under: null, reasons: [...reasons] };
  return grown;
}

/** Nobody is told the end of what nobody was told of by itself. */
function closedBy(problem: Problem, { run, upTo }: Pick<Closed, 'run' | 'upTo'>, now: string): Problem {
  return { ...problem, closed: { at: now, run, upTo, told: isCovered(problem) ? now : null } };
}

function spokenOf(problem: Problem, now: string): Problem {
  return { ...problem, spoken: [...problem.spoken, now].slice(-MAX_SPOKEN) };
}

/** A partial run ends every problem but that of being partial. */
function ends(recovery: Recovery, problem: Problem): boolean {
  return (problem.kind !== 'partial' || recovery.good) && recovery.at >= newestOf(problem).at;
}

const incidentsOf = (problem: Problem) => [problem.began, ...problem.further];

function isSame(one: Incident, other: Incident): boolean {
  return one.run === other.run && one.at === other.at && one.policy === other.policy;
}

/** What a late problem began with may have ended since, and the rest goes on. */
function isSameProblem(one: Problem, other: Problem): boolean {
  return one.recorded === other.recorded && (one.kind === 'late' || isSame(one.began, other.began));
}
