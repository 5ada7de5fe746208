/**
 * What goes into a digest, and when one is due. Pure. Whatever can be a line for each host is counted whole and listed in
 * part, so that a digest of thousands of hosts is still a mail.
 */

import { dueAt, nextDue, parseCron } from '../../contract/cron.ts';
import type { Fleet } from '../../contract/fleet.ts';
import { instantText } from '../../contract/ids.ts';
import type { Latest, Verdict } from '../../contract/verdict.ts';
import { watchedBy } from './unwatched.ts';

/** Hosts that stored nothing for longer are forgotten. */
const FORGOTTEN_AFTER = 90 * 86_400_000;
const NAMED_NOTICES = 20;

/** What counts of a verdict. */
export type NotedVerdict = Pick<Verdict, 'host' | 'set' | 'notices' | 'judged' | 'witness' | 'received'>;
/** What counts of the record of a set's newest runs. */
export type SetRecord = Pick<Latest, 'host' | 'set' | 'head'>;

/** Notices of one code. */
export interface NoticeCount {
  readonly code: string;
  readonly count: number;
  /** The first of them, by host and set. */
  readonly first: readonly { readonly host: string; readonly set: string; readonly text: string }[];
}

/** A set that stored something not long ago, of which no policy asks for anything any more. */
export interface StillStored {
  readonly host: string;
  readonly set: string;
  /** When the store received its newest run. */
  readonly received: string;
}

/**
 * When the digest is due that has to be sent now, or null where none has: the last due minute, if it is after `last`,
 * which is when the one before was due. So of those that nobody sent for days one is sent, in place of all.
 */
export function dueDigest(schedule: string, last: Date, now: Date): Date | null {
  const due = dueAt(parseCron(schedule), now);
  return due !== null && due > last ? due : null;
}

/** When the next digest is due; null where the schedule never is again. */
export function nextDigest(schedule: string, now: Date): Date | null {
  return nextDue(parseCron(schedule), now);
}

/** Of verdicts judged in (from, to], how often each notice was given; by code, in the order of the codes' names. */
export function noticeCounts(verdicts: readonly NotedVerdict[], { from, to }: { from: Date; to: Date }): NoticeCount[] {
  const byCode = new Map<string, NoticeCount['first'][number][]>();
  for (const verdict of verdicts) {
    const { host, set } = verdict;
    if (!isNew(verdict, from, to)) continue;
    for (const { code, text } of verdict.notices) {
      const found = byCode.get(code) ?? [];
      byCode.set(code, found);
      found.push({ host, set, text });
    }
  }
  const name = ({ host, set }: { host: string; set: string }) => `${host}/${set}`;
  return [...byCode]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([code, found]) => ({
      code,
      count: found.length,
      first: found.sort((one, other) => (name(one) < name(other) ? -1 : 1)).slice(0, NAMED_NOTICES),
    }));
}

/** An acceptance judges a run anew, whose notices were in a digest when its manifest had come. */
function isNew({ judged, witness, received }: NotedVerdict, from: Date, to: Date): boolean {
  const instant = Date.parse(judged);
  if (instant <= +from || instant > +to) return false;
  return witness !== 'acceptance' || received === null || Date.parse(received) > +from;
}

/** Sets that stored something in the last 90 days and are of no policy, or of no host, of the fleet file. */
export function stillStored(fleet: Fleet, records: readonly SetRecord[], now: Date): StillStored[] {
  const watched = watchedBy(fleet);
  return records.flatMap(({ host, set, head }) => {
    const isRecent = head !== null && Date.parse(head.received) > +now - FORGOTTEN_AFTER;
    return isRecent && !watched.has(`${host}/${set}`) ? [{ host, set, received: head.received }] : [];
  });
}

/** Hosts that nothing is asked of until a later day, by name. */
export function pausedHosts(fleet: Fleet, now: Date): { host: string; until: string }[] {
  const today = instantText(now).slice(0, 10);
  return Object.entries(fleet.hosts)
    .flatMap(([host, { pause }]) => (pause !== undefined && pause.until > today ? [{ host, until: pause.until }] : []))
    .sort((one, other) => (one.host < other.host ? -1 : 1));
}

/** How many hosts and sets the fleet file watches. */
export function watchedCounts(fleet: Fleet): { hosts: number; sets: number } {
  const watched = [...watchedBy(fleet).values()];
  return { hosts: new Set(watched.map(({ host }) => host)).size, sets: watched.length };
}
