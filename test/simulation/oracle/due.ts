/**
 * What is due when, by the oracle: each minute of each schedule, host by host. Written from the rules in words, without a
 * look at how the product finds slots.
 */

import { createHash } from 'node:crypto';
import { dueMinutes } from '../calendar.ts';
import { HOUR, MINUTE, type PlannedFleet, type PlannedHost, type PlannedPolicy } from '../fleet-plan.ts';

export interface DueRun {
  readonly host: string;
  readonly node: string;
  readonly set: string;
  readonly run: string;
}

export interface DueSlot {
  readonly policy: string;
  readonly due: number;
  readonly deadline: number;
  readonly runs: readonly DueRun[];
}

interface Minute {
  readonly due: number;
  readonly name: string;
  readonly policy: PlannedPolicy;
}

/** A fleet file in force, and since when each of its entries has been there. */
interface Reign {
  readonly from: number;
  readonly fleet: PlannedFleet;
  readonly hostsSince: ReadonlyMap<string, number>;
  readonly policiesSince: ReadonlyMap<string, number>;
  readonly calendars: Map<string, number[]>;
  minutes: readonly Minute[] | null;
  /** Hosts by node. */
  readonly names: ReadonlyMap<string, string>;
}

export class Due {
  readonly #reigns: Reign[] = [];
  readonly #end: number;

  /** Nothing is asked about what is due after `end`. */
  constructor(end: number) {
    this.#end = end;
  }

  apply(at: number, fleet: PlannedFleet): void {
    const before = this.#reigns.at(-1);
    const hostsSince = new Map(
      Object.entries(fleet.hosts).map(([name, host]) => {
        const since = before?.hostsSince.get(name) ?? at;
        const until = before?.fleet.hosts[name]?.pause?.until;
        // Whoever is woken before its day is there from then on.
        if (until === undefined || host.pause !== undefined) return [name, since];
        return [name, Math.max(since, Math.min(Date.parse(`${until}T00:00:00Z`), at))];
      }),
    );
    const policiesSince = new Map(
      Object.entries(fleet.policies).map(([name, policy]) => {
        const old = before?.fleet.policies[name];
        const isSame =
          old?.full === policy.full && old?.incremental === policy.incremental && old?.deadline === policy.deadline;
        return [name, (isSame ? before?.policiesSince.get(name) : undefined) ?? at];
      }),
    );
    const names = new Map(Object.entries(fleet.hosts).map(([name, { node }]) => [node, name]));
    this.#reigns.push({ from: at, fleet, hostsSince, policiesSince, calendars: new Map(), minutes: null, names });
  }

  /** The fleet file that was in force at that time. */
  fleetAt(at: number): PlannedFleet | null {
    return this.#reigns.findLast(({ from }) => from <= at)?.fleet ?? null;
  }

  /** The host that a node is, by the file of that time, else by the present one. */
  hostOf(node: string, at: number): string | null {
    const now = this.#reigns.at(-1);
    const then = this.#reigns.findLast(({ from }) => from <= at);
    return then?.names.get(node) ?? now?.names.get(node) ?? null;
  }

  /** The node of a host, by the file of that time, else by the present one. */
  nodeOf(host: string, at: number): string | null {
    return (this.fleetAt(at)?.hosts[host] ?? this.#reigns.at(-1)?.fleet.hosts[host])?.node ?? null;
  }

  /** All slots due in [from, to), with something in them. */
  slots(from: number, to: number): DueSlot[] {
    const slots: DueSlot[] = [];
    for (const [i, reign] of this.#reigns.entries()) {
      const start = Math.max(from, reign.from);
      const end = Math.min(to, this.#reigns[i + 1]?.from ?? to);
      if (start >= end) continue;
      for (const { due, name, policy } of this.#minutes(reign)) {
        if (due < start) continue;
        if (due >= end) break;
        const runs = runsOf(reign, name, policy, due, (cron) => this.#calendar(reign, cron));
        if (runs.length > 0) slots.push({ policy: name, due, deadline: due + policy.deadline * HOUR, runs });
      }
    }
    return slots;
  }

  /** All due minutes of all policies, in order. */
  #minutes(reign: Reign): readonly Minute[] {
    if (reign.minutes !== null) return reign.minutes;
    const minutes: Minute[] = [];
    for (const [name, policy] of Object.entries(reign.fleet.policies)) {
      const since = reign.policiesSince.get(name) ?? reign.from;
      const { full, incremental } = policy;
      const due = [full, incremental].flatMap((cron) => (cron === undefined ? [] : this.#calendar(reign, cron)));
      for (const minute of new Set(due))
        if (minute >= since && minute >= reign.from) minutes.push({ due: minute, name, policy });
    }
    minutes.sort((one, other) => one.due - other.due || (one.name < other.name ? -1 : 1));
    reign.minutes = minutes;
    return minutes;
  }

  /** A little more than the time that the file is in force: fulls before and after it keep incrementals away. */
  #calendar(reign: Reign, cron: string): number[] {
    const known = reign.calendars.get(cron);
    if (known !== undefined) return known;
    const made = dueMinutes(cron, reign.from - 40 * 24 * HOUR, this.#end + 2 * HOUR);
    reign.calendars.set(cron, made);
    return made;
  }
}

function runsOf(
  { fleet, hostsSince, policiesSince }: Reign,
  name: string,
  policy: PlannedPolicy,
  due: number,
  calendar: (cron: string) => number[],
): DueRun[] {
  const since = policiesSince.get(name) ?? 0;
  const fulls = policy.full === undefined ? [] : calendar(policy.full).filter((full) => full >= since);
  const isFull = fulls.includes(due);
  // A full that is still open, or about to be due, does the work of an incremental.
  const instead = fulls.filter((full) => full > due - policy.deadline * HOUR && full <= due + 60 * MINUTE);
  const runs: DueRun[] = [];
  for (const host of policy.hosts) {
    const planned = fleet.hosts[host];
    if (planned === undefined) continue;
    const isWatched = (at: number) => isThere(planned, hostsSince.get(host) ?? 0, at);
    if (!isWatched(due) || (!isFull && instead.some(isWatched))) continue;
    for (const set of planned.sets) {
      if (policy.sets !== undefined && !policy.sets.includes(set)) continue;
      runs.push({ host, node: planned.node, set, run: runId(name, due, planned.node, set) });
    }
  }
  return runs;
}

function isThere({ pause }: PlannedHost, since: number, at: number): boolean {
  return at >= since && (pause === undefined || at >= Date.parse(`${pause.until}T00:00:00Z`));
}

export const compact = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;

/** As docs/format.md has it. */
function runId(policy: string, due: number, node: string, set: string): string {
  const time = compact(due);
  const hash = createHash('sha256').update(`${policy}\n${time}\n${node}\n${set}`).digest('hex');
  return `${time}-${hash.slice(0, 12)}`;
}
