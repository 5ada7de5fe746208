/** One slot in an audit: every run that it asks for is judged, or late, or missed. */

import { FORMAT } from '../../contract/document.ts';
import { instantText } from '../../contract/ids.ts';
import { objectKey, parseObjectKey, slotFolder } from '../../contract/keys.ts';
import { closedKind, type Reason, sentKind, verdictKind } from '../../contract/verdict.ts';
import { everyOf } from '../../repository/concurrent.ts';
import { followUp, judgeRun, putAndWalk } from '../judge-run.ts';
import type { AskedRun } from '../rules/slots.ts';
import { busy, neverFinished, neverStarted, stillRunning, unknownNode } from '../rules/trouble.ts';
import { verdictWithoutManifest } from '../rules/verdict-of.ts';
import { type AskedSlot, askedSlot } from './asked.ts';
import { isRace, putDocument, readDocument } from './documents.ts';
import type { Pass } from './pass.ts';
import { announce, record } from './problems.ts';
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
  readonly errors: readonly unknown[];
}

/** A run that began and of which no manifest came is waited for so long after its deadline. */
const LATE_FOR = 7 * 86_400_000;
const RUNS_AT_ONCE = 16;

/**
 * Judges what of the slot is not judged yet. Verdicts that are there already are followed up in the slot's first audit
 * and in its last one: whoever gave them may have died before anybody was told. Errors are returned, not thrown.
 */
export async function auditSlot(pass: Pass, name: SlotName, { isNew }: { isNew: boolean }): Promise<SlotReport> {
  const counts = { judged: 0, missed: 0, late: 0 };
  try {
    if (await isClosed(pass, name)) return { ...name, ...counts, isClosed: true, errors: [] };
    const slot = await askedSlot(pass, name.policy, name.due);
    if (slot === null) throw new Error(`nothing is known any more of the slot ${name.policy} ${instantText(name.due)}`);
    const judged = await verdictsOf(pass, slot);
    const unknown = unknownNodes(pass, slot);
    const auditAll = (runs: AskedRun[]) =>
      everyOf(runs, RUNS_AT_ONCE, async (asked) => {
        const found = await auditRun(pass, slot, asked, unknown);
        if (found !== 'known') counts[found === 'late' ? 'late' : 'judged']++;
        if (found === 'missed') counts.missed++;
      });
    const isJudged = (asked: AskedRun) => judged.has(verdictKey(asked, slot));
    const errors = await auditAll(slot.asked.filter((asked) => isNew || !isJudged(asked)));
    const isDone = () => counts.late === 0 && errors.length === 0;
    if (isDone() && !isNew) errors.push(...(await auditAll(slot.asked.filter(isJudged))));
    if (isDone()) await close(pass, name);
    return { ...name, ...counts, isClosed: isDone(), errors };
  } catch (error) {
    return { ...name, ...counts, isClosed: false, errors: [error] };
  }
}

/** A verdict that is there and can be read is followed up; else whatever there is of the run decides. */
async function auditRun(
  pass: Pass,
  slot: AskedSlot,
  asked: AskedRun,
  unknown: () => Promise<ReadonlyMap<string, string>>,
): Promise<'known' | 'judged' | 'late' | 'missed'> {
  const key = verdictKey(asked, slot);
  const { document: known } = await readDocument(pass.store, key, verdictKind);
  if (known !== null) {
    await followUp(pass, known, key);
    return 'known';
  }
  const traces = await tracesOf(pass.store, await pass.prefixesOf(asked.node), asked);
  let isJudged = false;
  for (const place of traces.manifests) isJudged = typeof (await judgeRun(pass, place)) === 'object' || isJudged;
  if (isJudged) return 'judged';

  const now = pass.clock.now();
  const { started, alive, skipped } = traces;
  let why: Reason;
  if (skipped !== null) why = busy(skipped.by, skipped.since);
  else if (started !== null && alive !== null) {
    if (+now < +slot.deadline + LATE_FOR) {
      await tellLate(pass, slot, asked, stillRunning(started, alive, slot.deadline));
      return 'late';
    }
    why = neverFinished(started, alive);
  } else {
    const refused = (await unknown()).get(asked.node);
    why = refused === undefined ? neverStarted(asked.node, slot.deadline) : unknownNode(asked.node, refused);
  }
  const verdict = verdictWithoutManifest({ ...asked, slot }, 'silence', why, now);
  const standing = await putAndWalk(pass, verdict, key);
  return standing.outcome === 'missed' ? 'missed' : 'judged';
}

/** No verdict yet: it may still end well. */
async function tellLate(
  pass: Pass,
  { policy, due }: AskedSlot,
  { host, set, run }: AskedRun,
  why: Reason,
): Promise<void> {
  const incident = { policy, due: instantText(due), run, at: instantText(due) };
  const problem = await record(pass, { kind: 'late', host, set, incident, reasons: [why] });
  if (problem !== null) await announce(pass, [problem]);
}

/** Keys of the verdicts that the slot has. */
async function verdictsOf({ store }: Pass, slot: AskedSlot): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const { key } of store.list(slotFolder(slot))) {
    if (parseObjectKey(key)?.kind === 'slot-verdict') keys.add(key);
  }
  return keys;
}

/** Nodes that could not be asked, and why; read when the first run needs it. */
function unknownNodes({ store }: Pass, { policy, due, expected }: AskedSlot): () => Promise<Map<string, string>> {
  let reading: Promise<Map<string, string>> | undefined;
  const read = async () => {
    const unknown = new Map<string, string>();
    for (const number of (expected?.batches ?? []).keys()) {
      const sent = await readDocument(store, objectKey({ kind: 'sent', policy, due, number }), sentKind);
      for (const { node, why } of sent.document?.unknown ?? []) unknown.set(node, why);
    }
    return unknown;
  };
  return () => {
    reading ??= read();
    return reading;
  };
}

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
