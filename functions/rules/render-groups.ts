/** Messages about several problems: what begins, by its kind, and what has ended. Pure. */

import type { Problem } from '../../contract/problem.ts';
import { outlook, promise, renderProblem, renderRecovery } from './render.ts';
import {
  briefOf,
  countWords,
  footer,
  generalSteps,
  goodLines,
  MAX_FULL,
  type Message,
  nameOf,
  problemLines,
  stepLines,
  subjectName,
  table,
  type View,
  WORDS,
} from './render-parts.ts';
import { shortTexts, sinceOf } from './render-short.ts';
import { cut, utc } from './words.ts';

const MAX_NAME = 60;
const MAX_WHY = 80;

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
          `What:  each of these ${problems.length} ${what}.`,
          '',
          ...table(
            problems.map((problem) => [nameOf(problem, MAX_NAME), `since ${utc(problem.began.at)}`, why(problem)]),
            view,
          ),
          '',
          ...generalSteps(open, view),
        ];
  const lines = [
    `${problems.length} ${word}`,
    '',
    ...body,
    ...(open.length === 0 ? ['Nothing to do: all of it is good again.'] : [promise(open)]),
    footer(problems, view),
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
      ? problems.flatMap((problem) => [`${subjectName(problem)} ${endWords(problem)}.`, ...wasLines(problem, view), ''])
      : [
          ...table(
            problems.map((problem) => [nameOf(problem, MAX_NAME), `${wasWords(problem)}${countWords(problem)}`]),
            view,
          ),
          '',
        ];
  const lines = [
    `GOOD AGAIN: ${problems.length} problems have ended`,
    '',
    ...body,
    ...outlook(problems.find(({ kind }) => kind === 'not-dispatched') ?? first, view),
    footer(problems, view),
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
