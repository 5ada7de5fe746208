/**
 * What time it is, as far as that can be known. A fleet file says since when things are due: with a clock that is ahead
 * of the stack's, what is new would be watched too late, with one that is behind, missed before it was there.
 */

import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { objectKey } from '../contract/keys.ts';
import type { FleetInForce } from '../repository/fleet.ts';
import type { ObjectStore } from '../store/port.ts';
import type { Clock } from '../system/clock.ts';
import type { NodesPort } from './fleet-nodes.ts';

/** Milliseconds that a clock may be off; the same that makes a host's a notice. */
const TOLERATED = 10 * 60_000;

/**
 * The stack's time, or this machine's where the stack has none of its own; never before the fleet file in force was
 * applied, because a file cannot be replaced before that. Throws `clock-wrong` where this machine's clock is more than
 * ten minutes off from the stack's, or behind of what is in the store already.
 */
export async function agreedTime(
  { store, clock, nodes }: { store: ObjectStore; clock: Clock; nodes: Pick<NodesPort, 'stackTime'> | null },
  { name, put }: FleetInForce,
): Promise<Date> {
  const here = clock.now();
  const there = (await nodes?.stackTime()) ?? null;
  if (there !== null && Math.abs(+here - +there) > TOLERATED) throw wrong(here, `at AWS it is ${words(there)}`);

  const audited = await lastAudit(store);
  const applied = name === null ? null : new Date(name.applied);
  const known: [Date | null, string][] = [
    [applied, 'the fleet file in force was applied at'],
    [put, 'the store received the fleet file in force at'],
    [audited, 'audit last ran at'],
  ];
  for (const [instant, what] of known) {
    if (instant !== null && +here < +instant - TOLERATED) throw wrong(here, `${what} ${words(instant)}`);
  }
  return new Date(Math.max(+(there ?? here), +(applied ?? 0)));
}

async function lastAudit(store: ObjectStore): Promise<Date | null> {
  try {
    return (await store.head(objectKey({ kind: 'audit-state' }))).lastModified;
  } catch (error) {
    if (isOffsiteError(error, 'store-absent')) return null;
    throw error;
  }
}

function wrong(here: Date, but: string): OffsiteError {
  return new OffsiteError('clock-wrong', `the clock of this machine says ${words(here)}, but ${but}`);
}

const words = (instant: Date) => `${instant.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
