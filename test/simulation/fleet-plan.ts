/** Fleets to simulate: who is watched by which policies, and how that changes in the course of time. All drawn by seed. */

import type { Json } from '../../contract/canonical.ts';
import { Dice } from './random.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface PlannedHost {
  readonly node: string;
  readonly sets: readonly string[];
  readonly pause?: { readonly until: string };
}

export interface PlannedPolicy {
  readonly hosts: readonly string[];
  readonly sets?: readonly string[];
  readonly full?: string;
  readonly incremental?: string;
  /** In hours. */
  readonly deadline: number;
}

/** A fleet file as somebody writes it. */
export interface PlannedFleet {
  readonly hosts: Readonly<Record<string, PlannedHost>>;
  readonly policies: Readonly<Record<string, PlannedPolicy>>;
}

export interface PlannedChange {
  readonly at: number;
  readonly fleet: PlannedFleet;
}

export type Schedules = Readonly<Record<string, Omit<PlannedPolicy, 'hosts'> & { readonly share: number }>>;

/** What many fleets have: nightly incrementals and a weekly full, some in the evening of working days, most once a week. */
export const SHIFTS: Schedules = {
  nightly: { incremental: 'cron(0 1 * * ? *)', full: 'cron(0 1 ? * SUN *)', deadline: 8, share: 0.2 },
  office: { incremental: 'cron(30 19 ? * MON-FRI *)', full: 'cron(0 20 ? * SAT *)', deadline: 10, share: 0.15 },
  weekly: { full: 'cron(15 3 ? * TUE *)', deadline: 20, share: 0.8 },
};

/** Every kind of calendar that there is. A host may be in several, and in none at first. */
export const CALENDARS: Schedules = {
  nightly: { incremental: 'cron(0 4 * * ? *)', full: 'cron(0 4 ? * SUN *)', deadline: 8, share: 0.12 },
  weekdays: { incremental: 'cron(15 22 ? * MON-FRI *)', full: 'cron(45 22 ? * FRI *)', deadline: 12, share: 0.08 },
  'month-end': { full: 'cron(0 3 L * ? *)', deadline: 24, share: 0.4 },
  'last-weekday': { full: 'cron(20 18 LW * ? *)', deadline: 20, share: 0.2 },
  'second-tuesday': { full: 'cron(0 2 ? * TUE#2 *)', deadline: 30, share: 0.3 },
  'last-friday': { full: 'cron(5 21 ? * 6L *)', incremental: 'cron(5 21 ? * 6 *)', deadline: 48, share: 0.2 },
  'mid-month': { full: 'cron(0 5 15W * ? *)', deadline: 72, share: 0.2 },
  'the-31st': { full: 'cron(0 6 31 * ? *)', incremental: 'cron(0 6 1,31 * ? *)', deadline: 24, share: 0.2 },
  'leap-day': { full: 'cron(0 12 29 2 ? *)', incremental: 'cron(0 12 28,29 2 ? *)', deadline: 12, share: 0.5 },
  'six-hourly': { incremental: 'cron(10 0/6 * * ? *)', full: 'cron(40 0 1 * ? *)', deadline: 5, share: 0.01 },
  etc: { sets: ['etc'], incremental: 'cron(30 12 ? * 2,4,6 *)', deadline: 10, share: 0.3 },
};

const hostName = (i: number) => `h${String(i).padStart(4, '0')}`;
const nodeId = (i: number) => `mi-${String(i).padStart(17, '0')}`;

/** The first fleet file. One host in eight has a second set. */
export function firstFleet(seed: number, count: number, schedules: Schedules): PlannedFleet {
  const hosts: Record<string, PlannedHost> = {};
  for (let i = 0; i < count; i++) {
    const dice = new Dice(seed, 'sets', i);
    hosts[hostName(i)] = { node: nodeId(i), sets: dice.chance(0.125) ? ['data', 'etc'] : ['data'] };
  }
  const names = Object.keys(hosts);
  const policies: Record<string, PlannedPolicy> = {};
  for (const [name, { share, ...schedule }] of Object.entries(schedules)) {
    const wanted = schedule.sets;
    const able = names.filter((host) => wanted === undefined || hosts[host]?.sets.some((set) => wanted.includes(set)));
    const members = able.filter((host) => new Dice(seed, 'member', name, host).chance(share));
    if (able.length > 0) policies[name] = { ...schedule, hosts: members.length > 0 ? members : able.slice(0, 1) };
  }
  return { hosts, policies };
}

/** The fleet file as it is and will be: `changes` of them at any time of the days after the first. */
export function plannedChanges(
  seed: number,
  first: PlannedChange,
  { until, changes }: { until: number; changes: number },
): PlannedChange[] {
  const dice = new Dice(seed, 'changes');
  const times = Array.from(
    { length: changes },
    () => first.at + DAY + dice.below((until - first.at - DAY) / 1000) * 1000,
  );
  const planned = [first];
  let { fleet } = first;
  for (const at of [...new Set(times)].sort((one, other) => one - other)) {
    fleet = changed(withoutPast(fleet, at), dice, at);
    planned.push({ at, fleet });
  }
  return planned;
}

/** After its leap day a schedule is not due for years, and no fleet file with it is accepted any more. */
function withoutPast({ hosts, policies }: PlannedFleet, at: number): PlannedFleet {
  const isOver = at > Date.parse('2028-02-29T12:00:00Z');
  const left = Object.entries(policies).filter(([, { full }]) => !(isOver && full?.includes(' 29 2 ')));
  return { hosts, policies: Object.fromEntries(left) };
}

/** One thing is changed, as an operator would. */
function changed(fleet: PlannedFleet, dice: Dice, at: number): PlannedFleet {
  const { hosts, policies } = fleet;
  const host = dice.pick(Object.keys(hosts));
  const policy = dice.pick(Object.keys(policies));
  const own = hosts[host] as PlannedHost;
  const schedule = policies[policy] as PlannedPolicy;
  switch (dice.below(7)) {
    case 0: {
      const i = Object.keys(hosts).length + 5000 + dice.below(4000);
      if (hosts[hostName(i)] !== undefined) return fleet;
      const added = { ...hosts, [hostName(i)]: { node: nodeId(i), sets: own.sets } };
      return { hosts: added, policies: withMember(policies, host, [host, hostName(i)]) };
    }
    case 1:
      return withoutHost(fleet, host);
    case 2: {
      const name = `${host.slice(0, 5)}-renamed${dice.below(1000)}`;
      const { [host]: _, ...others } = hosts;
      return { hosts: { ...others, [name]: own }, policies: withMember(policies, host, [name]) };
    }
    case 3: {
      const name = `${policy.slice(0, 12)}-r${dice.below(1000)}`;
      const { [policy]: _, ...others } = policies;
      return { hosts, policies: { ...others, [name]: schedule } };
    }
    case 4: {
      const day = new Date(at + dice.below(10) * DAY).toISOString().slice(0, 10);
      const { pause, ...awake } = own;
      return { hosts: { ...hosts, [host]: pause === undefined ? { ...own, pause: { until: day } } : awake }, policies };
    }
    default:
      return { hosts, policies: { ...policies, [policy]: laterBy(schedule, dice) } };
  }
}

/** Moved by some hours of the day, or given a longer or shorter deadline. */
function laterBy(policy: PlannedPolicy, dice: Dice): PlannedPolicy {
  if (dice.chance(0.3)) return { ...policy, deadline: Math.max(1, policy.deadline - 1) };
  const minutes = dice.below(60);
  const moved = (cron: string | undefined) => cron?.replace(/\((\d+) /, `(${minutes} `);
  const { full, incremental, ...rest } = policy;
  return {
    ...rest,
    ...(full === undefined ? {} : { full: moved(full) as string }),
    ...(incremental === undefined ? {} : { incremental: moved(incremental) as string }),
  };
}

function withMember(policies: PlannedFleet['policies'], host: string, instead: readonly string[]) {
  return Object.fromEntries(
    Object.entries(policies).map(([name, policy]) => [
      name,
      { ...policy, hosts: policy.hosts.flatMap((one) => (one === host ? instead : [one])) },
    ]),
  );
}

function withoutHost({ hosts, policies }: PlannedFleet, host: string): PlannedFleet {
  const { [host]: _, ...others } = hosts;
  const without = withMember(policies, host, []);
  // A policy needs a host that has its sets.
  if (Object.values(without).some((policy) => policy.hosts.length === 0)) return { hosts, policies };
  return { hosts: others, policies: without };
}

/** As it is written in YAML. */
export function written({ hosts, policies }: PlannedFleet, recipient: string): Json {
  return {
    store: 's3://simulated',
    recipients: [recipient],
    hosts: Object.fromEntries(
      Object.entries(hosts).map(([name, { node, sets, pause }]) => [
        name,
        { node, sets: [...sets], ...(pause === undefined ? {} : { pause: { until: pause.until } }) },
      ]),
    ),
    policies: Object.fromEntries(
      Object.entries(policies).map(([name, { deadline, hosts, sets, full, incremental }]) => [
        name,
        {
          hosts: [...hosts],
          ...(sets === undefined ? {} : { sets: [...sets] }),
          ...(full === undefined ? {} : { full }),
          ...(incremental === undefined ? {} : { incremental }),
          deadline: `${deadline}h`,
        },
      ]),
    ),
  };
}
