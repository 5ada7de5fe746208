/** How many threads a restore gets, and how much of its memory is for parts that are on their way. */

import { availableParallelism } from 'node:os';
import type { RestorePlan } from './plan.ts';

/** Five parts of the default size: two that are worked on, and three on their way. */
export const DEFAULT_MEMORY = 160_000_000;
const MAX_WORKERS = 4;
/** Starting a thread takes about as long as restoring this much. */
const WORTH_A_THREAD = 16 * 2 ** 20;
const WORTH_A_THREAD_FILES = 1000;

export interface Budget {
  readonly workers: number;
  /** Bytes of parts in memory at once. */
  readonly fetchBytes: number;
}

/**
 * `memory`: bytes for parts and their content; threads hold the content of one part each. `workers` is decided here
 * where it is not given; 0 works in the present thread.
 */
export function restoreBudget(plan: RestorePlan, memory: number, workers?: number): Budget {
  const largest = plan.parts.reduce((most, part) => Math.max(most, part.size), 0);
  const { files, fetchBytes, parts } = plan.summary;
  const isSmall = parts < 2 || (fetchBytes < WORTH_A_THREAD && files < WORTH_A_THREAD_FILES);
  const wanted = workers ?? (isSmall ? 0 : Math.min(availableParallelism(), MAX_WORKERS, parts));
  const affordable = largest === 0 ? wanted : Math.floor(memory / (2 * largest));
  const count = Math.min(wanted, Math.max(1, affordable));
  return { workers: count, fetchBytes: Math.max(largest, memory - Math.max(1, count) * largest) };
}
