/** How many threads a restore gets, and how much of its memory is for parts that are on their way. */

import { availableParallelism } from 'node:os';
import type { RestorePlan } from './plan.ts';

/** Parts are the most of what a restore holds; with so much for them its peak stays below 350 MB. */
export const DEFAULT_MEMORY = 112_000_000;
const MAX_WORKERS = 4;
/** Parts on their way to busy threads: so many hide the time that a store takes to answer. */
const AHEAD = 3;
/** Starting a thread takes about as long as restoring this much. */
const WORTH_A_THREAD = 16 * 2 ** 20;
const WORTH_A_THREAD_FILES = 1000;

export interface Budget {
  readonly workers: number;
  /** Bytes of the largest part. */
  readonly partBytes: number;
  /** Bytes of parts in memory at once. */
  readonly fetchBytes: number;
}

/**
 * `memory`: bytes for parts, in whose own memory their content is then. `workers` is decided here where it is not given;
 * 0 works in the present thread.
 */
export function restoreBudget(plan: RestorePlan, memory: number, workers?: number): Budget {
  const largest = plan.parts.reduce((most, part) => Math.max(most, part.size), 0);
  const { parts, fetchBytes, files } = plan.summary;
  const wanted = workers ?? threadsFor({ parts, fetchBytes, files });
  const affordable = Math.max(1, Math.floor(memory / Math.max(1, largest)));
  // One part at least is on its way while the threads work.
  const count = Math.min(wanted, Math.max(1, affordable - 1));
  return { workers: count, partBytes: largest, fetchBytes: largest * Math.min(affordable, count + AHEAD) };
}

/** How many threads are worth it for so much; 0 for none besides the present one. */
export function threadsFor(work: { parts: number; fetchBytes: number; files: number }): number {
  const { parts, fetchBytes, files } = work;
  const isSmall = parts < 2 || (fetchBytes < WORTH_A_THREAD && files < WORTH_A_THREAD_FILES);
  return isSmall ? 0 : Math.min(availableParallelism(), MAX_WORKERS, parts);
}
