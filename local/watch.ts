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
import { storedVerdict } from '../functions/lib/subject.ts';
import type { Heartbeat } from '../functions/ports/heartbeat.ts';
import { type Slot, slotsBetween } from '../functions/rules/slots.ts';
import type { Stack } from '../functions/stack.ts';
import type { Clock } from '../system/clock.ts';
import type { Agents } from './agents.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const AUDIT_EVERY = 15 * MINUTE;
/** No deadline is longer: see contract/fleet.ts. */
const LONGEST_DEADLINE = 30 * DAY;

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

/** Dispatches, judges and audits until the signal is aborted. Agents that run then go on by themselves. */
export async function watch(ports: WatchPorts): Promise<void> {
  const { clock, signal, every, agents, onError } = ports;
  const seen = new Set<string>();
  let dispatchedTo = new Date(clock.now().getTime() - LONGEST_DEADLINE);
  let nextAudit = clock.now();
  while (!signal.aborted) {
    const now = clock.now();
    await attempt(onError, async () => {
      await dispatchDue(ports, dispatchedTo, now);
      dispatchedTo = now;
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

/** What became due in (from, to] and may still be asked for. Asking again for what was asked for does nothing. */
async function dispatchDue({ stack, agents, onDispatched, onError }: WatchPorts, from: Date, to: Date): Promise<void> {
  const { rulings } = await stack.fleets.history(to);
  const fleet = rulings[0]?.fleet;
  if (fleet === undefined) return;
  for (const { policy, type, due, deadline } of slotsBetween(fleet, from, to)) {
    if (deadline <= to) continue;
    const { nodes, errors } = await dispatch(stack, agents, { policy, type, time: due });
    for (const error of errors) onError(error);
    if (nodes > 0) onDispatched?.({ policy, type, due }, nodes);
  }
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
      const verdict = await storedVerdict(await beginPass(stack, runInstant(place.run)), place);
      const enough = place.kind === 'accepted' ? ['acceptance'] : ['manifest', 'acceptance'];
      if (verdict === null || !enough.includes(verdict.witness)) {
        const { errors } = await complete(stack, { kind: 'object', key });
        for (const error of errors) onError(error);
        if (errors.length > 0) continue;
      }
      seen.add(key);
    }
  }
}

async function auditNow({ stack, heartbeat, onAudited, onError }: WatchPorts): Promise<void> {
  const { slots, open, warnings, errors } = await audit(stack, heartbeat === undefined ? {} : { heartbeat });
  for (const problem of [...warnings, ...errors]) onError(problem);
  onAudited?.(slots.length, open);
}
