/**
 * What is due when: the one place that says it, for dispatch, audit, check and apply alike. Pure.
 *
 * A policy is due at the minutes of its two schedules. An incremental is left out where a full of the same policy does
 * its work: one that is still open (full.due <= due < full.due + deadline), or one due within the next 60 minutes. All
 * of it is decided host by host, because a full that is not due for a host (paused, or not there yet) protects nothing
 * of it: then its incremental is due.
 */

import { type Cron, dueBetween, parseCron } from '../../contract/cron.ts';
import { type Fleet, type FleetHost, type FleetPolicy, MANUAL_POLICY, setsInPolicy } from '../../contract/fleet.ts';
import { type RunId, runIdForSlot } from '../../contract/ids.ts';

/** An incremental gives way to a full that is due this much later or sooner. */
const FULL_IS_NEAR = 60 * 60_000;

export type SlotType = 'full' | 'incremental';

/** One run that a slot asks for. */
export interface AskedRun {
  readonly host: string;
  readonly node: string;
  readonly set: string;
  readonly run: RunId;
}

export interface Slot {
  readonly policy: string;
  readonly due: Date;
  readonly type: SlotType;
  readonly deadline: Date;
  /** Milliseconds over which the hosts spread their starts. */
  readonly splay: number;
  /** At least one; by host, then set, as the fleet file has them. */
  readonly asked: readonly AskedRun[];
}

/**
 * All slots due in (from, to], by due minute, then policy. A slot that asks nothing of anyone is not there. Nothing is
 * due before the `since` stamp of its policy or host, or before it joined the policy, nor for a host that is paused until
 * a later day.
 */
export function slotsBetween(fleet: Fleet, from: Date, to: Date): Slot[] {
  const slots: Slot[] = [];
  for (const name of Object.keys(fleet.policies)) slots.push(...slotsOfPolicy(fleet, name, from, to));
  return slots.sort((one, other) => +one.due - +other.due || (one.policy < other.policy ? -1 : 1));
}

function slotsOfPolicy(fleet: Fleet, name: string, from: Date, to: Date): Slot[] {
  const policy = fleet.policies[name];
  const minutes = policy === undefined ? [] : dueMinutes(policy, from, to);
  if (policy === undefined || minutes.length === 0) return [];
  const members = policy.hosts.flatMap((host) => membersOf(fleet, policy, host)).filter(({ sets }) => sets.length > 0);
  return minutes
    .filter(({ isDueFor }) => members.some(isDueFor))
    .map((minute) => slotOf(name, policy, minute, members));
}

/** Run ids are hashes, thousands of them in a slot, and not everybody who looks for slots looks at its runs. */
function slotOf(name: string, { deadline, splay }: FleetPolicy, minute: DueMinute, members: readonly Member[]): Slot {
  let asked: AskedRun[] | undefined;
  const { due, type, isDueFor } = minute;
  return {
    policy: name,
    due,
    type,
    deadline: new Date(due.getTime() + deadline),
    splay,
    get asked() {
      asked ??= members.filter(isDueFor).flatMap((member) => runsOf(name, due, member));
      return asked;
    },
  };
}

/** Slots that were asked for by name, the newest last: audit looks at the same open ones time and again. */
const known = new WeakMap<Fleet, Map<string, Slot | null>>();
const MAX_KNOWN = 32;

/** The slot of this policy and due minute, or null where nothing is due then. Fleet files never change once they are read. */
export function slotAt(fleet: Fleet, policy: string, due: Date): Slot | null {
  if (ownOf(fleet.policies, policy) === undefined) return null;
  const ofFleet = known.get(fleet) ?? new Map<string, Slot | null>();
  known.set(fleet, ofFleet);
  const name = `${policy} ${due.getTime()}`;
  const found = ofFleet.get(name);
  const slot =
    found === undefined ? (slotsOfPolicy(fleet, policy, new Date(due.getTime() - 1), due)[0] ?? null) : found;
  ofFleet.delete(name);
  ofFleet.set(name, slot);
  const [oldest] = ofFleet.keys();
  if (ofFleet.size > MAX_KNOWN && oldest !== undefined) ofFleet.delete(oldest);
  return slot;
}

/** A slot of the policy `manual`: dispatched like others, never judged by audit. It asks one host for backups now, to the second; of all its sets unless some are named. Null for an unknown host. */
export function manualSlot(
  fleet: Fleet,
  wanted: { host: string; sets?: readonly string[]; type: SlotType; due: Date; deadline: Date },
): Slot | null {
  const host = ownOf(fleet.hosts, wanted.host);
  if (host === undefined) return null;
  const { type, deadline } = wanted;
  const due = new Date(Math.floor(wanted.due.getTime() / 1000) * 1000);
  const asked = runsOf(MANUAL_POLICY, due, { name: wanted.host, host, sets: wanted.sets ?? host.sets });
  return { policy: MANUAL_POLICY, due, type, deadline, splay: 0, asked };
}

/** Sets of a host that are in a policy, and always due together. */
interface Member {
  readonly name: string;
  readonly host: FleetHost;
  readonly sets: readonly string[];
  /** When they came into the policy, where that was later than host and policy did. */
  readonly joined?: string;
}

/** Names come from events too, and `constructor` is no policy. */
function ownOf<T>(record: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function membersOf(fleet: Fleet, policy: FleetPolicy, name: string): Member[] {
  const host = fleet.hosts[name];
  if (host === undefined) return [];
  const sets = setsInPolicy(fleet, policy, name);
  const joined = policy.joined === undefined ? undefined : ownOf(policy.joined, name);
  if (joined === undefined) return [{ name, host, sets }];
  return sets.map((set) => {
    const at = ownOf(joined, set);
    return { name, host, sets: [set], ...(at === undefined ? {} : { joined: at }) };
  });
}

function runsOf(policy: string, due: Date, { name, host: { node }, sets }: Member): AskedRun[] {
  return sets.map((set) => ({ host: name, node, set, run: runIdForSlot({ policy, due, node, set }) }));
}

interface DueMinute {
  readonly due: Date;
  readonly type: SlotType;
  readonly isDueFor: (member: Member) => boolean;
}

function dueMinutes(policy: FleetPolicy, from: Date, to: Date): DueMinute[] {
  const [first, last] = [from.getTime(), to.getTime()];
  const full = scheduleOf(policy.full);
  const incremental = scheduleOf(policy.incremental);
  // Fulls that can keep an incremental of this time away may be due before or after it.
  const fulls = full === null ? [] : dueIn(full, policy, first - policy.deadline, last + FULL_IS_NEAR);
  const minutes: DueMinute[] = fulls
    .filter((due) => +due > first && +due <= last)
    .map((due) => ({ due, type: 'full', isDueFor: (member) => isWatched(member, due) }));
  if (incremental === null) return minutes;
  for (const due of dueIn(incremental, policy, first, last)) {
    const instead = fulls.filter((one) => +one - FULL_IS_NEAR <= +due && +due < +one + policy.deadline);
    const isDueFor = (member: Member) => isWatched(member, due) && !instead.some((one) => isWatched(member, one));
    minutes.push({ due, type: 'incremental', isDueFor });
  }
  return minutes;
}

function scheduleOf(text: string | undefined): Cron | null {
  return text === undefined ? null : parseCron(text);
}

function dueIn(cron: Cron, policy: FleetPolicy, after: number, until: number): Date[] {
  const since = policy.since === undefined ? after : Math.max(after, Date.parse(policy.since) - 1);
  return dueBetween(cron, new Date(since), new Date(until));
}

/** True where it was there at that time and not paused: `until` names the first day that counts again. */
function isWatched({ host, joined }: Member, due: Date): boolean {
  if (host.since !== undefined && +due < Date.parse(host.since)) return false;
  if (joined !== undefined && +due < Date.parse(joined)) return false;
  return host.pause === undefined || +due >= Date.parse(`${host.pause.until}T00:00:00Z`);
}
