/**
 * The newest slot of each host and set whose deadline has passed. A slot belongs to the fleet file of its due minute:
 * whatever was changed since, that file's deadline counts, and what it asked for was due.
 */

import type { Fleet } from '../contract/fleet.ts';
import type { FleetArchive, Ruling } from '../functions/lib/fleet-archive.ts';
import { slotsOfRuling } from '../functions/lib/slots-of-ruling.ts';
import { onlyHosts } from './fleet-due.ts';

const DAY = 86_400_000;
/** How far back a slot is looked for, the nearest first: most were due lately, and no schedule is rarer than the last. */
const WINDOWS = [1, 8, 35, 400];

export interface ClosedSlot {
  readonly policy: string;
  readonly due: string;
  readonly run: string;
}

interface Watched {
  readonly host: string;
  readonly node: string;
  readonly set: string;
}

/** What a fleet file names, whether a policy asks for it or not. */
export function watchedSets(fleet: Fleet): Watched[] {
  return Object.entries(fleet.hosts).flatMap(([host, { node, sets }]) => sets.map((set) => ({ host, node, set })));
}

/**
 * By `host/set`, of those that `fleet`, the file in force, has; none for a host that is paused. It goes back from file
 * to file as long as these have the set too, on the same node.
 */
export async function newestClosedSlots(
  fleets: FleetArchive,
  fleet: Fleet,
  now: Date,
): Promise<Map<string, ClosedSlot>> {
  const found = new Map<string, ClosedSlot>();
  const today = now.toISOString().slice(0, 10);
  let left = watchedSets(fleet).filter(({ host }) => (fleet.hosts[host]?.pause?.until ?? '') <= today);
  let to = now;
  for (const days of WINDOWS) {
    const from = new Date(now.getTime() - days * DAY);
    const { rulings } = await fleets.history(from);
    const oldest = rulings.at(-1);
    for (const one of rulings) {
      // Where older files are lost, the stamps of the oldest one say since when its policies have been there.
      const ruling = one === oldest ? { ...one, applied: new Date(Math.min(+one.applied, +from)) } : one;
      if (left.length === 0) return found;
      const there = new Set(watchedSets(ruling.fleet).map(idOf));
      left = left.filter((one) => there.has(idOf(one)));
      note(closedIn(ruling, { left, from, to, now }), left, found);
      left = left.filter((one) => !found.has(nameOf(one)));
    }
    to = from;
  }
  return found;
}

const nameOf = ({ host, set }: Omit<Watched, 'node'>) => `${host}/${set}`;
const idOf = ({ host, node, set }: Watched) => `${host}/${set}/${node}`;

/** The newest first. */
function closedIn(
  { fleet, applied, until }: Ruling,
  { left, from, to, now }: { left: readonly Watched[]; from: Date; to: Date; now: Date },
) {
  const wanted = onlyHosts(fleet, new Set(left.map(({ host }) => host)));
  return slotsOfRuling({ fleet: wanted, applied, until }, from, to)
    .filter(({ deadline }) => deadline <= now)
    .reverse();
}

function note(slots: ReturnType<typeof closedIn>, left: readonly Watched[], found: Map<string, ClosedSlot>): void {
  const wanted = new Set(left.map(nameOf));
  for (const { policy, due, asked } of slots) {
    for (const one of asked) {
      if (!wanted.delete(nameOf(one))) continue;
      found.set(nameOf(one), { policy, due: due.toISOString(), run: one.run });
    }
    if (wanted.size === 0) return;
  }
}
