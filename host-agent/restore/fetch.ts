/**
 * The parts of a plan, each fetched once, in the order of runs and numbers, several ahead within a budget of memory,
 * and handed to whoever works on them.
 */

import type { SessionKey } from '../../pgp/session-key.ts';
import { isDamage } from '../../repository/objects.ts';
import type { RunReader } from '../../repository/run-reader.ts';
import type { Breath } from './breath.ts';
import { type ChunksByPart, chunksByPart } from './chunks.ts';
import type { PlannedPart, RestorePlan } from './plan.ts';
import type { Failure } from './report.ts';
import { Window } from './window.ts';

/** Parts asked for at once. */
const MAX_IN_FLIGHT = 8;

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
  /** The part's bytes are those of the manifest; they are still encrypted. */
  onFetched(wanted: WantedPart, fetched: { bytes: Buffer; sessionKey: SessionKey }): Promise<void>;
}

export interface FetchOptions {
  /** Bytes of parts, as they are stored, that may be in memory at once; one part always may. */
  readonly memory: number;
  readonly breath: Breath;
}

/** Goes through all parts. Throws what stops everything: the store itself failing, an interruption, a consumer's error. */
export async function fetchParts(
  ports: { reader: RunReader; plan: RestorePlan; consumer: PartConsumer },
  { memory, breath }: FetchOptions,
): Promise<void> {
  const { plan, consumer, reader } = ports;
  const byPart = chunksByPart(plan.table, plan.parts.length);
  const window = new Window({ bytes: memory, count: MAX_IN_FLIGHT });
  try {
    for (const index of inOrder(plan.parts)) {
      breath.check();
      const part = plan.parts[index];
      const chunks = wantedChunks(byPart, index, consumer);
      if (part === undefined || chunks.length === 0) continue;
      const { key, problem } = part;
      if (key === null || problem !== null) {
        consumer.onLost(part, chunks, problem ?? { code: 'listing-invalid', message: 'no such part' });
        continue;
      }
      await window.start(part.size, () => fetchPart(reader, consumer, { part, key, chunks }));
    }
  } finally {
    await window.settled();
  }
  breath.check();
}

async function fetchPart(reader: RunReader, consumer: PartConsumer, wanted: WantedPart): Promise<void> {
  const { source, number } = wanted.part;
  let fetched: { bytes: Buffer; sessionKey: SessionKey };
  try {
    fetched = await reader.fetchDataPart(source, number);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return consumer.onLost(wanted.part, wanted.chunks, { code: error.code, message: error.message });
  }
  await consumer.onFetched(wanted, fetched);
}

function wantedChunks({ order, starts }: ChunksByPart, part: number, consumer: PartConsumer): Uint32Array {
  return order.subarray(starts[part], starts[part + 1]).filter((chunk) => consumer.isWanted(chunk));
}

/** Oldest run first and by number: about the order of the files in the listing. */
function inOrder(parts: readonly PlannedPart[]): number[] {
  const indexes = [...parts.keys()];
  return indexes.sort((one, other) => {
    const [a, b] = [parts[one], parts[other]];
    return a === undefined || b === undefined ? 0 : a.source - b.source || a.number - b.number;
  });
}
