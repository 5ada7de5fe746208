/** The mail that repeats: one list of everything that people were told and that is still open. Pure. */

import type { Problem } from '../../contract/problem.ts';
import { nextStep } from './next-steps.ts';
import {
  briefOf,
  codesOf,
  type Message,
  nameOf,
  shortTexts,
  sinceOf,
  subjectOf,
  type View,
  WORDS,
} from './render-parts.ts';
import { age, cut, utc } from './words.ts';

/** Problems of which there is more than a number. */
export const MAX_LISTED = 200;
const MAX_NAME = 60;
const MAX_WHY = 80;

/** The mail about all open problems that were told; at least one, the oldest first. */
export function renderRepeat(problems: readonly Problem[], view: View): Message {
  const [first] = problems as readonly [Problem, ...Problem[]];
  const listed = problems.slice(0, MAX_LISTED);
  const left = problems.length - listed.length;
  const lines = [
    `STILL OPEN: ${problems.length} problem${problems.length === 1 ? '' : 's'} that you were told of`,
    '',
    ...listed.flatMap((problem) => [...entry(problem, view), '']),
    ...(left === 0 ? [] : [`and ${left} more; all of them: offsite fleet status`, '']),
    'A mail like this comes 1, 3 and 7 days after a problem was told, then weekly. One notice follows when it is good again.',
    `(${codesOf(listed)}; alerts/ in ${view.store})`,
  ];
  const since = sinceOf(problems);
  const subject =
    problems.length === 1
      ? subjectOf({ problem: first, what: `STILL ${WORDS[first.kind].word}`, since, brief: briefOf(first) })
      : shortTexts({ what: `${problems.length} STILL OPEN`, since, problems }, view).subject;
  // Never sent as SMS, which does not repeat.
  const { sms } = shortTexts({ what: `${problems.length} STILL OPEN`, since, problems }, view);
  return { subject, email: `${lines.join('\n')}\n`, sms, critical: false };
}

function entry(problem: Problem, view: View): string[] {
  const { kind, began, furtherCount } = problem;
  const brief = briefOf(problem);
  const times = furtherCount === 0 ? '' : `, ${furtherCount + 1} times`;
  const lasted = age(view.now.getTime() - Date.parse(began.at));
  return [
    `${WORDS[kind].word} ${nameOf(problem, MAX_NAME)}${brief === '' ? '' : `: ${cut(brief, MAX_WHY)}`}`,
    `  since ${utc(began.at)}, for ${lasted}${times}`,
    ...goodWords(problem, view),
    ...nextStep(problem, view.store).type.map((command) => `    ${command}`),
  ];
}

function goodWords(problem: Problem, view: View): string[] {
  const good = view.goodOf(problem);
  return good.map(({ set, run }) => {
    const title = good.length === 1 ? 'newest good backup' : `newest good backup of ${set}`;
    if (run === null) return `  ${title}: none is known`;
    return `  ${title}: ${utc(run.at)}, ${age(view.now.getTime() - Date.parse(run.at))} old`;
  });
}
