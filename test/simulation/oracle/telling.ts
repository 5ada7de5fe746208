/** Who is told what by the oracle: beginnings, ends, repeats, and what is not told for something covers it. */

import { DAY, HOUR, MINUTE } from '../fleet-plan.ts';
import { beganAt, coverOf, isCovered, type Kind, type Problem, type Problems } from './problems.ts';

export interface Message {
  readonly what: 'begins' | 'ends' | 'repeats';
  /** Of beginnings. */
  readonly kind: Kind | null;
  readonly about: readonly Problem[];
}

export interface Surroundings {
  /** Milliseconds, of what was due then. */
  deadlineOf(policy: string, due: number): number;
  isWatched(problem: Problem): boolean;
}

const PATIENCE = 5 * MINUTE;
const SAME_FAILURE: readonly Kind[] = ['missed', 'failed', 'late'];
const REPEATS_AFTER = [1, 3, 7];

export class Telling {
  readonly #problems: Problems;
  readonly #around: Surroundings;

  constructor(problems: Problems, around: Surroundings) {
    this.#problems = problems;
    this.#around = around;
  }

  /** What an audit tells, with all that follows for the problems. */
  audit(): Message[] {
    const all = [...this.#problems.all.values()];
    const { now, begun } = this.#problems;
    const toBegin: Problem[] = [];
    const hushed: Problem[] = [];
    const covered: [Problem, string][] = [];
    for (const problem of all) {
      if (problem.told !== null) continue;
      if (isCovered(problem)) {
        if (problem.closed !== null || this.#isStillCovered(problem)) continue;
      } else if (!begun.has(problem.key) && problem.recorded > now - PATIENCE) continue;
      const under = problem.closed === null ? this.#coverOf(problem) : null;
      if (under !== null) covered.push([problem, under]);
      else (this.#isEnough(problem) ? hushed : toBegin).push(problem);
    }
    const heard = new Set<Problem>([...toBegin, ...hushed, ...covered.map(([problem]) => problem)]);
    const ends: Problem[] = [];
    const hushedEnds: Problem[] = [];
    for (const problem of all) {
      const { told, closed, host } = problem;
      if (told === null || closed === null || closed.told !== null) continue;
      const isOpen = (one: Problem) =>
        one.closed === null && (one.told !== null || one.under !== null || heard.has(one));
      const waits = host !== null && this.#problems.ofHost(host).some(isOpen) && now < closed.at + DAY;
      if (!waits) (this.#isEnough(problem) ? hushedEnds : ends).push(problem);
    }
    const repeats = this.#repeats(all);

    const messages: Message[] = [];
    for (const kind of new Set(toBegin.map((problem) => problem.kind)))
      messages.push({ what: 'begins', kind, about: toBegin.filter((problem) => problem.kind === kind) });
    if (ends.length > 0) messages.push({ what: 'ends', kind: null, about: ends });
    if (repeats !== null) messages.push({ what: 'repeats', kind: null, about: repeats });
    for (const problem of toBegin) this.#tell(problem, true);
    for (const problem of ends) this.#tell(problem, true);
    for (const problem of [...hushed, ...hushedEnds]) this.#tell(problem, false);
    for (const [problem, under] of covered) this.#cover(problem, under);
    return messages;
  }

  /** What complete tells at once. */
  atOnce(): Message[] {
    const { now, begun, all } = this.#problems;
    const own = [...begun].flatMap((key) => all.get(key) ?? []);
    const toBegin = own.filter((problem) => problem.told === null && problem.under === null && problem.closed === null);
    const messages: Message[] = [];
    for (const kind of new Set(toBegin.map((problem) => problem.kind))) {
      let others = 0;
      for (const problem of all.values())
        if (problem.kind === kind && !begun.has(problem.key) && problem.written >= now - 15 * MINUTE) others++;
      if (others >= 5) continue;
      const about: Problem[] = [];
      for (const problem of toBegin.filter((one) => one.kind === kind)) {
        const under = this.#coverOfSet(problem);
        if (under !== null) this.#cover(problem, under);
        else if (this.#isEnough(problem)) this.#tell(problem, false);
        else about.push(problem);
      }
      if (about.length > 0) messages.push({ what: 'begins', kind, about });
    }
    for (const { about } of messages) for (const problem of about) this.#tell(problem, true);
    return messages;
  }

  #tell(problem: Problem, isSpoken: boolean): void {
    const { now } = this.#problems;
    problem.told ??= now;
    problem.under = null;
    if (problem.closed !== null) problem.closed.told ??= now;
    if (isSpoken) problem.spoken = [...problem.spoken, now].slice(-8);
    this.#problems.touch(problem);
  }

  #cover(problem: Problem, under: string): void {
    if (problem.under === under) return;
    problem.under = under;
    this.#problems.touch(problem);
  }

  #isEnough({ host, spoken }: Problem): boolean {
    return host !== null && spoken.filter((at) => at > this.#problems.now - 7 * DAY).length >= 4;
  }

  /** Whether what covers it still does, or did until a moment ago. */
  #isStillCovered(problem: Problem): boolean {
    const over = this.#problems.all.get(problem.under ?? '');
    if (over === undefined) return false;
    if (over.closed === null) return true;
    const { at, upTo, told } = over.closed;
    const { now } = this.#problems;
    switch (coverOf(problem)) {
      case 'policy':
        return now < upTo + this.#around.deadlineOf(over.policy ?? '', upTo);
      case 'policies':
        return now < at + DAY;
      case 'silence':
        return told === null && now < at + DAY;
      default:
        return false;
    }
  }

  /** Where there are several, any of them may cover it. */
  #coverOf(problem: Problem): string | null {
    const { kind, host, code } = problem;
    const { now, all } = this.#problems;
    const others = kind === 'not-dispatched' ? [...all.values()] : host === null ? [] : this.#problems.ofHost(host);
    const covers = others.filter((one) => {
      if (one === problem || !isToldAndOpen(one) || !isHeard(one)) return false;
      if (kind === 'not-dispatched') return one.kind === kind && now < (one.told ?? 0) + DAY;
      if (one.set === problem.set) return coversInSet(one.kind, kind);
      const isSilence = kind === 'missed' && code === 'never-started';
      const wasSilence = one.kind === 'missed' && one.code === 'never-started';
      return isSilence && wasSilence && beganAt(problem) < (one.told ?? 0) + DAY;
    });
    problem.mayBeUnder = covers.map(({ key }) => key);
    return problem.mayBeUnder[0] ?? null;
  }

  #coverOfSet(problem: Problem): string | null {
    const { kind, host, set } = problem;
    if (host === null) return null;
    const covers = this.#problems
      .ofHost(host)
      .filter(
        (one) =>
          one !== problem && one.set === set && isToldAndOpen(one) && isHeard(one) && coversInSet(one.kind, kind),
      );
    problem.mayBeUnder = covers.map(({ key }) => key);
    return problem.mayBeUnder[0] ?? null;
  }

  /** Those that one mail counts as repeated; null where none is due for it. */
  #repeats(all: readonly Problem[]): Problem[] | null {
    const { now } = this.#problems;
    const watched = all.filter((problem) => isToldAndOpen(problem) && this.#around.isWatched(problem));
    if (!watched.some((problem) => nextRepeat(problem) <= now)) return null;
    const counted: Problem[] = [];
    for (const problem of watched) {
      if (nextRepeat(problem) > now + 12 * HOUR || this.#isEnough(problem)) continue;
      while (nextRepeat(problem) <= now + 12 * HOUR) problem.repeats++;
      counted.push(problem);
    }
    for (const problem of counted) {
      problem.spoken = [...problem.spoken, now].slice(-8);
      this.#problems.touch(problem);
    }
    return counted;
  }
}

/** What failed covers what else fails; that something is late covers nothing but its like. */
const coversInSet = (over: Kind, kind: Kind): boolean =>
  SAME_FAILURE.includes(over) && SAME_FAILURE.includes(kind) && (over !== 'late' || kind === 'late');

const isToldAndOpen = ({ told, closed }: Problem): boolean => told !== null && closed === null;

const isHeard = ({ told, spoken }: Problem): boolean => spoken.some((at) => told !== null && at >= told);

/** 1, 3 and 7 days after it was told, then every 7 days; but not before it may be spoken of again. */
function nextRepeat({ host, told, repeats, spoken }: Problem): number {
  const days = REPEATS_AFTER[repeats] ?? 7 * (repeats - 1);
  const fourth = host === null ? undefined : spoken.at(-4);
  return Math.max((told ?? 0) + days * DAY, fourth === undefined ? 0 : fourth + 7 * DAY);
}
