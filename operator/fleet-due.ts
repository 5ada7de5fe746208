/** When what is due next. Pure. */

import { nextDue, parseCron } from '../contract/cron.ts';
import type { Fleet } from '../contract/fleet.ts';
import { type SlotType, slotsBetween } from '../functions/rules/slots.ts';
import { watchedBy } from '../functions/rules/unwatched.ts';

export interface NextDue {
  readonly policy: string;
  readonly type: SlotType;
  readonly due: Date;
}

const DAY = 86_400_000;
/** Days to look ahead, the fewest first: most are due soon, and no schedule is rarer than the last. */
const WINDOWS = [1, 8, 35, 401];
const TYPES: readonly SlotType[] = ['full', 'incremental'];

/** The next slot of each set after `now`, by `host/set`; none for one that is of no policy, or paused for longer than a year. */
export function nextDueOfSets(fleet: Fleet, now: Date): Map<string, NextDue> {
  const found = new Map<string, NextDue>();
  let waiting = new Set(watchedBy(fleet).keys());
  let from = now;
  for (const days of WINDOWS) {
    if (waiting.size === 0) break;
    const to = new Date(now.getTime() + days * DAY);
    for (const { policy, type, due, asked } of slotsBetween(onlyHosts(fleet, hostsOf(waiting)), from, to)) {
      for (const { host, set } of asked) {
        const name = `${host}/${set}`;
        if (!found.has(name)) found.set(name, { policy, type, due });
      }
    }
    waiting = new Set([...waiting].filter((name) => !found.has(name)));
    from = to;
  }
  return found;
}

/** Of names `host/set`. */
function hostsOf(sets: ReadonlySet<string>): Set<string> {
  return new Set([...sets].map((name) => name.slice(0, name.indexOf('/'))));
}

/** The fleet with policies of these hosts alone: a year of one host is soon gone through, one of thousands is not. */
export function onlyHosts(fleet: Fleet, hosts: ReadonlySet<string>): Fleet {
  const policies = Object.entries(fleet.policies)
    .map(([name, policy]) => [name, { ...policy, hosts: policy.hosts.filter((host) => hosts.has(host)) }] as const)
    .filter(([, { hosts }]) => hosts.length > 0);
  return { ...fleet, policies: Object.fromEntries(policies) };
}

/** The next minute of each schedule after `now`, of these policies. */
export function nextDueOfPolicies(fleet: Fleet, policies: readonly string[], now: Date): NextDue[] {
  return policies.flatMap((policy) =>
    TYPES.flatMap((type) => {
      const schedule = fleet.policies[policy]?.[type];
      const due = schedule === undefined ? null : nextDue(parseCron(schedule), now);
      return due === null ? [] : [{ policy, type, due }];
    }),
  );
}
