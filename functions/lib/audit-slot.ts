/** One slot in an audit: every run that it asks for is judged, or late, or missed, or it is said that it cannot be judged. */

import { FORMAT } from '../../contract/document.ts';
import { instantText } from '../../contract/ids.ts';
import { objectKey, slotFolder } from '../../contract/keys.ts';
import { closedKind, type OpenSlot, type Reason, type Verdict, verdictKind } from '../../contract/verdict.ts';
import { everyOf } from '../../repository/concurrent.ts';
import { followUp, judgeRun, putAndWalk } from '../judge-run.ts';
import { isNotAsked } from '../rules/alerts.ts';
import type { AskedRun } from '../rules/slots.ts';
import {
  busy,
  neverFinished,
  neverStarted,
  notAsked,
  stillRunning,
  troubleOfNotDispatched,
  troubleOfNotJudged,
  troubleOfUnjudged,
  unknownNode,
} from '../rules/trouble.ts';
import { verdictWithoutManifest } from '../rules/verdict-of.ts';
import { type AskedSlot, askedSlot } from './asked.ts';
import { commandsOf, type SlotCommands } from './commands-of-slot.ts';
import { isRace, putDocument, readDocument } from './documents.ts';
import type { Pass } from './pass.ts';
import { closeNotDispatched, closeNotJudged, record } from './problems.ts';
import type { SlotName } from './slots-to-judge.ts';
import { verdictKey } from './subject.ts';
import { tracesOf } from './traces.ts';

export interface SlotReport extends SlotName {
  /** Runs judged in this audit, missed ones among them. */
  readonly judged: number;
  readonly missed: number;
  /** Runs under way past their deadline. */
  readonly late: number;
  /** True once everything that the slot asks for is judged. */
  readonly isClosed: boolean;
  /** What the next audit has to look at again; null for everything. */
  readonly waiting: OpenSlot['waiting'];
  readonly errors: readonly unknown[];
}

/** A run that began and of which no manifest came is waited for so long after its deadline. */
const LATE_FOR = 7 * 86_400_000;
const RUNS_AT_ONCE = 64;
/** More runs than these are not written down one by one: then all of the slot are looked at again. */
const MAX_WAITING = 1000;
/** So many manifests of one slot that nobody judged are no accident of one host's. */
const MANY = 3;
/** Whoever judges a manifest when it comes has done so by then. */
const JUDGED_AT_ONCE = 15 * 60_000;

/** What a slot's audit has found so far. */
interface Found {
  judged: number;
  missed: number;
  late: number;
  /** Runs that were missed because nobody asked for them, in this audit or an earlier one. */
  notAsked: number;
  /** Manifests that were judged before audit came, and by audit. */
  judgedBefore: number;
  judgedByAudit: number;
  /** Those of which there is more to be found. */
  readonly waiting: NonNullable<OpenSlot['waiting']>;
}

/**
 * Judges what of the slot is not judged yet. `before` is what the last audit left of it; null where this is the slot's
 * first one. Verdicts that are there already are followed up in the first audit and in the last one, and those of runs
 * that waited in every one: whoever gave them may have died before their problem was recorded. Errors are returned, not
 * thrown.
 */
export async function auditSlot(
  pass: Pass,
  name: SlotName,
  before: Pick<OpenSlot, 'waiting'> | null,
): Promise<SlotReport> {
  const found: Found = { judged: 0, missed: 0, late: 0, notAsked: 0, judgedBefore: 0, judgedByAudit: 0, waiting: [] };
  const report = (isClosed: boolean, errors: readonly unknown[], waiting = before?.waiting ?? null): SlotReport => {
    const { judged, missed, late } = found;
    return { ...name, judged, missed, late, isClosed, waiting, errors };
  };
  try {
    if (await isClosed(pass, name)) return report(true, []);
    const slot = await askedSlot(pass, name.policy, name.due);
    if (slot === null) throw new Error(`nothing is known any more of the slot ${name.policy} ${instantText(name.due)}`);
    const commands = commandsOf(pass.store, slot);
    const auditAll = (runs: readonly AskedRun[], isJudged: (asked: AskedRun) => boolean) =>
      everyOf(runs, RUNS_AT_ONCE, async (asked) => {
        await auditRun(pass, { slot, asked, commands, isJudged: isJudged(asked) }, found);
      });
    const isDone = () => found.late === 0 && errors.length === 0;
    const [first, rest] = parted(slot.asked, before?.waiting ?? null);
    const errors = await auditAll(first, before === null ? await judgedOf(pass, slot) : () => true);
    if (isDone() && rest.length > 0) errors.push(...(await auditAll(rest, await judgedOf(pass, slot))));
    const isWhole = before === null || isDone();
    if (isWhole) await concludeSlot(pass, slot, found).catch((error: unknown) => errors.push(error));
    if (isDone()) await close(pass, name);
    return report(isDone(), errors, found.waiting.length > MAX_WAITING ? null : found.waiting);
  } catch (error) {
    return report(false, [error]);
  }
}

/** Those that the last audit left, and all others; without its word all have to be looked at. */
function parted(asked: readonly AskedRun[], waiting: OpenSlot['waiting']): [AskedRun[], AskedRun[]] {
  if (waiting === null) return [[...asked], []];
  // A run id is a hash over node and set.
  const runs = new Set(waiting.map(({ run }) => run));
  const parts = Map.groupBy(asked, ({ run }) => runs.has(run));
  return [parts.get(true) ?? [], parts.get(false) ?? []];
}

interface RunInSlot {
  readonly slot: AskedSlot;
  readonly asked: AskedRun;
  readonly commands: SlotCommands;
  /** Whether it had a verdict when the slot was looked at. */
  readonly isJudged: boolean;
}

/** Audits a run; where that fails, that becomes a problem of its own: nobody knows whether there is a backup. */
async function auditRun(pass: Pass, run: RunInSlot, found: Found): Promise<void> {
  try {
    await tryRun(pass, run, found);
  } catch (error) {
    const { slot, asked } = run;
    if (!found.waiting.some(({ run }) => run === asked.run)) found.waiting.push(nameOf(asked));
    // What failed after there was a verdict is tried again, and people know what there is to know.
    const verdict = await readDocument(pass.store, verdictKey(asked, slot), verdictKind).catch(() => null);
    if ((verdict?.document ?? null) === null) await record(pass, troubleOfUnjudged(slot, asked, error));
    throw error;
  }
}

/** A verdict that is there and can be read is followed up; else whatever there is of the run decides. */
async function tryRun(pass: Pass, { slot, asked, commands, isJudged }: RunInSlot, found: Found): Promise<void> {
  const key = verdictKey(asked, slot);
  const known = isJudged ? (await readDocument(pass.store, key, verdictKind)).document : null;
  if (known !== null) {
    await followUp(pass, known, key);
    note(found, known, slot);
    return;
  }
  const traces = await tracesOf(pass.store, await pass.prefixesOf(asked.node), asked);
  let hasVerdict = false;
  for (const place of traces.manifests) hasVerdict = typeof (await judgeRun(pass, place)) === 'object' || hasVerdict;
  if (hasVerdict) {
    found.judged++;
    found.judgedByAudit++;
    return;
  }
  const now = pass.clock.now();
  const { started, alive, skipped } = traces;
  let why: Reason;
  if (skipped !== null) why = busy(skipped.by, skipped.since);
  else if (started !== null && alive !== null) {
    if (+now < +slot.deadline + LATE_FOR) {
      found.late++;
      found.waiting.push(nameOf(asked));
      await recordLate(pass, slot, asked, stillRunning(started, alive, slot.deadline));
      return;
    }
    why = neverFinished(started, alive);
  } else why = await silenceOf(slot, asked, commands);
  const verdict = verdictWithoutManifest({ ...asked, slot }, 'silence', why, now);
  const standing = await putAndWalk(pass, verdict, key);
  found.judged++;
  if (standing.outcome === 'missed') found.missed++;
  if (isNotAsked(standing)) found.notAsked++;
}

/** Nothing came: could the host be asked, and was it? */
async function silenceOf({ deadline }: AskedSlot, asked: AskedRun, commands: SlotCommands): Promise<Reason> {
  const { unknown, isSent } = await commands();
  const refused = unknown.get(asked.node);
  if (refused !== undefined) return unknownNode(asked.node, refused);
  return isSent(asked) ? neverStarted(asked.node, deadline) : notAsked(asked.node, deadline);
}

/** What a verdict that was there says about who gave it, and about its slot. */
function note(found: Found, verdict: Verdict, { deadline }: AskedSlot): void {
  if (isNotAsked(verdict)) found.notAsked++;
  if (verdict.received === null) return;
  const [judged, received] = [Date.parse(verdict.judged), Date.parse(verdict.received)];
  // An audit that died may have given it.
  const isLate = judged >= +deadline && judged - received > JUDGED_AT_ONCE;
  if (isLate) found.judgedByAudit++;
  else found.judgedBefore++;
}

/** What only the whole slot shows: hosts that nobody asked, manifests that nobody judged; or that it goes well again. */
async function concludeSlot(pass: Pass, slot: AskedSlot, found: Found): Promise<void> {
  const due = instantText(slot.due);
  if (found.notAsked > 0) {
    const count = { notAsked: found.notAsked, asked: slot.asked.length, isClaimed: slot.expected !== null };
    await record(pass, troubleOfNotDispatched(slot, count));
  } else if (slot.expected !== null) await closeNotDispatched(pass, slot.policy, due);
  if (found.judgedBefore > 0) await closeNotJudged(pass, due);
  else if (found.judgedByAudit >= MANY) await record(pass, troubleOfNotJudged(slot, found.judgedByAudit));
}

/** No verdict yet: it may still end well. */
async function recordLate(
  pass: Pass,
  { policy, due }: AskedSlot,
  { host, set, run }: AskedRun,
  why: Reason,
): Promise<void> {
  const incident = { policy, due: instantText(due), run, at: instantText(due) };
  await record(pass, { kind: 'late', host, set, incident, reasons: [why] });
}

/** Tells of a run whether the slot has a verdict about it. */
async function judgedOf({ store }: Pass, slot: AskedSlot): Promise<(asked: AskedRun) => boolean> {
  const keys = new Set<string>();
  for await (const { key } of store.list(slotFolder(slot))) keys.add(key);
  return (asked) => keys.has(verdictKey(asked, slot));
}

const nameOf = ({ host, set, run }: AskedRun) => ({ host, set, run });

async function isClosed({ store }: Pass, name: SlotName): Promise<boolean> {
  const { document } = await readDocument(store, objectKey({ kind: 'closed', ...name }), closedKind);
  return document !== null;
}

async function close({ store, clock }: Pass, name: SlotName): Promise<void> {
  const closed = { type: closedKind.type, format: FORMAT, at: instantText(clock.now()) };
  try {
    await putDocument(store, objectKey({ kind: 'closed', ...name }), closedKind, closed, 'absent');
  } catch (error) {
    if (!isRace(error)) throw error;
  }
}
