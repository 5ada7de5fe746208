/** The mail that repeats: one list of everything that people were told and that is still open. Pure. */

import type { Problem } from '../../contract/problem.ts';
import { nextStep } from './next-steps.ts';
import { briefOf, footer, generalSteps, type Message, nameOf, table, type View, WORDS } from './render-parts.ts';
import { shortTexts, sinceOf, subjectOf } from './render-short.ts';
import { age, cut, utc } from './words.ts';

/** Problems that get lines of their own, with what to type; more of them become a table. */
const MAX_ENTRIES = 20;
const MAX_NAME = 60;
const MAX_WHY = 80;

/** The mail about all open problems that were told; at least one, the oldest first. */
export function renderRepeat(problems: readonly Problem[], view: View): Message {
  const [first] = problems as readonly [Problem, ...Problem[]];
  const isShort = problems.length <= MAX_ENTRIES;
  const lines = [
    `STILL OPEN: ${problems.length} problem${problems.length === 1 ? '' : 's'} that you were told of`,
    '',
    ...(isShort
      ? problems.flatMap((problem) => [...entry(problem, view), ''])
      : [
          ...table(
            problems.map((problem) => row(problem, view)),
            view,
          ),
          '',
          ...generalSteps(problems, view),
        ]),
    'A mail like this comes 1, 3 and 7 days after a problem was told, then weekly. One notice follows when it is good again.',
    footer(problems, view),
  ];
  const since = sinceOf(problems);
  const many = shortTexts({ what: `${problems.length} STILL OPEN`, since, problems }, view);
  const what = `STILL ${WORDS[first.kind].word}`;
  const subject =
    problems.length === 1 ? subjectOf({ problem: first, what, since, brief: briefOf(first) }) : many.subject;
  // It is no SMS: those are not repeated.
  return { subject, email: `${lines.join('\n')}\n`, sms: many.sms, critical: false };
}

function entry(problem: Problem, view: View): string[] {
  const { say, type } = nextStep(problem, view.store);
  const brief = briefOf(problem);
  const lasted = age(view.now.getTime() - Date.parse(problem.began.at));
  return [
    `${WORDS[problem.kind].word} ${nameOf(problem, MAX_NAME)}${brief === '' ? '' : `: ${cut(brief, MAX_WHY)}`}`,
    `  since ${utc(problem.began.at)}, for ${lasted}${times(problem, ', ')}`,
    ...view.goodOf(problem).map(({ set, run }) => {
      const title = problem.set === null ? `newest good backup of ${set}` : 'newest good backup';
      return run === null ? `  ${title}: none is known` : `  ${title}: ${utc(run.at)}, ${ageOf(run, view)} old`;
    }),
    `  next: ${say}`,
    ...type.map((command) => `    ${command}`),
  ];
}

function row(problem: Problem, view: View): string[] {
  const good = view.goodOf(problem).map(({ run }) => (run === null ? 'none' : `${ageOf(run, view)} old`));
  return [
    WORDS[problem.kind].word,
    nameOf(problem, MAX_NAME),
    `since ${utc(problem.began.at)}`,
    times(problem, ''),
    good.length === 0 ? '' : `newest good: ${cut(good.join(', '), MAX_WHY)}`,
  ];
}

const times = ({ furtherCount }: Problem, before: string): string =>
  furtherCount === 0 ? '' : `${before}${furtherCount + 1} times`;

const ageOf = ({ at }: { at: string }, { now }: View): string => age(now.getTime() - Date.parse(at));
