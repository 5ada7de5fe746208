/** What was due while a fleet file was in force: a slot belongs to the file of its due minute, whatever came after. */

import { type Slot, slotsBetween } from '../rules/slots.ts';
import type { Ruling } from './fleet-archive.ts';

/** Slots due in (from, to], from when the file was applied until the next one was; by due minute, then policy. */
export function slotsOfRuling({ fleet, applied, until }: Omit<Ruling, 'sha256'>, from: Date, to: Date): Slot[] {
  const first = Math.max(+applied - 1, +from);
  const last = Math.min(until === null ? +to : +until - 1, +to);
  return first < last ? slotsBetween(fleet, new Date(first), new Date(last)) : [];
}
