/**
 * Messages to people. Pure: a problem and what is known around it in, texts out. A subject says host, set, what and
 * since when; a mail adds why, the newest good backup, and the next command to type; an SMS says as much of it as fits.
 */

import { type Problem, type ProblemKind, problemKey } from '../../contract/problem.ts';
import type { Latest, Reason } from '../../contract/verdict.ts';
import { nextStep } from './next-steps.ts';
import { age, ascii, cut, gsm, MAX_SMS, MAX_SUBJECT, nameIn, shortUtc, utc } from './words.ts';

export interface Message {
  /** Printable ASCII, below 100 characters. */
  readonly subject: string;
  readonly email: string;
  /** GSM 7-bit characters; with the topic's display name in front at most 140. */
  readonly sms: string;
  /** Whether it goes out as SMS too. */
  readonly critical: boolean;
}

export interface View {
  readonly now: Date;
  /** Of the topic; SNS puts it and `> ` in front of every SMS. */
  readonly displayName: string;
  /** URL, for commands to copy. */
  readonly store: string;
  /** The newest good run of each set that the problem is about. */
  readonly good: readonly { readonly set: string; readonly run: Latest['good'] }[];
}

const WORDS: Record<ProblemKind, { word: string; critical: boolean; what: string }> = {
  missed: { word: 'MISSED', critical: true, what: 'was not backed up' },
  late: { word: 'LATE', critical: false, what: 'is still running, past its deadline' },
  failed: { word: 'FAILED', critical: true, what: 'failed: there is no usable backup of it' },
  suspect: { word: 'SUSPECT', critical: true, what: 'was backed up, but something is wrong with it' },
  partial: { word: 'PARTIAL', critical: false, what: 'was backed up, but not all of it could be read' },
  fork: { word: 'FORKED', critical: true, what: 'has two backups that both claim to be the next one' },
  unjudged: { word: 'UNJUDGED', critical: true, what: 'cannot be judged: nobody knows whether it was backed up' },
  'unknown-node': { word: 'UNKNOWN NODE', critical: true, what: 'cannot be asked to make a backup' },
  'not-dispatched': { word: 'NOT DISPATCHED', critical: true, what: 'did not ask its hosts for backups' },
  'not-judged': { word: 'NOT JUDGED', critical: false, what: 'arrive, and are judged by audit alone, hours later' },
  'fleet-missing': { word: 'MISSING', critical: true, what: 'is missing from the store' },
  'fleet-invalid': { word: 'INVALID', critical: true, what: 'in the store cannot be used' },
  'dead-letters': { word: 'NOT EMPTY', critical: false, what: 'holds events that could not be delivered' },
  'no-subscriber': { word: 'NOT HEARD', critical: true, what: 'reach nobody but phones' },
};
const LISTED_REASONS = 10;

/** The message of a problem nobody has been told; where it has ended already, of its end too. */
export function renderProblem(problem: Problem, view: View): Message {
  const { word, critical, what } = WORDS[problem.kind];
  const { host, set, began, reasons, closed } = problem;
  const name = nameIn(MAX_SUBJECT, host, set);
  const brief = closed === null ? briefOf(problem) : 'good again by now';
  const lines = [
    `${word}: ${name}`,
    '',
    `What:  ${host === null ? 'the ' : ''}${name} ${what}.`,
    ...reasons.slice(0, LISTED_REASONS).flatMap(reasonLines),
    ...(reasons.length > LISTED_REASONS ? [`       (and ${reasons.length - LISTED_REASONS} more)`] : []),
    `Since: ${utc(began.at)}${slotWords(problem)}`,
    ...(closed === null ? [] : [`Until: ${utc(closed.at)}${closed.run === null ? '' : `, by run ${closed.run}`}`]),
    ...goodLines(problem, view),
    '',
    ...(closed === null ? stepLines(problem, view) : ['Nothing to do: it is good again.']),
    '',
    ...(closed === null ? [promise(problem)] : []),
    footer([problem], view),
  ];
  return {
    subject: subjectOf({ word, rest: '', host, set, since: began.at, brief }),
    email: `${lines.join('\n')}\n`,
    sms: smsOf({ word, rest: '', host, set, since: began.at, brief }, view),
    critical: critical && closed === null,
  };
}

/** The one notice that problems of one host and set have ended. */
export function renderRecovery(problems: readonly [Problem, ...Problem[]], view: View): Message {
  const [first] = problems.toSorted((one, other) => (one.began.at < other.began.at ? -1 : 1)) as [Problem];
  const { host, began } = first;
  const set = problems.find((problem) => problem.set !== null)?.set ?? null;
  const name = nameIn(MAX_SUBJECT, host, set);
  const run = problems.find(({ closed }) => closed?.run != null)?.closed?.run;
  const rest = `, was ${WORDS[first.kind].word}`;
  const lines = [
    `GOOD AGAIN: ${name}`,
    '',
    `What:  ${host === null ? 'the fleet file is valid again' : `${name} has been backed up again${run === undefined ? '' : `, by run ${run}`}`}.`,
    ...problems.map(
      (problem) => `Was:   ${WORDS[problem.kind].word} since ${utc(problem.began.at)}${countWords(problem)}`,
    ),
    ...goodLines(first, view),
    '',
    'Nothing to do.',
    footer(problems, view),
  ];
  return {
    subject: subjectOf({ word: 'GOOD AGAIN', rest, host, set, since: began.at, brief: '' }),
    email: `${lines.join('\n')}\n`,
    sms: smsOf({ word: 'GOOD AGAIN', rest, host, set, since: began.at, brief: '' }, view),
    critical: false,
  };
}

function reasonLines({ text, detail }: Reason): string[] {
  const last = detail === undefined || detail.trim() === '' ? [] : detail.trimEnd().split('\n');
  return [`       ${text}`, ...last.map((line) => `       | ${line}`)];
}

function slotWords({ began }: Problem): string {
  const { policy, run } = began;
  const words = [policy === null ? '' : `slot of policy ${policy}`, run === null ? '' : `run ${run}`].filter(Boolean);
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

function countWords({ furtherCount }: Problem): string {
  return furtherCount === 0 ? '' : `, and ${furtherCount} more time${furtherCount === 1 ? '' : 's'}`;
}

function goodLines({ host }: Problem, { good, now }: View): string[] {
  if (host === null) return [];
  return good.map(({ set, run }) => {
    const title = good.length === 1 ? 'Newest good backup:' : `Newest good backup of ${set}:`;
    if (run === null) return `${title} none is known`;
    return `${title} ${run.run}, of ${utc(run.at)}, ${age(now.getTime() - Date.parse(run.at))} old`;
  });
}

function stepLines(problem: Problem, view: View): string[] {
  const { say, type } = nextStep(problem, view.store);
  return [`Next:  ${say}`, ...type.map((command) => `    ${command}`)];
}

function promise({ kind, host }: Problem): string {
  if (host === null) return 'Until then the last valid fleet file rules. One notice follows when it is good again.';
  const when = kind === 'late' ? 'when it has ended' : 'when it is good again';
  return `More of the same is counted, and gets no message of its own. One notice follows ${when}.`;
}

function footer(problems: readonly Problem[], { store }: View): string {
  const codes = problems.map(({ kind, reasons: [first] }) =>
    first === undefined || first.code === kind ? kind : `${kind}/${first.code}`,
  );
  return `(${codes.join(', ')} in docs/runbook.md; ${problems.map(problemKey).join(', ')} in ${store})`;
}

/** For reasons that bring no words of their own for a subject or an SMS. */
const BRIEFS: Record<string, string> = {
  signature: 'invalid signature',
  shape: 'invalid manifest',
  format: 'newer format',
  pin: 'wrong signing key',
  name: 'wrong host name',
  recipients: 'a recipient is missing',
  base: 'its base was not accepted',
  sequence: 'out of sequence',
  early: 'before it was due',
  'host-suspect': 'the host doubts it',
};

function briefOf({ kind, reasons: [first] }: Problem): string {
  if (first === undefined) return '';
  const own = first.brief ?? BRIEFS[first.code];
  return own ?? (first.code === kind ? '' : first.code.replaceAll('-', ' '));
}

/** What both short texts say. */
interface Gist {
  readonly word: string;
  readonly rest: string;
  readonly host: string | null;
  readonly set: string | null;
  readonly since: string;
  readonly brief: string;
}

function subjectOf({ word, rest, host, set, since, brief }: Gist): string {
  const beginning = (name: string) => ascii(`Offsite: ${word} ${name}${rest} since ${utc(since)}`);
  const subject = beginning(nameIn(MAX_SUBJECT - beginning('').length, host, set));
  const room = MAX_SUBJECT - subject.length - 2;
  return brief === '' || room < 8 ? subject : `${subject}: ${cut(ascii(brief), room)}`;
}

function smsOf({ word, rest, host, set, since, brief }: Gist, { displayName, good }: View): string {
  const length = MAX_SMS - displayName.length - '> '.length;
  const beginning = (name: string) => `${name} ${word}${rest} since ${shortUtc(since)}`;
  const must = gsm(beginning(nameIn(length - beginning('').length, host, set)));
  const room = length - must.length;
  const why = brief === '' || room < 10 ? '' : cut(gsm(`: ${brief}`), room);
  const [newest] = good.length === 1 ? good : [];
  const last = newest === undefined ? '' : `. Newest good: ${newest.run === null ? 'none' : shortUtc(newest.run.at)}`;
  return `${must}${why}${last.length <= room - why.length ? last : ''}`;
}
