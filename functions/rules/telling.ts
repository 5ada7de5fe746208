/**
 * Who is told what, and when: of all problems there are those that are told now, together, and those that are not, for
 * another one covers them, the host is not well yet, or enough was said of them. Pure: problems as they are in, messages
 * to send and marks to make out. docs/alerts.md, sections 3 to 5, has the rules.
 */

import { instantText } from '../../contract/ids.ts';
import { PROBLEM_KINDS, type Problem, type ProblemKind, problemKey } from '../../contract/problem.ts';
import { coverOf, isCovered, untold } from './alerts.ts';
import type { AlertCode } from './codes.ts';
import { inOrder, isEnough, isHeard, nextRepeat, type Repeat, repeatOf } from './repeats.ts';

export interface Circumstances {
  readonly now: Date;
  /** True where it is told by whoever asks; false where whoever recorded it may be about to. */
  isRipe(problem: Problem): boolean;
  /** Milliseconds from that due minute of a policy to its deadline, whatever the policy is now; a day where nobody knows. */
  deadlineOf(policy: string, due: Date): number;
  /** Whether the fleet file names what it is of; what it names no more is not repeated, for nothing will ever end it. */
  isWatched(problem: Problem): boolean;
  /** True where all problems there are were given: only then anything is repeated. */
  readonly isWhole: boolean;
}

export interface Plan {
  /** One message each: problems of one kind that begin, or have begun and ended. */
  readonly beginnings: readonly (readonly Problem[])[];
  /** One message for all of them. */
  readonly ends: readonly Problem[];
  /** One message that lists all open problems; it counts as a repetition of some. */
  readonly repeat: Repeat | null;
  /** What is told with another from now on. */
  readonly covered: readonly { readonly problem: Problem; readonly under: string }[];
  /** What is marked as told without a message: enough was said of it this week. */
  readonly silent: readonly Problem[];
  /** The oldest instant at which something was recorded that is not told yet, nor will be by this plan. */
  readonly waitingSince: Date | null;
  /** When something becomes due by itself that nothing written will point to. */
  readonly lookAgain: Date | null;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** GOOD AGAIN waits so long at most for the rest of the host; so does what the end of another set's failure uncovers. */
const ENDS_WAIT = DAY;
/** A cause covers what begins so soon after it was told. */
const CAUSE_LASTS = DAY;
/** What a slot's audit records at its end is there by the next audit or the one after that, or never. */
const COVER_COMES = HOUR;

/** What to say now of these problems. Those that cover one of them, and all of the hosts that some has ended of, belong with them. */
export function planOf(problems: readonly Problem[], circumstances: Circumstances): Plan {
  const known = new Known(problems, circumstances);
  const silent: Problem[] = [];
  const covered: { problem: Problem; under: string }[] = [];

  const begin: Problem[] = [];
  let untoldYet = problems.filter(({ told }) => told === null);
  // Of a host, what is marked without a message or told together with its end covers nothing any more: what it uncovers
  // may be so too.
  const coversNoMore = () =>
    [...silent, ...begin.filter(({ closed }) => closed !== null)].filter((one) => one.host !== null);
  for (let count = -1; count < coversNoMore().length; ) {
    const keys = coversNoMore().map(problemKey);
    count = keys.length;
    const overs = new Set(keys);
    untoldYet = untoldYet.filter((problem) => {
      const isUncovered = problem.closed === null && overs.has(problem.under ?? '');
      if (known.isUnderCover(problem) && !isUncovered) return true;
      // What was covered and is no more has waited long enough.
      if (problem.under === null && !circumstances.isRipe(problem)) return true;
      const under = problem.closed === null ? known.coverFor(problem) : null;
      if (under !== null) covered.push({ problem, under });
      else if (isEnough(problem, circumstances.now)) silent.push(problem);
      else begin.push(problem);
      return false;
    });
  }
  const isWaitedFor = (problem: Problem) => !known.isUnderCover(problem) || known.isCoverAwaited(problem);
  const waiting = untoldYet.filter(isWaitedFor).map(({ recorded }) => recorded);

  const ends: Problem[] = [];
  const isOpenToPeople = known.openToPeople(new Set([...begin, ...silent, ...covered.map(({ problem }) => problem)]));
  for (const problem of problems) {
    if (untold(problem) !== 'end' || problem.closed === null) continue;
    const isWaiting = isOpenToPeople(problem.host) && +circumstances.now < Date.parse(problem.closed.at) + ENDS_WAIT;
    if (isWaiting) waiting.push(problem.closed.at);
    else (isEnough(problem, circumstances.now) ? silent : ends).push(problem);
  }

  const watched = problems.filter((problem) => circumstances.isWatched(problem));
  const repeat = circumstances.isWhole ? repeatOf(watched, circumstances.now) : null;
  const beginnings = PROBLEM_KINDS.map((kind) => inOrder(begin.filter((one) => one.kind === kind)));
  return {
    beginnings: beginnings.filter((group) => group.length > 0),
    ends: inOrder(ends),
    ...{ repeat, covered, silent },
    waitingSince: waiting.length === 0 ? null : new Date(earliest(waiting.map((at) => Date.parse(at)))),
    lookAgain: known.lookAgain(new Set([...begin, ...silent]), repeat),
  };
}

/** Problems as they are given, found by what they are of. */
class Known {
  readonly #circumstances: Circumstances;
  readonly #problems: readonly Problem[];
  readonly #byKey = new Map<string, Problem>();
  readonly #byHost = new Map<string, Problem[]>();

  constructor(problems: readonly Problem[], circumstances: Circumstances) {
    this.#circumstances = circumstances;
    this.#problems = problems;
    for (const problem of problems) {
      this.#byKey.set(problemKey(problem), problem);
      if (problem.host === null) continue;
      const ofHost = this.#byHost.get(problem.host);
      if (ofHost === undefined) this.#byHost.set(problem.host, [problem]);
      else ofHost.push(problem);
    }
  }

  /** True where it is told with another one, or was up to its end. */
  isUnderCover(problem: Problem): boolean {
    if (!isCovered(problem)) return false;
    const until = problem.closed === null ? this.#coveredUntil(problem) : Number.POSITIVE_INFINITY;
    return +this.#circumstances.now < until;
  }

  /** True where the problem that it is under is not there: it is recorded after those that it covers. */
  isCoverAwaited(problem: Problem): boolean {
    return problem.closed === null && !this.#byKey.has(problem.under ?? '');
  }

  /** Up to when the problem that it is under covers it. */
  #coveredUntil(problem: Problem): number {
    const over = this.#byKey.get(problem.under ?? '');
    if (over === undefined) {
      return coverOf(problem) === 'policy' ? Date.parse(problem.recorded) + COVER_COMES : Number.NEGATIVE_INFINITY;
    }
    // Marked as told without a message it covers nothing any more; it may still be told while it is not marked.
    if (over.closed === null)
      return over.told === null || isHeard(over) ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    const { at, upTo, told } = over.closed;
    switch (coverOf(problem)) {
      // What was not asked is asked now, and has the time that the policy gives it.
      case 'policy':
        return Date.parse(upTo) + this.#circumstances.deadlineOf(over.policy ?? '', new Date(upTo));
      case 'policies':
        return Date.parse(at) + CAUSE_LASTS;
      // The sets of a host that is back are not asked all at once.
      case 'node':
      case 'host':
        return told === null ? Date.parse(at) + ENDS_WAIT : Number.NEGATIVE_INFINITY;
      default:
        return Number.NEGATIVE_INFINITY;
    }
  }

  /** Key of the problem that covers one which begins now; null where it is told by itself. */
  coverFor(problem: Problem): string | null {
    if (problem.reasons.some(({ code }) => FOREIGN.has(code))) return null;
    const others = problem.host === null ? this.#problems : (this.#byHost.get(problem.host) ?? []);
    const over = others.find((one) => one !== problem && this.#covers(one, problem));
    return over === undefined ? this.#coverOfItsSet(problem, others) : problemKey(over);
  }

  /** Key of what covers another failure of the same set: to people they are one. */
  #coverOfItsSet(problem: Problem, others: readonly Problem[]): string | null {
    for (const one of others) {
      const over = this.#byKey.get(one.under ?? '');
      const isOfSet = one !== problem && one.closed === null && isCovered(one) && isSameFailure(one, problem);
      if (isOfSet && over !== undefined && over.host !== null && over.closed === null && isHeard(over))
        return problemKey(over);
    }
    return null;
  }

  #covers(over: Problem, problem: Problem): boolean {
    const { kind, host, set, began } = problem;
    if (over.told === null || over.closed !== null || !isHeard(over)) return false;
    const toldAt = Date.parse(over.told);
    if (kind === 'not-dispatched') {
      return over.kind === kind && +this.#circumstances.now < toldAt + CAUSE_LASTS;
    }
    if (host === null || over.host !== host) return false;
    if (over.set === set) return isSameFailure(over, problem);
    return NO_BACKUP.has(kind) && NO_BACKUP.has(over.kind) && Date.parse(began.at) < toldAt + CAUSE_LASTS;
  }

  /** Tells of a host whether people have heard, or hear now, of a problem of it that is open. */
  openToPeople(beginning: ReadonlySet<Problem>): (host: string | null) => boolean {
    const isOpen = (one: Problem) =>
      one.closed === null && (one.told !== null || one.under !== null || beginning.has(one));
    return (host) => host !== null && (this.#byHost.get(host) ?? []).some(isOpen);
  }

  /** The next repeat of anything after this plan, and the end of what the ended problems of policies cover. */
  lookAgain(toldNow: ReadonlySet<Problem>, repeat: Plan['repeat']): Date | null {
    const { now, deadlineOf, isWatched } = this.#circumstances;
    const counted = new Map(repeat?.counted.map(({ problem, repeats }) => [problem, repeats]));
    const instants: number[] = [];
    for (const problem of this.#problems) {
      const told = toldNow.has(problem) ? instantText(now) : problem.told;
      const next = nextRepeat({ ...problem, told, repeats: counted.get(problem) ?? problem.repeats });
      if (next !== null && isWatched(problem)) instants.push(+next);
      // What it covers may be none of those given.
      if (problem.kind !== 'not-dispatched' || problem.closed === null) continue;
      const { at, upTo } = problem.closed;
      const open = deadlineOf(problem.policy ?? '', new Date(upTo));
      const ends = [Date.parse(upTo) + open, Date.parse(at) + CAUSE_LASTS];
      instants.push(...ends.filter((end) => end > +now));
    }
    return instants.length === 0 ? null : new Date(earliest(instants));
  }
}

/** Keys of the problems of its host, which has these sets, that may cover this one. */
export function coversOf({ kind, host, set }: Problem, sets: readonly string[]): string[] {
  if (host === null || set === null || !SAME_FAILURE.has(kind)) return [];
  return [...new Set([set, ...sets])].flatMap((one) =>
    [...(one === set ? SAME_FAILURE : NO_BACKUP)].map((kindOf) => problemKey({ kind: kindOf, host, set: one })),
  );
}

/** Somebody else may sign as this host: nothing else that fails says that too. */
const FOREIGN: ReadonlySet<string> = new Set<AlertCode>(['pin', 'signature']);

/** One of them covers another of the same host and set; a late one covers nothing but its like. */
const SAME_FAILURE: ReadonlySet<ProblemKind> = new Set<ProblemKind>(['missed', 'failed', 'late']);
/** One of them covers those of other sets of the host for a day: it is the host that is in trouble. */
const NO_BACKUP: ReadonlySet<ProblemKind> = new Set<ProblemKind>(['missed', 'failed']);

function isSameFailure(over: Problem, { kind, set }: Problem): boolean {
  const isOfOneSet = over.set === set && SAME_FAILURE.has(kind) && SAME_FAILURE.has(over.kind);
  return isOfOneSet && (over.kind !== 'late' || kind === 'late');
}

/** Of thousands, which a call could not take as arguments. */
const earliest = (instants: readonly number[]): number =>
  instants.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
