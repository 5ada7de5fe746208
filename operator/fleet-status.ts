/**
 * `offsite fleet status`: how every host and set stands, by what the stack has recorded. It needs no key, and believes
 * the stack: whoever doubts it asks `offsite check` or `verify`, which believe signatures alone.
 */

import { OffsiteError } from '../contract/errors.ts';
import type { Fleet, FleetHost } from '../contract/fleet.ts';
import { headLines, headOf } from '../contract/heads.ts';
import { isHostName } from '../contract/ids.ts';
import type { Problem, ProblemKind } from '../contract/problem.ts';
import { quoted } from '../contract/quote.ts';
import type { AuditState, Latest } from '../contract/verdict.ts';
import { FleetArchive, type FleetTrouble, type Ruling } from '../functions/lib/fleet-archive.ts';
import { nextDigest, pausedHosts } from '../functions/rules/digest.ts';
import { watchedBy } from '../functions/rules/unwatched.ts';
import type { ObjectStore } from '../store/port.ts';
import { type NextDue, nextDueOfSets, onlyHosts } from './fleet-due.ts';
import { type Chain, readRecords } from './fleet-records.ts';

export interface SetStatus {
  readonly host: string;
  readonly node: string;
  readonly set: string;
  /** The newest complete or operator-accepted run. */
  readonly newestGood: { readonly run: string; readonly received: string; readonly ageSeconds: number } | null;
  /** What the next incremental builds on; null where the next one is a full. */
  readonly chain: Chain | null;
  /** Null where nothing is due any more, or soon. */
  readonly next: NextDue | null;
  /** Open ones of the set or its host. */
  readonly problems: readonly ProblemKind[];
  readonly pausedUntil: string | null;
  /** The signing key that the fleet file pins. */
  readonly pinned: string | null;
  /** False where no policy asks for it. */
  readonly isWatched: boolean;
}

export interface AuditStatus {
  /** Up to when everything is judged; null where audit never ran. */
  readonly cursor: Date | null;
  readonly isLate: boolean;
}

export interface FleetStatus {
  readonly at: Date;
  readonly ruling: Ruling;
  /** What is wrong with the fleet file that should be in force. */
  readonly trouble: FleetTrouble | null;
  readonly nextDigest: Date | null;
  readonly audit: AuditStatus;
  /** Open ones, of the whole fleet or of the host that was asked for and the stack. */
  readonly problems: readonly Problem[];
  /** By host, then set: those with problems first. */
  readonly sets: readonly SetStatus[];
  /** Keys of records that could not be read: what is in them is not told. */
  readonly unread: readonly string[];
}

/** Audit runs every quarter of an hour; when it has missed three of them, something is wrong with it. */
const AUDIT_IS_LATE = 45 * 60_000;
const LISTED = 30;

/** Throws `fleet-missing` where there never was a usable fleet file, and `host-unknown` for a host that it lacks. */
export async function fleetStatus(
  store: ObjectStore,
  { now, host }: { now: Date; host?: string },
): Promise<FleetStatus> {
  const { rulings, trouble } = await new FleetArchive(store).history(now);
  const [ruling] = rulings;
  if (ruling === undefined) {
    throw new OffsiteError('fleet-missing', `${store.url} holds no usable fleet file`, {
      hint: 'Apply one with `offsite fleet apply`.',
    });
  }
  if (host !== undefined && !Object.hasOwn(ruling.fleet.hosts, host)) throw unknownHost(ruling.fleet, host);
  const { latest, chains, problems, audit, unread } = await readRecords(store, host, now);
  const concerned = problems.filter((one) => host === undefined || one.host === host || one.host === null);
  return {
    at: now,
    ruling,
    trouble,
    nextDigest: nextDigest(ruling.fleet.digest, now),
    audit: auditStatus(audit, ruling, now),
    problems: concerned.toSorted(bySince),
    sets: setsOf(ruling.fleet, { latest, chains, problems, now, host }),
    unread,
  };
}

/** True where nobody has to do anything. */
export function isWell({ trouble, audit, problems, unread }: FleetStatus): boolean {
  return trouble === null && !audit.isLate && problems.length === 0 && unread.length === 0;
}

/**
 * The newest run of every set, or of one host's, in the lines that digests have: see contract/heads.ts. Throws what
 * cannot be read, and `host-unknown` for a host without any run.
 */
export async function currentHeads(store: ObjectStore, now: Date, host?: string): Promise<string[]> {
  const none = () => new OffsiteError('host-unknown', `the store has no run of ${quoted(host)}`);
  if (host !== undefined && !isHostName(host)) throw none();
  const { latest, unread } = await readRecords(store, host, now, { chains: false });
  const [first] = unread;
  if (first !== undefined)
    throw new OffsiteError('document-invalid', `${first} cannot be read, so the lines are not whole`);
  if (host !== undefined && latest.size === 0) throw none();
  return headLines([...latest.values()].flatMap((one) => headOf(one) ?? []));
}

/** Schedules that should be there and are not, and the other way round, as `policy type`. */
export function scheduleFaults(fleet: Fleet, found: ReadonlySet<string>): { missing: string[]; surplus: string[] } {
  const wanted = new Set(
    Object.entries(fleet.policies).flatMap(([name, policy]) =>
      (['full', 'incremental'] as const).flatMap((type) => (policy[type] === undefined ? [] : [`${name} ${type}`])),
    ),
  );
  return {
    missing: [...wanted].filter((one) => !found.has(one)).sort(),
    surplus: [...found].filter((one) => !wanted.has(one)).sort(),
  };
}

function auditStatus(state: AuditState | null, { applied }: Ruling, now: Date): AuditStatus {
  const cursor = state === null ? null : new Date(state.cursor);
  // A stack that is new has not audited anything yet.
  return { cursor, isLate: +now - +(cursor ?? applied) > AUDIT_IS_LATE };
}

interface Facts {
  readonly latest: ReadonlyMap<string, Latest>;
  readonly chains: ReadonlyMap<string, Chain>;
  readonly problems: readonly Problem[];
  readonly now: Date;
  readonly host: string | undefined;
}

function setsOf(fleet: Fleet, facts: Facts): SetStatus[] {
  const { now, host } = facts;
  const wanted: [string, FleetHost][] = Object.entries(fleet.hosts).filter(
    ([name]) => host === undefined || name === host,
  );
  const watched = watchedBy(fleet);
  const next = nextDueOfSets(host === undefined ? fleet : onlyHosts(fleet, new Set([host])), now);
  const paused = new Map(pausedHosts(fleet, now).map(({ host, until }) => [host, until]));
  const open = new Map<string, ProblemKind[]>();
  for (const { kind, host, set } of facts.problems) {
    if (host !== null) open.set(`${host}/${set ?? ''}`, [...(open.get(`${host}/${set ?? ''}`) ?? []), kind]);
  }
  const all = wanted.flatMap(([name, { node, sets, signingKey }]) =>
    sets.map((set): SetStatus => {
      const place = `${name}/${set}`;
      return {
        ...{ host: name, node, set },
        newestGood: goodOf(facts.latest.get(place), now),
        chain: facts.chains.get(place) ?? null,
        next: next.get(place) ?? null,
        problems: [...(open.get(place) ?? []), ...(open.get(`${name}/`) ?? [])],
        pausedUntil: paused.get(name) ?? null,
        pinned: signingKey ?? null,
        isWatched: watched.has(place),
      };
    }),
  );
  const rank = ({ problems, newestGood }: SetStatus) => (problems.length > 0 ? 0 : newestGood === null ? 1 : 2);
  return all.sort(
    (one, other) => rank(one) - rank(other) || compared(one.host, other.host) || compared(one.set, other.set),
  );
}

function goodOf(latest: Latest | undefined, now: Date): SetStatus['newestGood'] {
  const good = latest?.good ?? null;
  if (good === null) return null;
  return { run: good.run, received: good.received, ageSeconds: secondsSince(good.received, now) };
}

export function secondsSince(instant: string, now: Date): number {
  return Math.max(0, Math.round((+now - Date.parse(instant)) / 1000));
}

const compared = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
const bySince = (one: Problem, other: Problem) => compared(one.began.at, other.began.at);

function unknownHost({ hosts }: Fleet, host: string): OffsiteError {
  const names = Object.keys(hosts).sort();
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return new OffsiteError('host-unknown', `the fleet file has no host ${host}`, {
    hint: `There are: ${names.slice(0, LISTED).join(', ')}${more}.`,
  });
}
