/**
 * The parts of a plan, each fetched once, in the order of runs and numbers, several ahead within a budget of memory,
 * and handed to whoever works on them.
 */

import { isDamage } from '../../repository/objects.ts';
import type { FetchedPart, RunReader } from '../../repository/run-reader.ts';
import type { Breath } from './breath.ts';
import type { Budget } from './budget.ts';
import { type ChunksByPart, chunksByPart } from './chunks.ts';
import { inFetchOrder } from './fetch-order.ts';
import { inOwnBuffer, PartMemory } from './part-memory.ts';
import type { PlannedPart, RestorePlan } from './plan.ts';
import type { Failure } from './report.ts';
import { Window } from './window.ts';

/** Parts asked for at once. */
const MAX_IN_FLIGHT = 8;

/** Parts at the end of a restore whose order levels the threads. */
const LAST_PARTS = 16;
/** Writing a chunk to a small file costs about as much as so many bytes of a part. */
const CHUNK_COST = 16 * 1024;

/** A part that is wanted. */
export interface WantedPart {
  readonly part: PlannedPart;
  readonly key: string;
  /** The chunks of the plan's table that are to be taken from it, by frame. */
  readonly chunks: Uint32Array;
}

export interface PartConsumer {
  /** Whether a chunk is still wanted when its part is about to be fetched. */
  isWanted(chunk: number): boolean;
  /** The part cannot be had; what is in it fails. */
  onLost(part: PlannedPart, chunks: Uint32Array, failure: Failure): void;
  /** The part as it is in the store, in a buffer that nothing else lies in; answers with that, or one like it. */
  onFetched(wanted: WantedPart, fetched: FetchedPart): Promise<Uint8Array>;
}

export interface FetchOptions {
  readonly budget: Budget;
  readonly breath: Breath;
}

/** Goes through all parts. Throws what stops everything: the store itself failing, an interruption, a consumer's error. */
export async function fetchParts(
  ports: { reader: RunReader; plan: RestorePlan; consumer: PartConsumer },
  { budget, breath }: FetchOptions,
): Promise<void> {
  const { plan, consumer, reader } = ports;
  const byPart = chunksByPart(plan.table, plan.parts.length);
  const window = new Window({ bytes: budget.fetchBytes, count: MAX_IN_FLIGHT });
  const memory = new PartMemory(budget.partBytes);
  try {
    for (const index of inOrder(plan.parts, byPart)) {
      breath.check();
      const part = plan.parts[index];
      const chunks = wantedChunks(byPart, index, consumer);
      if (part === undefined || chunks.length === 0) continue;
      const { key, problem } = part;
      if (key === null || problem !== null) {
        consumer.onLost(part, chunks, problem ?? { code: 'listing-invalid', message: 'no such part' });
        continue;
      }
      await window.start(part.size, () => fetchPart({ reader, consumer, memory }, { part, key, chunks }));
    }
  } finally {
    await window.settled();
  }
  breath.check();
}

async function fetchPart(
  { reader, consumer, memory }: { reader: RunReader; consumer: PartConsumer; memory: PartMemory },
  wanted: WantedPart,
): Promise<void> {
  const { source, number } = wanted.part;
  const room = memory.take();
  let fetched: FetchedPart;
  try {
    fetched = await reader.fetchDataPart(source, number, room);
  } catch (error) {
    memory.giveBack(room);
    if (!isDamage(error)) throw error;
    return consumer.onLost(wanted.part, wanted.chunks, { code: error.code, message: error.message });
  }
  const bytes = inOwnBuffer(fetched.bytes, room);
  if (bytes.buffer !== room.buffer) memory.giveBack(room);
  memory.giveBack(await consumer.onFetched(wanted, { ...fetched, bytes }));
}

function wantedChunks({ order, starts }: ChunksByPart, part: number, consumer: PartConsumer): Uint32Array {
  return order.subarray(starts[part], starts[part + 1]).filter((chunk) => consumer.isWanted(chunk));
}

/** The last few go by what they cost, the dearest first, so that all threads end at about the same time. */
function inOrder(parts: readonly PlannedPart[], { starts }: ChunksByPart): number[] {
  const indexes = inFetchOrder(parts);
  const costOf = (index: number) =>
    (parts[index]?.size ?? 0) + ((starts[index + 1] ?? 0) - (starts[index] ?? 0)) * CHUNK_COST;
  const last = indexes.splice(-LAST_PARTS).sort((one, other) => costOf(other) - costOf(one));
  return [...indexes, ...last];
}
