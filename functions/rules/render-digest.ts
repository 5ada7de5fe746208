/**
 * The digest as a mail. Pure. It says in its subject whether anything is wrong, and is never longer than a topic takes:
 * lists are cut, and of heads that do not fit there is one hash.
 */

import { type Head, headLines, headsSha256 } from '../../contract/heads.ts';
import { instantText } from '../../contract/ids.ts';
import { PROBLEM_KINDS, type Problem, type ProblemKind } from '../../contract/problem.ts';
import type { NoticeCode } from './codes.ts';
import type { NoticeCount, StillStored } from './digest.ts';
import { briefOf, countWords, type Message, nameOf, WORDS } from './render-parts.ts';
import { ascii, cut, gsm, MAX_SMS, MAX_SUBJECT, nameIn, quoted, utc } from './words.ts';

export interface Digest {
  readonly due: Date;
  /** When the one before was due, or what this one says begins. */
  readonly last: Date;
  /** Null where the schedule is never due again. */
  readonly next: Date | null;
  /** What the fleet file watches; null where there never was a usable one. */
  readonly watched: { readonly hosts: number; readonly sets: number } | null;
  readonly open: readonly Problem[];
  readonly notices: readonly NoticeCount[];
  readonly paused: readonly { readonly host: string; readonly until: string }[];
  readonly stillStored: readonly StillStored[];
  readonly heads: readonly Head[];
  /** Records that could not be read, so that this digest does not say what is in them. */
  readonly unread: number;
  /** URL, for commands to copy. */
  readonly store: string;
  /** Of the topic. */
  readonly displayName: string;
}

/** Bytes: SNS takes 256 KiB, in which each line break counts twice. */
const MAX_EMAIL = 200_000;
const MAX_LINE = 200;
const LISTED = 50;

const NOTICE_WORDS: Record<NoticeCode, string> = {
  first: 'First run of a set',
  'new-prefix': 'First run under a new prefix: the role or the machine was made anew',
  uncertified: 'Signed by a key that is not certified (offsite trust HOST)',
  late: 'Came after its deadline',
  clock: "The host's clock is more than 10 minutes off",
  promoted: 'A full instead of an incremental',
  'state-lost': 'The host had lost its state',
  config: "The set's config changed",
  unusual: 'Figures that are unusual for the set',
};

/** The digest; by email alone, since nothing in it is new that was critical. */
export function renderDigest(digest: Digest): Message {
  const brief = gistOf(digest);
  const body = [
    ...headingLines(digest, brief),
    ...problemLines(digest),
    ...noticeLines(digest.notices),
    ...listLines('Paused', digest.paused, ({ host, until }) => `${host} until ${until}`),
    ...listLines(
      'Stored something in the last 90 days and watched no more',
      digest.stillStored,
      ({ host, set, received }) => `${host}/${set}, last at ${utc(received)}`,
    ),
  ].map((line) => ascii(cut(line, MAX_LINE)));
  const room = MAX_EMAIL - body.reduce((sum, line) => sum + line.length + 1, 0);
  return {
    subject: cut(ascii(`Offsite digest: ${brief}`), MAX_SUBJECT),
    email: `${[...body, ...witnessLines(digest, room)].join('\n')}\n`,
    sms: cut(gsm(`Digest: ${brief}`), MAX_SMS - digest.displayName.length - '> '.length),
    critical: false,
  };
}

function gistOf({ open, watched, unread }: Digest): string {
  if (open.length === 0) {
    if (unread > 0) return `incomplete, ${counted(unread, 'record')} could not be read`;
    if (watched === null) return 'no fleet file, nothing is watched';
    return `all well, ${counted(watched.sets, 'set')} of ${counted(watched.hosts, 'host')}`;
  }
  const kinds = byKind(open).map(([kind, problems]) => `${problems.length} ${kind}`);
  return `${counted(open.length, 'problem')} open: ${kinds.join(', ')}`;
}

function headingLines({ due, last, next, watched, unread }: Digest, brief: string): string[] {
  return [
    brief.charAt(0).toUpperCase() + brief.slice(1),
    '',
    `This digest was due at ${utcOf(due)}, and says what happened since ${utcOf(last)}.`,
    next === null
      ? 'The fleet file has no next one.'
      : `The next one is due at ${utcOf(next)}. If it does not come, nobody is looking: docs/deploy.md, "Alarms".`,
    ...(unread === 0
      ? []
      : [
          `${counted(unread, 'record')} could not be read, so this digest is not complete: see the log of the function audit.`,
        ]),
    ...(watched === null ? ['There never was a usable fleet file: offsite fleet apply fleet.yml'] : []),
    '',
  ];
}

function problemLines({ open, store }: Digest): string[] {
  if (open.length === 0) return ['Open problems: none', ''];
  const lines = byKind(open).flatMap(([kind, problems]) => [
    `  ${WORDS[kind].word} (${problems.length})`,
    ...firstLines(problems, problemLine),
  ]);
  const step = [
    '  All of them now; what each word means is in docs/runbook.md:',
    `    offsite fleet status --store ${quoted(store)}`,
  ];
  return [`Open problems: ${open.length}`, ...lines, ...step, ''];
}

function problemLine(problem: Problem): string {
  const { began, under } = problem;
  const why = briefOf(problem);
  const told = under === null ? '' : ` (told with ${under.replace(/^alerts\/(.*)\.json$/, '$1')})`;
  return `${nameOf(problem)} since ${utc(began.at)}${countWords(problem)}${why === '' ? '' : `: ${why}`}${told}`;
}

function noticeLines(notices: readonly NoticeCount[]): string[] {
  if (notices.length === 0) return ['Notices: none', ''];
  const total = notices.reduce((sum, { count }) => sum + count, 0);
  const lines = notices.flatMap(({ code, count, first }) => [
    `  ${NOTICE_WORDS[code as NoticeCode] ?? code} (${count})`,
    ...first.map(({ host, set, text }) => `    ${nameIn(96, host, set)}: ${text}`),
    ...(count > first.length ? [`    and ${count - first.length} more`] : []),
  ]);
  return [`Notices: ${total}`, ...lines, ''];
}

function listLines<T>(title: string, items: readonly T[], line: (item: T) => string): string[] {
  if (items.length === 0) return [];
  return [`${title}: ${items.length}`, ...firstLines(items, line), ''];
}

function firstLines<T>(items: readonly T[], line: (item: T) => string): string[] {
  const left = items.length - LISTED;
  return [...items.slice(0, LISTED).map((item) => `    ${line(item)}`), ...(left > 0 ? [`    and ${left} more`] : [])];
}

/** What the newest runs are, outside of the store: whoever rolls the store back cannot roll back mails that were read. */
function witnessLines({ heads, store }: Digest, room: number): string[] {
  const lines = headLines(heads);
  if (lines.length === 0) return ['Newest runs: none yet'];
  const intro = [
    'Newest run of each set, its sequence, and the first 8 digits of the SHA-256 of its manifest. A set whose sequence',
    'is lower one day, or that has other digits at the same sequence, was rolled back. What the store says now:',
    `    offsite fleet status --heads --store ${quoted(store)}`,
    '',
  ];
  const sum = `SHA-256 of ${lines.length === 1 ? 'this line' : `these ${lines.length} lines`} (that command, and | sha256sum): ${headsSha256(lines)}`;
  const reserve = [...intro, sum, `and ${lines.length} more, which that command prints`].join('\n').length + 20;
  const shown = fitting(lines, room - reserve);
  const rest = lines.length - shown.length;
  return [...intro, ...shown, ...(rest > 0 ? [`and ${rest} more, which that command prints`] : []), '', sum];
}

/** The first lines, as many as have room with their newlines. */
function fitting(lines: readonly string[], room: number): readonly string[] {
  let used = 0;
  const end = lines.findIndex((line) => {
    used += line.length + 1;
    return used > room;
  });
  return end < 0 ? lines : lines.slice(0, end);
}

/** In the order of the list of kinds. */
function byKind(open: readonly Problem[]): [ProblemKind, Problem[]][] {
  return PROBLEM_KINDS.flatMap((kind): [ProblemKind, Problem[]][] => {
    const problems = open.filter((problem) => problem.kind === kind);
    return problems.length === 0
      ? []
      : [[kind, problems.sort((one, other) => (one.began.at < other.began.at ? -1 : 1))]];
  });
}

const counted = (count: number, unit: string) => `${count} ${unit}${count === 1 ? '' : 's'}`;
const utcOf = (instant: Date) => utc(instantText(instant));
