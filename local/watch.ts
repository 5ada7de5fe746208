/**
 * The embedded stack, kept running: what rules of EventBridge, events of S3 and Lambda do on AWS, one process does here
 * by the machine's clock. It may be stopped and started at any time, or twice: what was due meanwhile and may still be
 * asked for is asked for, and what was missed meanwhile is found out by audit.
 */

import { runInstant } from '../contract/ids.ts';
import { ALL_ACCEPTED, ALL_RUNS, parseObjectKey } from '../contract/keys.ts';
import { audit } from '../functions/audit.ts';
import { complete } from '../functions/complete.ts';
import { dispatch } from '../functions/dispatch.ts';
import { beginPass } from '../functions/lib/pass.ts';
import { slotsOfRuling } from '../functions/lib/slots-of-ruling.ts';
import { storedVerdict } from '../functions/lib/subject.ts';
import type { Heartbeat } from '../functions/ports/heartbeat.ts';
import { type Slot, slotsBetween } from '../functions/rules/slots.ts';
import type { Stack } from '../functions/stack.ts';
import type { RunPlace } from '../repository/manifests.ts';
import type { Clock } from '../system/clock.ts';
import type { Agents } from './agents.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const AUDIT_EVERY = 15 * MINUTE;
/** No deadline is longer: see contract/fleet.ts. */
const LONGEST_DEADLINE = 30 * DAY;
/** Whatever could not be dispatched is tried again after this long, then after twice as long, up to the other. */
const FIRST_RETRY = MINUTE;
const LAST_RETRY = AUDIT_EVERY;

export interface WatchPorts {
  readonly stack: Stack;
  readonly agents: Agents;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds after which a fleet file that was applied, or a run that came by itself, is seen at the latest. */
  readonly every: number;
  readonly heartbeat?: Heartbeat;
  readonly onDispatched?: (slot: Pick<Slot, 'policy' | 'due' | 'type'>, nodes: number) => void;
  readonly onAudited?: (slots: number, open: number) => void;
  /** What failed; it is tried again, as on AWS. */
  readonly onError: (error: unknown) => void;
}

/** A slot that could not be dispatched, and when it is tried again. */
interface Failed {
  readonly slot: Slot;
  readonly at: Date;
  readonly wait: number;
}

/** Dispatches, judges and audits until the signal is aborted. Agents that run then go on by themselves. */
export async function watch(ports: WatchPorts): Promise<void> {
  const { clock, signal, every, agents, onError } = ports;
  const seen = new Set<string>();
  let dispatchedTo = new Date(clock.now().getTime() - LONGEST_DEADLINE);
  let failed: readonly Failed[] = [];
  let nextAudit = clock.now();
  while (!signal.aborted) {
    const now = clock.now();
    await attempt(onError, async () => {
      const slots = await slotsDue(ports.stack, dispatchedTo, now);
      dispatchedTo = now;
      failed = await dispatchAll(ports, slots, failed);
    });
    await attempt(onError, async () => agents.check());
    await attempt(onError, () => judgeNew(ports.stack, seen, onError));
    if (now >= nextAudit) {
      await attempt(onError, () => auditNow(ports));
      nextAudit = new Date(Math.floor(now.getTime() / AUDIT_EVERY + 1) * AUDIT_EVERY);
    }
    const next = (await nextDue(ports.stack, now, nextAudit).catch(() => null)) ?? nextAudit;
    const wait = Math.min(every, Math.max(0, next.getTime() - clock.now().getTime()));
    await clock.sleep(wait, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
  agents.leave();
}

async function attempt(onError: (error: unknown) => void, work: () => Promise<void>): Promise<void> {
  await work().catch(onError);
}

/** What became due in (from, to], by the fleet file of its minute, and may still be asked for. */
async function slotsDue(stack: Stack, from: Date, to: Date): Promise<Slot[]> {
  const { rulings } = await stack.fleets.history(from);
  const slots = rulings.flatMap((ruling) => slotsOfRuling(ruling, from, to));
  return slots.filter(({ deadline }) => deadline > to).sort((one, other) => +one.due - +other.due);
}

/** Dispatches these slots, and those that failed earlier and are to be tried again now; the ones that are left. */
async function dispatchAll(
  { stack, agents, clock, onDispatched, onError }: WatchPorts,
  slots: readonly Slot[],
  before: readonly Failed[],
): Promise<Failed[]> {
  const now = clock.now();
  const open = before.filter(({ slot }) => slot.deadline > now);
  const failed = open.filter(({ at }) => at > now);
  const again = open.filter(({ at }) => at <= now);
  for (const { slot, wait } of [...again, ...slots.map((slot) => ({ slot, wait: FIRST_RETRY }))]) {
    const { policy, type, due } = slot;
    let isDone = true;
    const fails = (error: unknown) => {
      isDone = false;
      onError(error);
    };
    await attempt(fails, async () => {
      // Asking again for what was asked for does nothing.
      const { nodes, errors } = await dispatch(stack, agents, { policy, type, time: due });
      errors.forEach(fails);
      if (nodes > 0) onDispatched?.({ policy, type, due }, nodes);
    });
    if (!isDone) failed.push({ slot, at: new Date(now.getTime() + wait), wait: Math.min(2 * wait, LAST_RETRY) });
  }
  return failed;
}

async function nextDue(stack: Stack, now: Date, until: Date): Promise<Date | null> {
  const { rulings } = await stack.fleets.history(now);
  const fleet = rulings[0]?.fleet;
  return fleet === undefined ? null : (slotsBetween(fleet, now, until)[0]?.due ?? null);
}

/** Manifests and acceptances that came since, and have not been judged: what S3 announces on AWS. */
async function judgeNew(stack: Stack, seen: Set<string>, onError: (error: unknown) => void): Promise<void> {
  for (const prefix of [ALL_RUNS, ALL_ACCEPTED]) {
    for await (const { key } of stack.store.list(prefix)) {
      const place = parseObjectKey(key);
      if (seen.has(key) || (place?.kind !== 'manifest' && place?.kind !== 'accepted')) continue;
      // One that fails keeps no other from being judged.
      await attempt(onError, async () => {
        if (await judgeOne(stack, key, place, onError)) seen.add(key);
      });
    }
  }
}

/** True where nothing is left to do. */
async function judgeOne(
  stack: Stack,
  key: string,
  place: RunPlace & { readonly kind: 'manifest' | 'accepted' },
  onError: (error: unknown) => void,
): Promise<boolean> {
  const verdict = await storedVerdict(await beginPass(stack, runInstant(place.run)), place);
  const enough = place.kind === 'accepted' ? ['acceptance'] : ['manifest', 'acceptance'];
  if (verdict !== null && enough.includes(verdict.witness)) return true;
  const { errors } = await complete(stack, { kind: 'object', key });
  errors.forEach(onError);
  return errors.length === 0;
}

async function auditNow({ stack, heartbeat, onAudited, onError }: WatchPorts): Promise<void> {
  const { slots, open, warnings, errors } = await audit(stack, heartbeat === undefined ? {} : { heartbeat });
  for (const problem of [...warnings, ...errors]) onError(problem);
  onAudited?.(slots.length, open);
}
