/** The fleet file: hosts, their sets, and when they are due. */

import * as z from 'zod';
import { nextDue, parseCron, shortestInterval } from './cron.ts';
import { field } from './document.ts';
import { OffsiteError } from './errors.ts';
import { explain, explainProto } from './host-config.ts';
import { isFingerprint, isNodeId } from './ids.ts';
import { duration } from './units.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const MAX_POLICIES = 140;
/** The command service delivers a command for no longer (SSM SendCommand, TimeoutSeconds). */
const LONGEST_DEADLINE = 30 * DAY;
/** What an operator asks for by hand; no policy may have its name. */
export const MANUAL_POLICY = 'manual';
/** Jobs and `expected.json` hold no longer one. */
const MAX_SPLAY = DAY;
/** When digests are due where the fleet file does not say. */
export const DEFAULT_DIGEST = 'cron(0 7 * * ? *)';

/** The calendar has such a day: not 31 February, which Date takes for 3 March. */
function isDay(text: string): boolean {
  const midnight = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(+midnight) && midnight.toISOString().startsWith(text);
}

/** `since` is stamped by `fleet apply`: nothing is due, and nothing missed, before it. */
const since = field.instant.optional();
const fingerprint = z.string().refine(isFingerprint, 'must be a fingerprint of 40 uppercase hex digits');
const day = z.string().refine(isDay, 'must be a date like 2026-12-24');

const off = z.literal('off');

const hostSchema = z.strictObject({
  node: z.string().refine(isNodeId, 'must be a node id'),
  sets: z.array(field.set).min(1, 'must name at least one set'),
  signingKey: fingerprint.optional(),
  pause: z.strictObject({ until: day }).optional(),
  /** `off`, or sets by name with `off`: runs unlike those before them are noted, not suspect. */
  anomalies: z.union([off, z.record(field.set, off)], 'must be `off`, or sets by name with `off`').optional(),
  since,
});
export type FleetHost = z.infer<typeof hostSchema>;

const policySchema = z.strictObject({
  hosts: z.array(field.host).min(1, 'must name at least one host'),
  sets: z
    .union(
      [z.literal('all'), z.array(field.set).min(1, 'must name at least one set')],
      'must be `all` or a list of sets',
    )
    .default('all'),
  full: z.string().optional(),
  incremental: z.string().optional(),
  deadline: duration.default(8 * 60 * MINUTE),
  splay: duration.default(0),
  since,
  /** By host, then set: stamps of what came into the policy later than both the policy and the host. */
  joined: z.record(field.host, z.record(field.set, field.instant)).optional(),
});
export type FleetPolicy = z.infer<typeof policySchema>;

/** Every key; docs/fleet.md says what each means, and a test holds the two together. */
export const fleetSchema = z.strictObject({
  store: z.string().min(1),
  stack: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be a stack name')
    .default('offsite'),
  recipients: z.array(fingerprint).min(1, 'must name at least one primary key'),
  hosts: z.record(field.host, hostSchema),
  policies: z.record(field.policy, policySchema),
  digest: z.string().default(DEFAULT_DIGEST),
  heartbeat: z.url({ protocol: /^https?$/, error: 'must be a URL like https://example.org/ping' }).optional(),
});
/** Durations in milliseconds. */
export type Fleet = z.infer<typeof fleetSchema>;

/** The sets of one of its hosts that a policy is about, as the host has them. */
export function setsInPolicy(
  { hosts }: Pick<Fleet, 'hosts'>,
  { sets }: Pick<FleetPolicy, 'sets'>,
  host: string,
): string[] {
  const own = (Object.hasOwn(hosts, host) ? hosts[host] : undefined)?.sets ?? [];
  return sets === 'all' ? own : own.filter((set) => sets.includes(set));
}

/**
 * Checks a parsed fleet file. `now` is for the schedules: one without a due time in the next 400 days is refused.
 * Throws `fleet-invalid` naming `file`, the field, what was found and what is expected.
 */
export function parseFleet(value: unknown, file: string, now: Date): Fleet {
  const result = fleetSchema.safeParse(value ?? {});
  const refuse = (why: string) => new OffsiteError('fleet-invalid', `${file}: ${why}`);
  const unseen = explainProto(value);
  if (unseen !== null) throw refuse(unseen);
  if (!result.success) throw refuse(explain(result.error, value));
  const why = contradiction(result.data, now);
  if (why !== null) throw refuse(why);
  return result.data;
}

function contradiction(fleet: Fleet, now: Date): string | null {
  const nodes = new Map<string, string>();
  for (const [name, host] of Object.entries(fleet.hosts)) {
    const other = nodes.get(host.node);
    if (other !== undefined) return `hosts.${name}.node: ${host.node} is the node of ${other} already`;
    nodes.set(host.node, name);
    const twice = namedTwice(host.sets);
    if (twice !== undefined) return `hosts.${name}.sets: names ${twice} twice`;
    const unknown = Object.keys(host.anomalies ?? {}).find(
      (set) => host.anomalies !== 'off' && !host.sets.includes(set),
    );
    if (unknown !== undefined) return `hosts.${name}.anomalies: the host has no set ${unknown}`;
  }
  const policies = Object.entries(fleet.policies);
  if (policies.length > MAX_POLICIES)
    return `policies: ${policies.length} are more than the ${MAX_POLICIES} that fit one event bus`;
  for (const [name, policy] of policies) {
    if (name === MANUAL_POLICY) return `policies.${name}: the name is kept for runs that an operator asks for`;
    const why = contradictionOfPolicy(policy, fleet, now);
    if (why !== null) return `policies.${name}.${why}`;
  }
  return scheduleProblem('digest', fleet.digest, now);
}

function contradictionOfPolicy(policy: FleetPolicy, fleet: Fleet, now: Date): string | null {
  for (const place of ['hosts', 'sets'] as const) {
    const names = policy[place];
    const twice = names === 'all' ? undefined : namedTwice(names);
    if (twice !== undefined) return `${place}: names ${twice} twice`;
  }
  const known = new Set<string>();
  for (const name of policy.hosts) {
    const host = fleet.hosts[name];
    if (host === undefined) return `hosts: no host ${name} in this file`;
    for (const set of host.sets) known.add(set);
  }
  if (policy.sets !== 'all') {
    const unknown = policy.sets.find((set) => !known.has(set));
    if (unknown !== undefined) return `sets: none of its hosts has a set ${unknown}`;
    // It would be in the policy and never be backed up by it.
    const { sets } = policy;
    const idle = policy.hosts.find((name) => !fleet.hosts[name]?.sets.some((set) => sets.includes(set)));
    if (idle !== undefined) return `hosts: ${idle} has none of the sets ${sets.join(', ')}`;
  }
  if (policy.full === undefined && policy.incremental === undefined)
    return 'full: needs a schedule, full or incremental or both';
  if (policy.deadline > LONGEST_DEADLINE) return 'deadline: must be 30d or less';
  if (policy.deadline < MINUTE) return `deadline: must be 1m or more (found ${policy.deadline / 1000} seconds)`;
  if (policy.splay > MAX_SPLAY) return `splay: must be 24h or less (found ${minutes(policy.splay)})`;
  if (policy.splay >= policy.deadline)
    return `splay: ${minutes(policy.splay)} is not shorter than the deadline, ${minutes(policy.deadline)}`;
  for (const type of ['full', 'incremental'] as const) {
    const schedule = policy[type];
    if (schedule === undefined) continue;
    const why = scheduleProblem(type, schedule, now);
    if (why !== null) return why;
    const shortest = shortestInterval(parseCron(schedule), now);
    if (shortest !== null && policy.deadline > shortest) {
      return `deadline: ${minutes(policy.deadline)} is longer than the shortest time between two ${type} runs, ${minutes(shortest)}`;
    }
  }
  return null;
}

const minutes = (milliseconds: number) => `${milliseconds / MINUTE} minute${milliseconds === MINUTE ? '' : 's'}`;

function namedTwice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

function scheduleProblem(place: string, schedule: string, now: Date): string | null {
  try {
    const next = nextDue(parseCron(schedule), now);
    if (next === null || next.getTime() - now.getTime() > 400 * DAY)
      return `${place}: ${schedule} is never due in the next 400 days`;
    return null;
  } catch (error) {
    if (error instanceof OffsiteError) return `${place}: ${error.message}`;
    throw error;
  }
}
