/** A fleet's state for people: what is open first, then a line for each set, or for those alone that are not well. */

import { instantText } from '../../contract/ids.ts';
import type { Problem } from '../../contract/problem.ts';
import type { FleetStatus, SetStatus } from '../../operator/fleet-status.ts';
import { formatDuration, table } from './format.ts';

/** Sets that are listed one by one without being asked for; more than a screen is no overview. */
const LISTED = 40;
/** Problems that are listed: a fleet that is down has one of its own above them. */
const PROBLEMS = 100;

/** `2026-11-23 04:00 UTC`. */
const minute = (instant: Date | string) => `${instantText(new Date(instant)).slice(0, 16).replace('T', ' ')} UTC`;

/** All of it, or, of a large fleet, what is not well, and how many are. */
export function fleetText(status: FleetStatus, { all }: { all: boolean }): string {
  const { sets } = status;
  const shown = all || sets.length <= LISTED ? sets : sets.filter((set) => !isSetWell(set));
  const rest = sets.length - shown.length;
  return [
    headingOf(status),
    ...problemsText(status.problems),
    ...(shown.length === 0 ? [] : ['', setsText(shown)]),
    ...(rest === 0 ? [] : ['', `${rest} of ${sets.length} sets are well; --all lists them.${oldest(sets)}`]),
  ].join('\n');
}

function headingOf({ ruling, audit, nextDigest, sets, at }: FleetStatus): string {
  const hosts = new Set(sets.map(({ host }) => host)).size;
  const audited = audit.cursor === null ? 'audit has not run yet' : `audit ran ${ago(+at - +audit.cursor)}`;
  return [
    `Fleet file in force since ${minute(ruling.applied)}: ${counted(hosts, 'host')}, ${counted(sets.length, 'set')}`,
    `${audited}; next digest ${nextDigest === null ? 'never' : minute(nextDigest)}`,
  ].join('\n');
}

function problemsText(problems: readonly Problem[]): string[] {
  if (problems.length === 0) return ['', 'Open problems: none'];
  return ['', `Open problems: ${problems.length}`, ...problemLines(problems).map((line) => `  ${line}`)];
}

/** A line for each, of many for the first, and then how many more there are. */
export function problemLines(problems: readonly Problem[]): string[] {
  if (problems.length === 0) return [];
  const rows = problems.slice(0, PROBLEMS).map((problem) => {
    const { kind, began, furtherCount, told, under } = problem;
    const times = furtherCount === 0 ? '' : `${furtherCount + 1} times`;
    const telling = under !== null ? 'told with another' : told === null ? 'not told yet' : '';
    return [kind.toUpperCase(), ownerOf(problem), `since ${minute(began.at)}`, times, whyOf(problem), telling];
  });
  const more = problems.length > PROBLEMS ? [`and ${problems.length - PROBLEMS} more (--json lists them)`] : [];
  return [...table(rows).split('\n'), ...more];
}

export function ownerOf({ host, set, policy }: Pick<Problem, 'host' | 'set' | 'policy'>): string {
  if (host !== null) return set === null ? host : `${host}/${set}`;
  return policy === null ? 'the stack' : `policy ${policy}`;
}

/** In a few words; the code where it has none and is not the kind itself. */
function whyOf({ kind, reasons: [first] }: Problem): string {
  if (first === undefined) return '';
  return first.brief ?? (first.code === kind ? '' : first.code.replaceAll('-', ' '));
}

function setsText(sets: readonly SetStatus[]): string {
  const rows = sets.map((one) => [
    one.host,
    one.set,
    one.newestGood === null ? 'none yet' : ago(one.newestGood.ageSeconds * 1000),
    one.chain === null ? 'none' : `${formatDuration(one.chain.ageSeconds * 1000)}, ${counted(one.chain.runs, 'run')}`,
    one.next === null ? 'never' : `${minute(one.next.due)} ${one.next.type} (${one.next.policy})`,
    notesOf(one),
  ]);
  return table([['HOST', 'SET', 'NEWEST GOOD', 'CHAIN', 'NEXT DUE', ''], ...rows]);
}

function notesOf({ problems, pausedUntil, pinned, isWatched }: SetStatus): string {
  return [
    ...problems.map((kind) => kind.toUpperCase()),
    ...(isWatched ? [] : ['in no policy']),
    ...(pausedUntil === null ? [] : [`paused until ${pausedUntil}`]),
    ...(pinned === null ? [] : ['pinned key']),
  ].join(', ');
}

function isSetWell({ problems, newestGood, pausedUntil, isWatched }: SetStatus): boolean {
  return problems.length === 0 && newestGood !== null && pausedUntil === null && isWatched;
}

/** How old the oldest of the newest good backups is, of sets that are well. */
function oldest(sets: readonly SetStatus[]): string {
  const ages = sets.filter(isSetWell).map(({ newestGood }) => newestGood?.ageSeconds ?? 0);
  return ages.length === 0 ? '' : ` The oldest of their newest backups is of ${ago(Math.max(...ages) * 1000)}.`;
}

const ago = (milliseconds: number) => `${formatDuration(Math.max(0, milliseconds))} ago`;
const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
