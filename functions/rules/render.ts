/**
 * Messages about one problem. Pure: a problem and what is known around it in, texts out. A subject says host, set, what
 * and since when; a mail adds why, the newest good backup, and the next command to type; an SMS says as much of it as fits.
 */

import type { Problem } from '../../contract/problem.ts';
import {
  briefOf,
  countWords,
  footer,
  goodLines,
  type Message,
  nameOf,
  problemLines,
  stepLines,
  subjectName,
  type View,
  WORDS,
} from './render-parts.ts';
import { smsOf, subjectOf } from './render-short.ts';
import { quoted, utc } from './words.ts';

export type { Message, View } from './render-parts.ts';

/** The message of a problem nobody has been told; where it has ended already, of its end too. */
export function renderProblem(problem: Problem, view: View): Message {
  const { kind, began, closed } = problem;
  const { word, critical } = WORDS[kind];
  const gist = { problem, what: word, since: began.at, brief: briefOf(problem) };
  const lines = [
    `${word}: ${nameOf(problem)}`,
    '',
    ...problemLines(problem, view),
    '',
    ...(closed === null
      ? [...stepLines(problem, view), '', promise([problem])]
      : ['Nothing to do: it is good again.', '']),
    footer([problem], view),
  ];
  return {
    subject: subjectOf(gist),
    email: `${lines.join('\n')}\n`,
    sms: smsOf(gist, view),
    critical: critical && closed === null,
  };
}

/** The notice that problems of one host and set, of one policy, or of the stack, have ended. */
export function renderRecovery(problems: readonly [Problem, ...Problem[]], view: View): Message {
  const [first] = problems.toSorted((one, other) => (one.began.at < other.began.at ? -1 : 1)) as [Problem];
  const about = problems.find(({ set }) => set !== null) ?? first;
  const runs = problems.flatMap(({ closed }) => closed?.run ?? []).sort();
  const run = runs.at(-1);
  const rest = `, was ${WORDS[first.kind].word}`;
  const gist = { problem: about, what: 'GOOD AGAIN', rest, since: first.began.at, brief: '' };
  const lines = [
    `GOOD AGAIN: ${nameOf(about)}`,
    '',
    `What:  ${subjectName(about)} ${WORDS[about.kind].again}${run === undefined ? '' : `, by run ${run}`}.`,
    ...problems.map(
      (problem) =>
        `Was:   ${WORDS[problem.kind].word} since ${utc(problem.began.at)}${countWords(problem)}${untilWords(problem, run)}`,
    ),
    ...goodLines(about, view),
    '',
    ...outlook(about, view),
    footer(problems, view),
  ];
  return { subject: subjectOf(gist), email: `${lines.join('\n')}\n`, sms: smsOf(gist, view), critical: false };
}

/** By which run it ended, where that is not the one that the message names anyway. */
function untilWords({ closed }: Problem, run: string | undefined): string {
  return closed?.run == null || closed.run === run ? '' : `, until run ${closed.run}`;
}

/** What follows these messages, so that nobody need wait for more. */
export function promise(problems: readonly Problem[]): string {
  const when = problems.every(({ kind }) => kind === 'late') ? 'when it has ended' : 'when it is good again';
  const isFleet = problems.every(({ kind }) => kind === 'fleet-missing' || kind === 'fleet-invalid');
  const meanwhile = isFleet ? 'Until then the last valid fleet file rules. ' : '';
  const often = problems.every(({ kind }) => kind === 'dead-letters')
    ? 'every day'
    : 'after 1, 3 and 7 days, then weekly';
  return `${meanwhile}While it lasts, a mail repeats it ${often}; more of the same is only counted. One notice follows ${when}.`;
}

/** What is left to do after an end. */
export function outlook({ kind }: Problem, { store }: View): string[] {
  if (kind !== 'not-dispatched') return ['Nothing to do.'];
  return [
    'Nothing to do, unless you want the backups that were not asked for before their next time:',
    `    offsite fleet status --store ${quoted(store)}`,
  ];
}
