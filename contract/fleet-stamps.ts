/**
 * Since when what is in a fleet file has been there: stamps that `fleet apply` writes into the version it stores. Nothing
 * is due before its stamp. So what is new is not missed before it was there; and, which matters more, an incremental of
 * it does not give way to a full that was due when nobody asked it for one.
 *
 * Whatever was due before is due by the version that was in force then, whatever this one says. Pure.
 */

import type { Json } from './canonical.ts';
import { type Fleet, type FleetHost, type FleetPolicy, setsInPolicy } from './fleet.ts';

interface Stamps {
  readonly hosts: Readonly<Record<string, string>>;
  readonly policies: Readonly<Record<string, { since: string; joined: Joined | null }>>;
}

/** By host, then set: what came into a policy later than both the policy and the host. */
type Joined = Record<string, Record<string, string>>;

/**
 * The file as it was written, with stamps in place of whatever it says about them. `fleet` is what it says, `before` the
 * file that it replaces, and `now` when.
 */
export function stamped(
  written: Json,
  { fleet, before, now }: { fleet: Fleet; before: Fleet | null; now: string },
): Json {
  if (!isMapping(written)) return written;
  const { hosts, policies } = stampsOf(fleet, before, now);
  return {
    ...written,
    hosts: eachOf(written.hosts, (host, name) => ({ ...host, since: hosts[name] ?? now })),
    policies: eachOf(written.policies, ({ joined: _, ...policy }, name) => {
      const { since = now, joined = null } = policies[name] ?? {};
      return { ...policy, since, ...(joined === null ? {} : { joined }) };
    }),
  };
}

function stampsOf(fleet: Fleet, before: Fleet | null, now: string): Stamps {
  const hosts = mapped(fleet.hosts, (host, name) => sinceOfHost(host, ownOf(before?.hosts, name), now));
  const policies = mapped(fleet.policies, (policy, name) => {
    const old = ownOf(before?.policies, name);
    const since = old !== undefined && isSameSchedule(policy, old) ? (old.since ?? now) : now;
    const members = new Set(old?.hosts);
    const joined: Joined = {};
    for (const host of policy.hosts) {
      const known = old === undefined || before === null || !members.has(host) ? [] : setsInPolicy(before, old, host);
      for (const set of setsInPolicy(fleet, policy, host)) {
        const at = known.includes(set) ? (old?.joined?.[host]?.[set] ?? '') : now;
        if (at > since && at > (hosts[host] ?? now)) joined[host] = { ...joined[host], [set]: at };
      }
    }
    return { since, joined: Object.keys(joined).length === 0 ? null : joined };
  });
  return { hosts, policies };
}

/** Kept while its node stays; of a host that is waked up before its day, or whose day was forgotten, when that was. */
function sinceOfHost(host: FleetHost, old: FleetHost | undefined, now: string): string {
  if (old === undefined || old.node !== host.node) return now;
  const since = old.since ?? now;
  if (old.pause === undefined || (host.pause !== undefined && host.pause.until >= old.pause.until)) return since;
  const due = `${old.pause.until}T00:00:00Z`;
  const woken = due < now ? due : now;
  return woken > since ? woken : since;
}

const isSameSchedule = (one: FleetPolicy, other: FleetPolicy) =>
  one.full === other.full && one.incremental === other.incremental && one.deadline === other.deadline;

type Mapping = { [key: string]: Json };

function eachOf(value: Json | undefined, change: (item: Mapping, name: string) => Json): Json {
  if (!isMapping(value)) return value ?? null;
  return mapped(value, (item, name) => (isMapping(item) ? change(item, name) : item));
}

function mapped<T, R>(record: Readonly<Record<string, T>>, change: (item: T, name: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([name, item]) => [name, change(item, name)]));
}

function ownOf<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

function isMapping(value: Json | undefined): value is Mapping {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
