/** What was sent for a slot: which hosts were asked, and which could not be. */

import { objectKey } from '../../contract/keys.ts';
import { sentKind } from '../../contract/verdict.ts';
import { eachOf } from '../../repository/concurrent.ts';
import type { ObjectStore } from '../../store/port.ts';
import type { AskedRun } from '../rules/slots.ts';
import type { AskedSlot } from './asked.ts';
import { readDocument } from './documents.ts';

export interface Sendings {
  /** Nodes that the command service refused, and why. */
  readonly unknown: ReadonlyMap<string, string>;
  /** Whether a command that asks for this run was sent. */
  isSent(asked: AskedRun): boolean;
}

/** Reads them when the first run needs it, and once. */
export type SlotCommands = () => Promise<Sendings>;

const BATCHES_AT_ONCE = 16;

export function commandsOf(store: ObjectStore, slot: Pick<AskedSlot, 'policy' | 'due' | 'expected'>): SlotCommands {
  let reading: Promise<Sendings> | undefined;
  return () => {
    reading ??= read(store, slot);
    return reading;
  };
}

async function read(
  store: ObjectStore,
  { policy, due, expected }: Pick<AskedSlot, 'policy' | 'due' | 'expected'>,
): Promise<Sendings> {
  const unknown = new Map<string, string>();
  const sent = new Set<string>();
  await eachOf((expected?.batches ?? []).entries(), BATCHES_AT_ONCE, async ([number, batch]) => {
    const { document } = await readDocument(store, objectKey({ kind: 'sent', policy, due, number }), sentKind);
    if (document === null) return;
    for (const { node, why } of document.unknown) unknown.set(node, why);
    const nodes = new Set(document.commands.flatMap((command) => command.nodes));
    for (const { node, sets } of batch) if (nodes.has(node)) for (const set of sets) sent.add(`${node} ${set}`);
  });
  return { unknown, isSent: ({ node, set }) => sent.has(`${node} ${set}`) };
}
