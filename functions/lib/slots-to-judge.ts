/** Which slots an audit has to judge: those whose deadline came since the last one, and those that were left open. */

import { MANUAL_POLICY } from '../../contract/fleet.ts';
import { instantText, parseCompact } from '../../contract/ids.ts';
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
    const deadline = (await askedSlot(pass, slot.policy, slot.due))?.deadline;
    if (deadline !== undefined && deadline > cursor && deadline <= now) add(slot);
  }
  return [...names.values()].sort((one, other) => +one.due - +other.due || (one.policy < other.policy ? -1 : 1));
}

/** By each fleet file for the time that it ruled. */
function* scheduled({ rulings }: FleetHistory, cursor: Date, now: Date) {
  for (const ruling of rulings) {
    yield* slotsOfRuling(ruling, new Date(+cursor - longestDeadline(ruling.fleet.policies) - 1), now);
  }
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

/** Slots of which something lies in the store, one listing each: what lies under a slot itself is leapt over. */
async function* dispatched(store: ObjectStore, from: Date, now: Date): AsyncGenerator<SlotName> {
  for (let after = slotsOfDue(from); ; ) {
    let next: string | undefined;
    for await (const { key } of store.list(ALL_SLOTS, { after })) {
      next = key;
      break;
    }
    if (next === undefined) return;
    const place = parseObjectKey(next);
    const due = place !== null && 'due' in place ? place.due : parseCompact(next.split('/')[1] ?? '');
    if (due !== null && due > now) return;
    if (place !== null && 'due' in place) yield { policy: place.policy, due: place.due };
    after = place !== null && 'due' in place ? `${slotFolder(place)}${BEYOND}` : next;
  }
}
