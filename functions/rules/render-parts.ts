/** What messages about problems are made of: their words, names and lines. Pure; the short texts are render-short.ts. */

import { ALL_ALERTS } from '../../contract/keys.ts';
import { type Problem, type ProblemKind, problemKey } from '../../contract/problem.ts';
import type { Latest, Reason } from '../../contract/verdict.ts';
import { nextStep } from './next-steps.ts';
import { age, cut, MAX_SUBJECT, nameIn, quoted, utc } from './words.ts';

export interface Message {
  /** Printable ASCII, below 100 characters. */
  readonly subject: string;
  readonly email: string;
  /** GSM 7-bit characters; with the topic's display name in front at most 140. */
  readonly sms: string;
  /** Whether it goes out as SMS too. */
  readonly critical: boolean;
}

export type GoodRuns = readonly { readonly set: string; readonly run: Latest['good'] }[];

export interface View {
  readonly now: Date;
  /** Of the topic; SNS puts it and `> ` in front of every SMS. */
  readonly displayName: string;
  /** URL, for commands to copy. */
  readonly store: string;
  /** The newest good run of each set that the problem is about; empty where that is not known. */
  goodOf(problem: Problem): GoodRuns;
}

interface Words {
  readonly word: string;
  /** Whether its beginning goes out as SMS too. */
  readonly critical: boolean;
  /** After the name. */
  readonly what: string;
  /** How it ended, after the name. */
  readonly again: string;
  /** What the whole stack's are called. */
  readonly name?: string;
}

const backedUp = 'has been backed up again';

export const WORDS: Record<ProblemKind, Words> = {
  missed: { word: 'MISSED', critical: true, what: 'was not backed up', again: backedUp },
  late: {
    word: 'LATE',
    critical: false,
    what: 'has begun and not ended, past its deadline',
    again: 'has been backed up',
  },
  failed: { word: 'FAILED', critical: true, what: 'failed: there is no usable backup of it', again: backedUp },
  suspect: { word: 'SUSPECT', critical: true, what: 'was backed up, but something is wrong with it', again: backedUp },
  partial: {
    ...{ word: 'PARTIAL', critical: false, what: 'was backed up, but not all of it could be read' },
    again: 'has been backed up without gaps',
  },
  fork: {
    ...{ word: 'FORKED', critical: true, what: 'has two backups that both claim to be the next one' },
    again: backedUp,
  },
  unjudged: {
    ...{ word: 'UNJUDGED', critical: true, what: 'cannot be judged: nobody knows whether it was backed up' },
    again: 'has been judged, and is backed up',
  },
  'unknown-node': { word: 'UNKNOWN NODE', critical: true, what: 'cannot be asked to make a backup', again: backedUp },
  'not-dispatched': {
    ...{ word: 'NOT DISPATCHED', critical: true, what: 'did not ask all of its hosts for their backups' },
    again: 'has asked its hosts for their backups again',
  },
  'not-judged': {
    ...{ word: 'NOT JUDGED', critical: false, name: 'manifests', again: 'are judged as they come again' },
    what: 'are judged by audit alone, hours after they came: the function complete does not see them',
  },
  'fleet-missing': {
    ...{ word: 'MISSING', critical: true, name: 'fleet file', what: 'is missing from the store' },
    again: 'is valid again',
  },
  'fleet-invalid': {
    ...{ word: 'INVALID', critical: true, name: 'fleet file', what: 'in the store cannot be used' },
    again: 'is valid again',
  },
  'dead-letters': {
    ...{ word: 'NOT EMPTY', critical: false, name: 'dead-letter queue', again: 'is empty again' },
    what: 'holds events that the stack could not deal with',
  },
  'no-subscriber': {
    ...{ word: 'UNHEARD', critical: true, name: 'alerts', what: 'reached nobody but phones' },
    again: 'are heard again',
  },
};

/** `carcosa/data`, `carcosa`, `policy nightly`, `fleet file`: what the problem is of, in so many characters. */
export function nameOf({ kind, host, set, policy }: Problem, length = MAX_SUBJECT): string {
  if (host !== null) return nameIn(length, host, set);
  return cut(policy === null ? (WORDS[kind].name ?? 'stack') : `policy ${policy}`, length);
}

/** The same at the head of a sentence. */
export function subjectName(problem: Problem): string {
  const { kind, host, policy } = problem;
  const isOneThing = host === null && policy === null && kind !== 'not-judged';
  return `${isOneThing ? 'the ' : ''}${nameOf(problem)}`;
}

/** What it is, why, since when, how it ended, and the newest good backup. */
export function problemLines(problem: Problem, view: View): string[] {
  const { kind, reasons, began, closed } = problem;
  const shown = reasons.slice(0, LISTED_REASONS);
  return [
    `What:  ${subjectName(problem)} ${WORDS[kind].what}.`,
    ...shown.flatMap(reasonLines),
    ...(reasons.length > shown.length ? [`       (and ${reasons.length - shown.length} more)`] : []),
    `Since: ${utc(began.at)}${slotWords(problem)}${countWords(problem)}`,
    ...(closed === null ? [] : [`Until: ${utc(closed.at)}${closed.run === null ? '' : `, by run ${closed.run}`}`]),
    ...goodLines(problem, view),
  ];
}

const LISTED_REASONS = 10;

function reasonLines({ text, detail }: Reason): string[] {
  const last = detail === undefined || detail.trim() === '' ? [] : detail.trimEnd().split('\n');
  return [`       ${text}`, ...last.map((line) => `       | ${line}`)];
}

function slotWords({ began, host }: Problem): string {
  const { policy, run } = began;
  const ofPolicy = policy === null || host === null ? '' : `slot of policy ${policy}`;
  const words = [ofPolicy, run === null ? '' : `run ${run}`].filter(Boolean);
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

/** How much more of it there was since it began. */
export function countWords({ furtherCount }: Problem): string {
  return furtherCount === 0 ? '' : `, and ${furtherCount} more time${furtherCount === 1 ? '' : 's'}`;
}

/** The newest good backup of each set that it is about. */
export function goodLines(problem: Problem, view: View): string[] {
  const good = view.goodOf(problem);
  return good.map(({ set, run }) => {
    const title = good.length === 1 ? 'Newest good backup:' : `Newest good backup of ${set}:`;
    if (run === null) return `${title} none is known`;
    return `${title} ${run.run}, of ${utc(run.at)}, ${age(view.now.getTime() - Date.parse(run.at))} old`;
  });
}

/** What to do, and what to type; the less of it a problem is about, the more is left to fill in. */
export function stepLines(problem: Problem, { store }: View, title = 'Next:'): string[] {
  const { say, type } = nextStep(problem, store);
  return [`${title.padEnd(6)} ${say}`, ...type.map((command) => `    ${command}`)];
}

/** What to do about problems of several codes, in general: host and set are left to fill in. */
export function generalSteps(problems: readonly Problem[], view: View): string[] {
  const byCode = new Map<string, Problem>();
  for (const problem of problems) {
    const code = problem.reasons[0]?.code ?? problem.kind;
    const general = { ...problem, host: null, set: null, began: { ...problem.began, run: null } };
    if (!byCode.has(code)) byCode.set(code, general);
  }
  return [...byCode]
    .slice(0, GENERAL_STEPS)
    .flatMap(([code, problem]) => [
      ...stepLines(problem, view, byCode.size === 1 ? 'Next:' : `Next, where ${code.replaceAll('-', ' ')}:`),
      '',
    ]);
}

const GENERAL_STEPS = 4;

/** Rows with their columns below each other, the last one as wide as it is; so many of them at most. */
export function table(rows: readonly (readonly string[])[], { store }: View): string[] {
  const shown = rows.slice(0, MAX_ROWS);
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map((row) => (row[column] ?? '').length)));
  const lines = shown.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
  const left = rows.length - shown.length;
  return left === 0 ? lines : [...lines, `  and ${left} more: offsite fleet status --store ${quoted(store)}`];
}

/** A mail stays far below the 256 KB that SNS takes, which counts its text twice. */
export const MAX_ROWS = 400;

/** Where the codes of these problems are explained. */
function codesOf(problems: readonly Problem[]): string {
  const codes = problems.map(({ kind, reasons: [first] }) =>
    first === undefined || first.code === kind ? kind : `${kind}/${first.code}`,
  );
  return `${[...new Set(codes)].join(', ')} in docs/runbook.md`;
}

/** The last line: where to read on, and where the problems are kept. */
export function footer(problems: readonly Problem[], { store }: View): string {
  const keys = problems.length <= MAX_FULL ? problems.map(problemKey).join(', ') : ALL_ALERTS;
  return `(${codesOf(problems)}; ${keys} in ${store})`;
}

/** So many problems get a paragraph each, more of them a table. */
export const MAX_FULL = 5;

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

/** Why, in a few words; empty where the kind says it all. */
export function briefOf({ kind, reasons: [first], closed }: Problem): string {
  if (closed !== null) return 'good again by now';
  if (first === undefined) return '';
  const own = first.brief ?? BRIEFS[first.code];
  return own ?? (first.code === kind ? '' : first.code.replaceAll('-', ' '));
}
