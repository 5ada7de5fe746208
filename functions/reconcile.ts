/**
 * Reconcile: the schedules' rules are made to match the fleet file. It runs whenever a fleet file is applied, and daily.
 *
 * Each rule says by which fleet file it was made, so the rules themselves tell what was watched before: whoever is
 * watched no more is mailed about before the first rule changes. Dying in between mails it twice, never not at all.
 * Without a usable fleet file nothing is touched: the last one's rules go on firing, and audit tells people.
 */

import { parseCron } from '../contract/cron.ts';
import { instantText } from '../contract/ids.ts';
import { everyOf } from '../repository/concurrent.ts';
import type { Ruling } from './lib/fleet-archive.ts';
import { NobodyListens } from './ports/notifier.ts';
import type { MadeBy, Schedule, Schedules, WantedSchedule } from './ports/schedules.ts';
import type { SlotType } from './rules/slots.ts';
import { renderUnwatched, type Unwatched, unwatched } from './rules/unwatched.ts';
import type { Stack } from './stack.ts';

export interface Reconciled {
  /** Rules that are there now, and those that were removed. */
  readonly put: readonly Schedule[];
  readonly removed: readonly Schedule[];
  /** Hosts and sets of which people were told that they are watched no more. */
  readonly unwatched: number;
  /** What went wrong. Whoever runs this must fail where there is any, so that it is run again and somebody is told. */
  readonly errors: readonly unknown[];
}

const TYPES: readonly SlotType[] = ['full', 'incremental'];
/** EventBridge takes about fifty requests a second. */
const RULES_AT_ONCE = 4;

/** Makes the rules match. What fails for one rule keeps no other from being made. */
export async function reconcile(stack: Stack, schedules: Schedules): Promise<Reconciled> {
  const found = await schedules.list();
  const before = oldest(found.map(({ madeBy }) => madeBy));
  const { rulings } = await stack.fleets.history(before === null ? stack.clock.now() : new Date(before.applied));
  const [ruling] = rulings;
  if (ruling === undefined) return { put: [], removed: [], unwatched: 0, errors: [] };

  const errors: unknown[] = [];
  const old = rulings.find(({ sha256 }) => sha256 === before?.sha256) ?? ruling;
  const gone = unwatched(old.fleet, ruling.fleet);
  const isTold = await tell(stack, gone, ruling).then(
    () => true,
    (error: unknown) => {
      // Of that nobody listens audit makes a problem; whoever does at last is mailed then.
      if (!(error instanceof NobodyListens)) errors.push(error);
      return false;
    },
  );
  const put: Schedule[] = [];
  const removed: Schedule[] = [];
  // Schedules are made all the same; saying that the old file made them, so that the next run mails again.
  const wanted = wantedOf(ruling, isTold || before === null ? nameOf(ruling) : before);
  const putErrors = await everyOf(wanted, RULES_AT_ONCE, async (schedule) => {
    await schedules.put(schedule);
    put.push({ policy: schedule.policy, type: schedule.type });
  });
  const surplus = found.filter((one) => !wanted.some((other) => isSame(one, other)));
  const removeErrors = await everyOf(surplus, RULES_AT_ONCE, async ({ policy, type }) => {
    await schedules.remove({ policy, type });
    removed.push({ policy, type });
  });
  errors.push(...putErrors, ...removeErrors);
  return { put, removed, unwatched: gone.length, errors };
}

/** Teardown: all rules of this stack's schedules. */
export async function removeSchedules(schedules: Schedules): Promise<void> {
  for (const { policy, type } of await schedules.list()) await schedules.remove({ policy, type });
}

function wantedOf({ fleet }: Ruling, madeBy: MadeBy): WantedSchedule[] {
  return Object.entries(fleet.policies).flatMap(([policy, { deadline, ...schedules }]) =>
    TYPES.flatMap((type) => {
      const schedule = schedules[type];
      return schedule === undefined ? [] : [{ policy, type, cron: parseCron(schedule).text, deadline, madeBy }];
    }),
  );
}

async function tell({ notifier }: Stack, gone: readonly Unwatched[], { applied }: Ruling): Promise<void> {
  if (gone.length > 0) await notifier.publish({ topic: 'alerts', ...renderUnwatched(gone, applied) });
}

const nameOf = ({ applied, sha256 }: Ruling): MadeBy => ({ applied: instantText(applied), sha256 });

/** Rules may be of several versions, where an earlier run died or failed between them. */
function oldest(versions: readonly (MadeBy | null)[]): MadeBy | null {
  const known = versions.filter((version) => version !== null);
  return known.toSorted((one, other) => (one.applied < other.applied ? -1 : 1))[0] ?? null;
}

const isSame = (one: Schedule, other: Schedule) => one.policy === other.policy && one.type === other.type;
