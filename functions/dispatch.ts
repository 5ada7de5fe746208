/**
 * Dispatch: ask the hosts of a slot for their backups. It runs for every firing of a schedule, twice and late too.
 *
 * The slot is claimed by `expected.json`, put if absent; from then on audit waits for its runs. Whoever finds it claimed
 * sends the batches that are not marked as sent, because a dispatch that died after its claim must not cost a backup,
 * and a batch sent twice is dropped by the agent. A slot whose deadline has passed is not sent any more: audit has
 * spoken. What fails for one host or batch is reported in the end and never keeps the others from being asked.
 */

import { dueAt, parseCron } from '../contract/cron.ts';
import { FORMAT } from '../contract/document.ts';
import { OffsiteError } from '../contract/errors.ts';
import { instantText } from '../contract/ids.ts';
import { objectKey } from '../contract/keys.ts';
import { type Expected, expectedKind, type Latest, latestKind, type Sent, sentKind } from '../contract/verdict.ts';
import { everyOf } from '../repository/concurrent.ts';
import { announce } from './lib/announce.ts';
import { isRace, putDocument, readDocument } from './lib/documents.ts';
import { type Ruling, rulingAt } from './lib/fleet-archive.ts';
import { beginPass, nowText, type Pass } from './lib/pass.ts';
import { closeNotDispatched, record } from './lib/problems.ts';
import { sendToAll } from './lib/send.ts';
import { type CommandSender, slotComment } from './ports/commands.ts';
import { type Batch, batchesOf, jobOf } from './rules/batches.ts';
import { manualSlot, type Slot, type SlotType, slotAt } from './rules/slots.ts';
import { troubleOfUnknownNode } from './rules/trouble.ts';
import type { Stack } from './stack.ts';

/** A schedule fired. `time` is the event's own, however late it comes. */
export interface Firing {
  readonly policy: string;
  readonly type: SlotType;
  readonly time: Date;
}

/** An operator wants a backup now: of all sets unless some are named. */
export interface ManualRun {
  readonly host: string;
  readonly sets?: readonly string[];
  readonly type: SlotType;
  readonly deadline: Date;
  /** The second at which it is due, where whoever asks has chosen it: asked again with the same, it is the same run. */
  readonly due?: Date;
}

export interface Dispatched {
  /** `not-due`: this schedule asks nothing of anyone at that minute. `too-late`: the slot's deadline has passed. */
  readonly state: 'dispatched' | 'not-due' | 'too-late' | 'no-fleet-file';
  /** The slot, where there is one. */
  readonly policy: string;
  readonly due: string | null;
  /** Commands sent by this invocation, and to how many nodes; none where all had been sent before. */
  readonly commands: readonly string[];
  readonly nodes: number;
  /** Nodes of the slot that could not be asked. */
  readonly unknown: readonly string[];
  /** What went wrong. Whoever runs this must fail where there is any, so that it is run again and somebody is told. */
  readonly errors: readonly unknown[];
}

const LOOKUPS_AT_ONCE = 16;
/** Manual slots are told apart by their second; one whose second is taken takes the next. */
const MAX_MANUAL_A_MINUTE = 60;
/** Milliseconds that a chosen second may be off: clocks are never the same, and who is not answered asks again for a while. */
const AHEAD = 10 * 60_000;
const BEHIND = 60 * 60_000;
/** Seconds: what a job can say. */
const MAX_SPLAY = 86_400;

/** Dispatches what a firing is about: the last due minute of its schedule at or before the event's time. */
export async function dispatch(stack: Stack, commands: CommandSender, firing: Firing): Promise<Dispatched> {
  const { policy, type, time } = firing;
  const minute = new Date(Math.floor(time.getTime() / 60_000) * 60_000);
  const now = rulingAt(await stack.fleets.history(minute), minute);
  if (now === null) return nothing('no-fleet-file', policy, null);
  const schedule = now.fleet.policies[policy]?.[type];
  const due = schedule === undefined ? null : dueAt(parseCron(schedule), time);
  if (due === null) return nothing('not-due', policy, null);
  const pass = await beginPass(stack, due);
  const ruling = rulingAt(pass.history, due);
  const slot = ruling === null ? null : slotAt(ruling.fleet, policy, due);
  if (ruling === null || slot === null || slot.type !== type) return nothing('not-due', policy, due);
  return dispatchSlot(pass, commands, slot, ruling);
}

/**
 * Dispatches a slot of policy `manual`, due now. Throws `host-unknown` where the fleet file has no such host, and
 * `clock-wrong` for a due second that is not about now.
 */
export async function dispatchManual(stack: Stack, commands: CommandSender, wanted: ManualRun): Promise<Dispatched> {
  const now = stack.clock.now();
  const { due = now } = wanted;
  if (+due > +now + AHEAD || +due < +now - BEHIND) {
    const texts = { asked: instantText(due), here: instantText(now) };
    throw new OffsiteError('clock-wrong', `a run was asked for at ${texts.asked}, and here it is ${texts.here}`);
  }
  const pass = await beginPass(stack, due);
  const ruling = pass.history.rulings[0];
  if (ruling === undefined) return nothing('no-fleet-file', 'manual', null);
  for (let second = 0; second < MAX_MANUAL_A_MINUTE; second++) {
    const slot = manualSlot(ruling.fleet, { ...wanted, due: new Date(due.getTime() + second * 1000) });
    if (slot === null) throw new OffsiteError('host-unknown', `the fleet file has no host ${wanted.host}`);
    // The slot of this second may be another one's, made in the same second: its batches stand, and ask nothing of ours.
    const expected = await claim(pass, slot, ruling);
    if (asks(expected, slot)) return dispatchSlot(pass, commands, slot, ruling);
  }
  throw new OffsiteError('store-throttled', 'too many runs were asked for by hand within a minute');
}

/** True where the slot as claimed is this very one. */
function asks({ backup, batches }: Expected, slot: Slot): boolean {
  const claimed = batches.flat().flatMap(({ host, sets }) => sets.map((set) => `${host} ${set}`));
  const wanted = slot.asked.map(({ host, set }) => `${host} ${set}`);
  return backup === slot.type && claimed.sort().join() === wanted.sort().join();
}

async function dispatchSlot(pass: Pass, commands: CommandSender, slot: Slot, ruling: Ruling): Promise<Dispatched> {
  if (pass.clock.now() >= slot.deadline) return nothing('too-late', slot.policy, slot.due);
  const expected = await claim(pass, slot, ruling);
  const outcome = { commands: [] as string[], nodes: 0, unknown: [] as string[], errors: [] as unknown[] };
  let isAllSent = true;
  for (const [number, batch] of expected.batches.entries()) {
    try {
      const before = (await readDocument(pass.store, sentKey(slot, number), sentKind)).document;
      const sent = before ?? (await sendBatch(pass, commands, expected, { number, batch }, outcome.errors));
      if (before === null) {
        outcome.commands.push(...sent.commands.map(({ command }) => command));
        outcome.nodes += sent.commands.reduce((sum, { nodes }) => sum + nodes.length, 0);
      }
      outcome.unknown.push(...sent.unknown.map(({ node }) => node));
      await recordUnknown(pass, expected, batch, sent, outcome.errors);
    } catch (error) {
      outcome.errors.push(error);
      isAllSent = false;
    }
  }
  if (isAllSent) {
    const due = instantText(slot.due);
    await closeNotDispatched(pass, slot.policy, due).catch((error: unknown) => outcome.errors.push(error));
  }
  outcome.errors.push(...(await announce(pass)));
  return { state: 'dispatched', policy: slot.policy, due: instantText(slot.due), ...outcome };
}

/** The slot as it was claimed, by this invocation or an earlier one: then the earlier one's batches stand. */
async function claim({ store }: Pass, slot: Slot, ruling: Ruling): Promise<Expected> {
  const key = objectKey({ kind: 'expected', due: slot.due, policy: slot.policy });
  const { document, condition } = await readDocument(store, key, expectedKind);
  if (document !== null) return document;
  const expected: Expected = {
    type: expectedKind.type,
    format: FORMAT,
    policy: slot.policy,
    due: instantText(slot.due),
    deadline: instantText(slot.deadline),
    backup: slot.type,
    splay: Math.min(Math.floor(slot.splay / 1000), MAX_SPLAY),
    fleet: ruling.sha256,
    batches: batchesOf(slot),
  };
  try {
    await putDocument(store, key, expectedKind, expected, condition);
    return expected;
  } catch (error) {
    if (!isRace(error)) throw error;
    return (await readDocument(store, key, expectedKind)).document ?? expected;
  }
}

/** Sends a batch and then marks it as sent: dying in between sends it twice, never not at all. */
async function sendBatch(
  pass: Pass,
  commands: CommandSender,
  expected: Expected,
  { number, batch }: { number: number; batch: Batch },
  errors: unknown[],
): Promise<Sent> {
  const latest = await latestOfBatch(pass, batch, errors);
  const payload = jobOf(expected, batch, (host, set) => latest.get(`${host}/${set}`) ?? null);
  const { policy, due, deadline } = expected;
  const comment = slotComment({ policy, due, batch: number });
  const outgoing = { payload, deadline: new Date(deadline), comment };
  const nodes = batch.map(({ node }) => node);
  const sent: Sent = {
    type: sentKind.type,
    format: FORMAT,
    at: nowText(pass),
    ...(await sendToAll(commands, outgoing, nodes)),
  };
  const key = sentKey({ policy, due: new Date(due) }, number);
  await putDocument(pass.store, key, sentKind, sent, 'absent').catch((error: unknown) => {
    if (!isRace(error)) throw error; // Another invocation sent it too; either mark will do.
  });
  return sent;
}

/** Base and head of each set. What cannot be read is reported and left out: then the host makes a full, which is safe. */
async function latestOfBatch({ store }: Pass, batch: Batch, errors: unknown[]): Promise<Map<string, Latest>> {
  const latest = new Map<string, Latest>();
  const sets = batch.flatMap((one) => one.sets.map((set) => ({ host: one.host, set })));
  const failed = await everyOf(sets, LOOKUPS_AT_ONCE, async ({ host, set }) => {
    const { document, fault } = await readDocument(store, objectKey({ kind: 'latest', host, set }), latestKind);
    if (document !== null) latest.set(`${host}/${set}`, document);
    if (fault !== null) throw fault;
  });
  errors.push(...failed);
  return latest;
}

/** Nodes that the service does not know will not wake up before the deadline, so people are told before that. */
async function recordUnknown(
  pass: Pass,
  expected: Expected,
  batch: Batch,
  sent: Sent,
  errors: unknown[],
): Promise<void> {
  const failed = await everyOf(sent.unknown, LOOKUPS_AT_ONCE, async ({ node, why }) => {
    const host = batch.find((one) => one.node === node)?.host;
    if (host !== undefined) await record(pass, troubleOfUnknownNode(expected, { host, node, why }));
  });
  errors.push(...failed);
}

function sentKey({ policy, due }: { policy: string; due: Date }, number: number): string {
  return objectKey({ kind: 'sent', policy, due, number });
}

function nothing(state: Dispatched['state'], policy: string, due: Date | null): Dispatched {
  const dueText = due === null ? null : instantText(due);
  return { state, policy, due: dueText, commands: [], nodes: 0, unknown: [], errors: [] };
}
