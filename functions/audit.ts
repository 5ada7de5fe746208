/**
 * Audit: is everything there that should be? It runs every quarter of an hour, and whatever happened in between (events
 * lost, functions dead, itself not running for days) it finds out from the store and the clock.
 *
 * It judges every slot whose deadline has passed since it last did, and those it left open: by the verdicts that are
 * there, by the manifests it finds itself, and at last by the silence. What cannot be judged now stays open, and never
 * keeps the others from being judged. Its place moves on when all that was recorded; dying before that does it all again.
 */

import { FORMAT } from '../contract/document.ts';
import { instantText } from '../contract/ids.ts';
import { objectKey } from '../contract/keys.ts';
import { type AuditState, auditStateKind } from '../contract/verdict.ts';
import type { PutCondition } from '../store/port.ts';
import { auditDeadLetters } from './lib/audit-dead-letters.ts';
import { auditFleetFile } from './lib/audit-fleet.ts';
import { auditListeners, beatHeart } from './lib/audit-listeners.ts';
import { auditSlot, type SlotReport } from './lib/audit-slot.ts';
import { lastDigest, sendDigest } from './lib/digest.ts';
import { isRace, putDocument, readDocument } from './lib/documents.ts';
import { beginPass, type Pass, withAlerts } from './lib/pass.ts';
import { LONGEST_DEADLINE, slotsToJudge } from './lib/slots-to-judge.ts';
import { tellUntold } from './lib/tell-untold.ts';
import type { DeadLetterCount } from './ports/dead-letters.ts';
import type { Heartbeat } from './ports/heartbeat.ts';
import type { Stack } from './stack.ts';

/** What audit looks at and asks outside of the store; what is not there is not looked at. */
export interface AuditPorts {
  readonly deadLetters?: DeadLetterCount;
  readonly heartbeat?: Heartbeat;
}

export interface Audited {
  /** Slots looked at, by due minute. */
  readonly slots: readonly SlotReport[];
  /** Slots left open. */
  readonly open: number;
  /** Problems told that somebody had recorded and not told. */
  readonly toldAnew: number;
  /** True where the daily digest was due and was sent. */
  readonly digestSent: boolean;
  /** What somebody should know and is no reason to fail. */
  readonly warnings: readonly string[];
  /** What went wrong. Whoever runs this must fail where there is any, so that somebody is told. */
  readonly errors: readonly unknown[];
}

const STATE_KEY = objectKey({ kind: 'audit-state' });

/** One audit of everything. Two at once do no harm. Throws where it cannot even tell what to look at. */
export async function audit(stack: Stack, { deadLetters, heartbeat }: AuditPorts = {}): Promise<Audited> {
  const now = stack.clock.now();
  const { document, condition } = await readDocument(stack.store, STATE_KEY, auditStateKind);
  const state = document ?? (await firstState(stack, now));
  const pass = await withAlerts(await beginPass(stack, oldestInstant(state)));
  const errors: unknown[] = [];

  errors.push(...(await auditFleetFile(pass)));
  const { somebodyListens, errors: unheard } = await auditListeners(pass);
  errors.push(...unheard);
  const slots: SlotReport[] = [];
  for (const name of await slotsToJudge(pass, state, now)) {
    const due = instantText(name.due);
    const before = state.open.find((one) => one.policy === name.policy && one.due === due) ?? null;
    const report = await auditSlot(pass, name, before);
    errors.push(...report.errors);
    slots.push(report);
  }
  const open = slots
    .filter(({ isClosed }) => !isClosed)
    .map(({ policy, due, waiting }) => ({ policy, due: instantText(due), waiting }));
  const letters = await auditDeadLetters(pass, deadLetters, state.deadLetters, now);
  errors.push(...letters.errors);
  // Everything is recorded by now, so that what belongs together is told together.
  const untold = somebodyListens ? await tellUntold(pass, state, now) : { ...state, toldAnew: 0, errors: [] };
  errors.push(...untold.errors);

  const place = { cursor: instantText(now), open, told: untold.told, nextLook: untold.nextLook };
  const rest = { digest: lastDigest(state, now), deadLetters: letters.lookedAt };
  const isSaved = await save(pass, { type: auditStateKind.type, format: FORMAT, ...place, ...rest }, condition);
  // Last of all, for it reads a record of every set: should it take too long, everything else is done. One of two audits sends it.
  const isHeard = isSaved && somebodyListens;
  const sent = isHeard ? await sendDigest(pass, rest.digest, now) : { isSent: false, errors: [] };
  errors.push(...sent.errors);
  const warnings = errors.length === 0 ? await beatHeart(pass, heartbeat) : [];
  return { slots, open: open.length, toldAnew: untold.toldAnew, digestSent: sent.isSent, warnings, errors };
}

/** Without a place to go on from it looks as far back as a deadline can reach; what was closed then stays closed. */
async function firstState(stack: Stack, now: Date): Promise<AuditState> {
  const start = new Date(now.getTime() - LONGEST_DEADLINE);
  const { rulings } = await stack.fleets.history(start);
  const first = rulings.at(-1)?.applied;
  const cursor = instantText(first !== undefined && first > start ? first : start);
  const unknown = { digest: null, deadLetters: null, nextLook: null };
  return { type: auditStateKind.type, format: FORMAT, cursor, open: [], told: cursor, ...unknown };
}

/** How far back the fleet file's history is needed. */
function oldestInstant({ cursor, open }: AuditState): Date {
  const dues = open.map(({ due }) => Date.parse(due));
  return new Date(Math.min(Date.parse(cursor) - LONGEST_DEADLINE, ...dues));
}

/** False where another audit was faster. */
async function save({ store }: Pass, state: AuditState, condition: PutCondition): Promise<boolean> {
  try {
    await putDocument(store, STATE_KEY, auditStateKind, state, condition);
    return true;
  } catch (error) {
    // Another audit was at work at the same time, and has found the same.
    if (!isRace(error)) throw error;
    return false;
  }
}
