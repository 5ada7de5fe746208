/** Messages about several problems: what begins, by its kind, and what has ended. Pure. */

import type { Problem } from '../../contract/problem.ts';
import { outlook, promise, renderProblem, renderRecovery } from './render.ts';
import {
  briefOf,
  codesOf,
  countWords,
  footer,
  goodLines,
  type Message,
  nameOf,
  problemLines,
  shortTexts,
  sinceOf,
  stepLines,
  type View,
  WORDS,
} from './render-parts.ts';
import { cut, utc } from './words.ts';

/** So many problems get a paragraph each, more of them a table. */
export const MAX_FULL = 5;
/** Rows of a table: a mail stays far below the 256 KB that SNS takes, which counts its text twice. */
const MAX_ROWS = 400;
const MAX_NAME = 60;
const MAX_WHY = 80;
const STEPS = 4;

/** The message of problems of one kind that nobody has been told; at least one, the oldest first. */
export function renderBeginnings(problems: readonly Problem[], view: View): Message {
  const [first] = problems;
  if (first !== undefined && problems.length === 1) return renderProblem(first, view);
  const open = problems.filter(({ closed }) => closed === null);
  const kind = (first as Problem).kind;
  const { word, critical, what } = WORDS[kind];
  const body =
    problems.length <= MAX_FULL
      ? problems.flatMap((problem) => [...paragraph(problem, view), ''])
      : [
          `What:  ${problems.length} times: each of these ${what}.`,
          '',
          ...table(
            problems.map((problem) => [nameOf(problem, MAX_NAME), `since ${utc(problem.began.at)}`, why(problem)]),
          ),
          '',
          ...steps(open, view),
        ];
  const lines = [
    `${problems.length} ${word}`,
    '',
    ...body,
    ...(open.length === 0 ? ['Nothing to do: all of it is good again.'] : [promise(open)]),
    problems.length <= MAX_FULL ? footer(problems, view) : tableFooter(problems, view),
  ];
  const short = { what: `${problems.length} ${word}`, since: sinceOf(problems), problems };
  return { ...shortTexts(short, view), email: `${lines.join('\n')}\n`, critical: critical && open.length > 0 };
}

/** The notice of everything that has ended; at least one problem, the oldest first. */
export function renderEnds(problems: readonly Problem[], view: View): Message {
  const [first, ...others] = problems as readonly [Problem, ...Problem[]];
  const sets = new Set(problems.flatMap(({ set }) => set ?? []));
  const isOfOne = others.every(({ host }) => host !== null && host === first.host) && sets.size <= 1;
  if (isOfOne) return renderRecovery([first, ...others], view);
  const body =
    problems.length <= MAX_FULL
      ? problems.flatMap((problem) => [`${nameOf(problem)} ${endWords(problem)}.`, ...wasLines(problem, view), ''])
      : [
          ...table(
            problems.map((problem) => [nameOf(problem, MAX_NAME), `${wasWords(problem)}${countWords(problem)}`]),
          ),
          '',
        ];
  const lines = [
    `GOOD AGAIN: ${problems.length} problems have ended`,
    '',
    ...body,
    ...outlook(problems.find(({ kind }) => kind === 'not-dispatched') ?? first),
    problems.length <= MAX_FULL ? footer(problems, view) : tableFooter(problems, view),
  ];
  const words = [...new Set(problems.map(({ kind }) => WORDS[kind].word))];
  const what = `${problems.length} GOOD AGAIN, ${words.length > 2 ? 'were bad' : `were ${words.join(' and ')}`}`;
  const short = { what, since: sinceOf(problems), problems };
  return { ...shortTexts(short, view), email: `${lines.join('\n')}\n`, critical: false };
}

function paragraph(problem: Problem, view: View): string[] {
  const step = problem.closed === null ? stepLines(problem, view) : ['Nothing to do: it is good again.'];
  return [...problemLines(problem, view), ...step];
}

const endWords = ({ kind, closed }: Problem) =>
  `${WORDS[kind].again}${closed?.run == null ? '' : `, by run ${closed.run}`}`;
const wasWords = ({ kind, began }: Problem) => `was ${WORDS[kind].word} since ${utc(began.at)}`;

function wasLines(problem: Problem, view: View): string[] {
  return [
    `       It ${wasWords(problem)}${countWords(problem)}.`,
    ...goodLines(problem, view).map((line) => `       ${line}`),
  ];
}

const why = (problem: Problem): string => cut(briefOf(problem), MAX_WHY);

/** What to do about problems of several codes, in general: host and set are left to fill in. */
function steps(problems: readonly Problem[], view: View): string[] {
  const byCode = new Map<string, Problem>();
  for (const problem of problems) {
    const code = problem.reasons[0]?.code ?? problem.kind;
    if (!byCode.has(code))
      byCode.set(code, { ...problem, host: null, set: null, began: { ...problem.began, run: null } });
  }
  return [...byCode]
    .slice(0, STEPS)
    .flatMap(([code, problem]) => [
      ...stepLines(problem, view, byCode.size === 1 ? 'Next:' : `Next, where ${code.replaceAll('-', ' ')}:`),
      '',
    ]);
}

/** Rows with their columns below each other; the last column is as wide as it is. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const shown = rows.slice(0, MAX_ROWS);
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map((row) => (row[column] ?? '').length)));
  const lines = shown.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
  const left = rows.length - shown.length;
  return left === 0 ? lines : [...lines, `  and ${left} more; all of them: offsite fleet status`];
}

function tableFooter(problems: readonly Problem[], { store }: View): string {
  return `(${codesOf(problems)}; alerts/ in ${store})`;
}
