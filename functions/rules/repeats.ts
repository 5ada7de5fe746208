/** How often one problem is spoken of: its repeats, and how many messages a week are enough. Pure; docs/alerts.md, 4 and 5. */

import type { Problem } from '../../contract/problem.ts';

/** One mail that lists problems, and counts as a repetition of some. */
export interface Repeat {
  readonly listed: readonly Problem[];
  /** With how many of its times have passed then. */
  readonly counted: readonly { readonly problem: Problem; readonly repeats: number }[];
}

const DAY = 24 * 3_600_000;
const WEEK = 7 * DAY;
const MAX_A_WEEK = 4;
/** What is due for a repeat so soon counts as repeated. */
const REPEATED_TOGETHER = DAY / 2;

/** When a problem is due for its next repeat; null where it is not repeated, for nobody was told or it has ended. */
export function nextRepeat(problem: Problem): Date | null {
  const { told, closed, repeats, kind, host, spoken } = problem;
  if (told === null || closed !== null) return null;
  const days = kind === 'dead-letters' ? repeats + 1 : daysOf(repeats);
  const enough = host === null ? undefined : spoken.at(-MAX_A_WEEK);
  const waitsUntil = enough === undefined ? 0 : Date.parse(enough) + WEEK;
  return new Date(Math.max(Date.parse(told) + days * DAY, waitsUntil));
}

/** 1, 3 and 7 days after it was told, then every 7 days. */
const daysOf = (repeats: number): number => [1, 3][repeats] ?? 7 * (repeats - 1);

/** True where at most four messages a week would be exceeded by one more about it. Of the stack's own there is never enough. */
export function isEnough({ host, spoken }: Problem, now: Date): boolean {
  return host !== null && spoken.filter((at) => Date.parse(at) > +now - WEEK).length >= MAX_A_WEEK;
}

/** True where a message told of it; not where it is marked as told, for enough was said. */
export function isHeard({ told, spoken }: Problem): boolean {
  return told !== null && spoken.some((at) => at >= told);
}

/** The mail that repeats, of all problems there are; null where none is due for it. */
export function repeatOf(problems: readonly Problem[], now: Date): Repeat | null {
  const isDueBy = (problem: Problem, instant: number) => {
    const next = nextRepeat(problem);
    return next !== null && +next <= instant;
  };
  if (!problems.some((problem) => isDueBy(problem, +now))) return null;
  const counted: { problem: Problem; repeats: number }[] = [];
  for (const problem of problems) {
    let { repeats } = problem;
    while (isDueBy({ ...problem, repeats }, +now + REPEATED_TOGETHER)) repeats++;
    if (repeats > problem.repeats && !isEnough(problem, now)) counted.push({ problem, repeats });
  }
  return { listed: inOrder(problems.filter(({ told, closed }) => told !== null && closed === null)), counted };
}

/** By since when, then by what they are of. */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const orderOf = ({ began, host, set, policy }: Problem) => `${began.at} ${host ?? policy ?? ''} ${set ?? ''}`;
  const keyed = problems.map((problem) => ({ problem, order: orderOf(problem) }));
  return keyed.sort((one, other) => (one.order < other.order ? -1 : 1)).map(({ problem }) => problem);
}
