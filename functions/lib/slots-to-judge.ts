/** Which slots an audit has to judge: those whose deadline came since the last one, and those that were left open. */

import { MANUAL_POLICY } from '../../contract/fleet.ts';
import { instantText } from '../../contract/ids.ts';
import { ALL_SLOTS, parseObjectKey, slotFolder, slotsOfDue } from '../../contract/keys.ts';
import type { AuditState } from '../../contract/verdict.ts';
import type { ObjectStore } from '../../store/port.ts';
import { slotAt } from '../rules/slots.ts';
import { askedSlot } from './asked.ts';
import { type FleetHistory, rulingAt } from './fleet-archive.ts';
import type { Pass } from './pass.ts';
import { slotsOfRuling } from './slots-of-ruling.ts';

export interface SlotName {
  readonly policy: string;
  readonly due: Date;
}

/** How far back fleet files are looked for that have been replaced: SSM delivers no command after more than 30 days. */
export const LONGEST_DEADLINE = 31 * 86_400_000;
/** Sorts behind every name that a key can have. */
const BEYOND = '~';
/** A page of a listing has a thousand keys: slots of a few hosts share one, what is larger costs one each. */
const LEAP_AFTER = 100;

/**
 * Slots by due minute whose deadline lies in (cursor, now], by the schedule of the fleet file that ruled at their due
 * minute and by every `expected.json` there is; and the open ones. Slots of policy `manual` are the operator's own
 * affair, unless a schedule is called so.
 */
export async function slotsToJudge(
  pass: Pass,
  state: Pick<AuditState, 'cursor' | 'open'>,
  now: Date,
): Promise<SlotName[]> {
  const cursor = new Date(state.cursor);
  const names = new Map<string, SlotName>();
  const add = ({ policy, due }: SlotName) => names.set(`${instantText(due)} ${policy}`, { policy, due });
  for (const { policy, due } of state.open) add({ policy, due: new Date(due) });
  for (const slot of scheduled(pass.history, cursor, now))
    if (slot.deadline > cursor && slot.deadline <= now) add(slot);
  for await (const slot of dispatched(pass.store, oldestDue(pass.history, cursor), now)) {
    if (isScheduled(pass.history, slot) || slot.policy === MANUAL_POLICY) continue;
    const isDue = await deadlineOf(pass, slot).then(
      (deadline) => deadline !== null && deadline > cursor && deadline <= now,
      // It is there and cannot be read. Its own audit says so, and keeps it open until it can be, and its deadline has come.
      () => true,
    );
    if (isDue) add(slot);
  }
  return [...names.values()].sort((one, other) => +one.due - +other.due || (one.policy < other.policy ? -1 : 1));
}

/** By each fleet file for the time that it ruled. */
function* scheduled({ rulings }: FleetHistory, cursor: Date, now: Date) {
  for (const ruling of rulings) {
    yield* slotsOfRuling(ruling, new Date(+cursor - longestDeadline(ruling.fleet.policies) - 1), now);
  }
}

async function deadlineOf(pass: Pass, { policy, due }: SlotName): Promise<Date | null> {
  return (await askedSlot(pass, policy, due))?.deadline ?? null;
}

function isScheduled(history: FleetHistory, { policy, due }: SlotName): boolean {
  const ruling = rulingAt(history, due);
  return ruling !== null && slotAt(ruling.fleet, policy, due) !== null;
}

/** The oldest due minute whose deadline can lie after the cursor. */
function oldestDue({ rulings }: FleetHistory, cursor: Date): Date {
  const deadlines = rulings.map(({ fleet }) => longestDeadline(fleet.policies));
  return new Date(+cursor - Math.max(86_400_000, ...deadlines));
}

function longestDeadline(policies: Record<string, { deadline: number }>): number {
  return Math.max(0, ...Object.values(policies).map(({ deadline }) => deadline));
}

/** Slots of which something lies in the store. What lies under a large one is leapt over, with a listing of its own. */
async function* dispatched(store: ObjectStore, from: Date, now: Date): AsyncGenerator<SlotName> {
  for (let after: string | null = slotsOfDue(from); after !== null; ) {
    let folder = '';
    let seen = 0;
    let next: string | null = null;
    for await (const { key } of store.list(ALL_SLOTS, { after })) {
      const place = parseObjectKey(key);
      if (place === null || !('due' in place)) continue;
      if (place.due > now) return;
      if (!key.startsWith(folder) || folder === '') {
        [folder, seen] = [slotFolder(place), 0];
        yield { policy: place.policy, due: place.due };
      } else if (++seen === LEAP_AFTER) {
        next = `${folder}${BEYOND}`;
        break;
      }
    }
    after = next;
  }
}
