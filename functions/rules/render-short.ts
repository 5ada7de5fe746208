/** The short texts, subjects and SMS: what, of what, since when, and as much of why as fits. Pure. */

import type { Problem } from '../../contract/problem.ts';
import { type Message, nameOf, type View } from './render-parts.ts';
import { ascii, cut, gsm, MAX_SMS, MAX_SUBJECT, shortUtc, utc } from './words.ts';

/** What both short texts say of one problem. */
export interface Gist {
  readonly problem: Problem;
  readonly what: string;
  /** After the name. */
  readonly rest?: string;
  readonly since: string;
  readonly brief: string;
}

/** `Offsite: MISSED carcosa/data since 2026-11-21 04:00 UTC: never started`. */
export function subjectOf({ problem, what, rest = '', since, brief }: Gist): string {
  const beginning = (name: string) => ascii(`Offsite: ${what} ${name}${rest} since ${utc(since)}`);
  const subject = beginning(nameOf(problem, MAX_SUBJECT - beginning('').length));
  const room = MAX_SUBJECT - subject.length - 2;
  return brief === '' || room < 8 ? subject : `${subject}: ${cut(ascii(brief), room)}`;
}

/** `carcosa/data MISSED since 11-21 04:00 UTC: never started. Newest good: 11-20 04:00 UTC`. */
export function smsOf({ problem, what, rest = '', since, brief }: Gist, view: View): string {
  const length = smsRoom(view);
  const beginning = (name: string) => `${name} ${what}${rest} since ${shortUtc(since)}`;
  const must = gsm(beginning(nameOf(problem, length - beginning('').length)));
  const room = length - must.length;
  const why = brief === '' || room < 10 ? '' : cut(gsm(`: ${brief}`), room);
  const good = view.goodOf(problem);
  const [newest] = good.length === 1 ? good : [];
  const last = newest === undefined ? '' : `. Newest good: ${newest.run === null ? 'none' : shortUtc(newest.run.at)}`;
  return `${must}${why}${last.length <= room - why.length ? last : ''}`;
}

/** Characters that an SMS may have beside what the topic puts in front of it. */
const smsRoom = ({ displayName }: View): number => MAX_SMS - displayName.length - '> '.length;

/** The short texts about many: what, since when, and as many names as fit. */
export function shortTexts(
  { what, since, problems }: { what: string; since: string; problems: readonly Problem[] },
  view: View,
): Pick<Message, 'subject' | 'sms'> {
  const names = problems.map((problem) => nameOf(problem));
  const start = `Offsite: ${what} since ${utc(since)}: `;
  const sms = `${what} since ${shortUtc(since)}: `;
  return {
    subject: ascii(`${start}${namesIn(MAX_SUBJECT - start.length, names)}`),
    sms: gsm(`${sms}${namesIn(smsRoom(view) - sms.length, names)}`),
  };
}

/** The oldest instant at which one of them began. */
export function sinceOf(problems: readonly Problem[]): string {
  return problems.map(({ began }) => began.at).reduce((one, other) => (other < one ? other : one), '9999');
}

/** As many of the names as fit, and how many more there are. */
function namesIn(length: number, names: readonly string[]): string {
  const rest = (left: number) => (left === 0 ? '' : ` and ${left} more`);
  let text = '';
  for (const [i, name] of names.entries()) {
    const longer = text === '' ? name : `${text}, ${name}`;
    const left = names.length - i - 1;
    if (longer.length + rest(left).length > length) return text === '' ? cut(name, length) : `${text}${rest(left + 1)}`;
    text = longer;
  }
  return text;
}
