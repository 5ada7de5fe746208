/** What should have been backed up by now, and was it: asked of the store, from anywhere, without the stack's word. */

import { OffsiteError } from '../contract/errors.ts';
import type { Fleet } from '../contract/fleet.ts';
import { isPrefixOfNode } from '../contract/ids.ts';
import { FleetArchive } from '../functions/lib/fleet-archive.ts';
import { ManifestReader, type SignedManifest } from '../repository/manifests.ts';
import { displayName, isAccepted, type KnownSet, listManifests, listSets, readRuns } from '../repository/runs.ts';
import { type Believing, isBelieved } from '../repository/select-run.ts';
import { type ClosedSlot, newestClosedSlots, watchedSets } from './closed-slots.ts';

export interface CheckedSet {
  readonly host: string;
  readonly set: string;
  /** The newest accepted, certified run. */
  readonly newest: { run: string; finished: string; ageSeconds: number } | null;
  /** The newest slot whose deadline has passed; null with --max-age. */
  readonly slot: ClosedSlot | null;
  /** Why it is not well; null where it is. */
  readonly problem: string | null;
}

/**
 * Checks every host and set: by the fleet file's slots, or, with `maxAge` (milliseconds), by age alone. Throws
 * `fleet-missing` where there is no fleet file and no `maxAge`.
 */
export async function checkAll(believing: Believing, now: Date, maxAge: number | null): Promise<CheckedSet[]> {
  const fleets = new FleetArchive(believing.store);
  const fleet = (await fleets.history(now)).rulings[0]?.fleet ?? null;
  const known = await listSets(believing.store, believing.trust?.trust ?? null);
  if (maxAge !== null) return checkAges(believing, { fleet, known, now, maxAge });
  if (fleet === null) throw new OffsiteError('fleet-missing', `${believing.store.url} holds no fleet file`);
  return checkSlots(believing, { fleet, fleets, known, now });
}

async function checkSlots(
  believing: Believing,
  { fleet, fleets, known, now }: { fleet: Fleet; fleets: FleetArchive; known: KnownSet[]; now: Date },
): Promise<CheckedSet[]> {
  const slots = await newestClosedSlots(fleets, fleet, now);
  const checked: CheckedSet[] = [];
  for (const { host, node, set } of watchedSets(fleet)) {
    const good = await goodRuns(
      believing,
      known.filter((one) => isPrefixOfNode(one.prefix, node) && one.set === set),
    );
    const slot = slots.get(`${host}/${set}`) ?? null;
    const isThere = slot === null || good.some(({ manifest }) => manifest.run === slot.run);
    // A later good run makes a missed slot no longer matter.
    const isPast =
      slot !== null &&
      good.some(({ manifest }) => Date.parse(manifest.due ?? manifest.started) >= Date.parse(slot.due));
    const problem = isThere || isPast ? null : `no good backup of the slot due ${slot.due}`;
    checked.push({ host, set, newest: newestOf(good, now), slot, problem });
  }
  return checked;
}

async function checkAges(
  believing: Believing,
  { fleet, known, now, maxAge }: { fleet: Fleet | null; known: KnownSet[]; now: Date; maxAge: number },
): Promise<CheckedSet[]> {
  const watched = fleet === null ? knownOrCertified(believing, known) : watchedSets(fleet);
  const checked: CheckedSet[] = [];
  for (const { host, node, set } of watched) {
    const good = await goodRuns(
      believing,
      known.filter((one) => isPrefixOfNode(one.prefix, node) && one.set === set),
    );
    const newest = newestOf(good, now);
    const problem =
      newest === null
        ? 'no good backup at all'
        : newest.ageSeconds * 1000 > maxAge
          ? 'the newest good backup is too old'
          : null;
    checked.push({ host, set, newest, slot: null, problem });
  }
  return checked;
}

/** Without a fleet file: what the store holds, and every certified host that it holds nothing of any more. */
function knownOrCertified({ trust }: Believing, known: KnownSet[]): { host: string; node: string; set: string }[] {
  const there = known.map((one) => ({ host: displayName(one), node: one.prefix, set: one.set }));
  const gone = Object.entries(trust?.trust.hosts ?? {}).filter(
    ([prefix]) => !known.some((one) => one.prefix === prefix),
  );
  return [...there, ...gone.map(([prefix, { name }]) => ({ host: name, node: prefix, set: '-' }))];
}

async function goodRuns(believing: Believing, known: readonly KnownSet[]): Promise<SignedManifest[]> {
  const { store, trust, anchor } = believing;
  const manifests = new ManifestReader(store, trust?.trust ?? null);
  const good: SignedManifest[] = [];
  for (const { prefix, set } of known) {
    const records = await readRuns({ store, manifests, anchor }, await listManifests(store, { prefix, set }));
    for (const record of records) {
      if (record.signed !== null && isAccepted(record) && isBelieved(record.signed, believing))
        good.push(record.signed);
    }
  }
  return good;
}

function newestOf(good: readonly SignedManifest[], now: Date): CheckedSet['newest'] {
  const finished = good.map(({ manifest }) => manifest).sort((one, other) => (one.finished < other.finished ? -1 : 1));
  const newest = finished.at(-1);
  if (newest === undefined) return null;
  const ageSeconds = Math.max(0, Math.round((now.getTime() - Date.parse(newest.finished)) / 1000));
  return { run: newest.run, finished: newest.finished, ageSeconds };
}
