/** The memory budget: what part size and how many threads and uploads at once a peak resident size allows. */

import { availableParallelism } from 'node:os';
import { OffsiteError } from '../../contract/errors.ts';
import { MIN_PART_SIZE } from '../../contract/host-config.ts';
import type { PartSizes } from './part-sizes.ts';

/** The process itself with one thread: code, the state being read, lines that wait, garbage. */
const BASE_BYTES = 175_000_000;
/**
 * Another thread: its heap, its window onto the file being read, the compressor, garbage; and over the network what is
 * held of the parts on their way. Measured, parts themselves left out.
 */
const THREAD_BYTES = { file: 55_000_000, s3: 85_000_000 } as const;
/** Of all memory, so much is for parts, unless a run has very many. */
const PARTS_SHARE = 0.16;
const MAX_THREADS = 4;
/** Parts that a thread has in memory: one that it fills, and others on their way to the store. */
const [LEAST_MEMORIES, MOST_MEMORIES] = [2, 3] as const;
/** A part of this size is worth more than another upload at once. */
const GOOD_PART_SIZE = 16 * 2 ** 20;
/** A run should have about this many parts at most. */
const MAX_PARTS = 20_000;

export interface Budget {
  readonly threads: number;
  /** Parts in memory, for each thread. */
  readonly memories: number;
  readonly partSizes: PartSizes;
  readonly uploads: number;
}

/**
 * `memory`: bytes of resident size aimed at; `partSize`: the configured size; `store`: its URL; `lastRunBytes`: content
 * bytes of the last run, from which a huge run gets bigger parts. Memory wins over both sizes, and over the number of
 * threads: at the default of 350 MB there are three at most, and two over S3. Throws `memory-too-small`.
 */
export function planBudget(
  options: { memory: number; partSize: number; lastRunBytes: number; store: string },
  cores: number = availableParallelism(),
): Budget {
  const wanted = Math.max(options.partSize, Math.ceil(options.lastRunBytes / MAX_PARTS / 2 ** 20) * 2 ** 20);
  const threadBytes = THREAD_BYTES[options.store.startsWith('s3:') ? 's3' : 'file'];
  for (let threads = Math.min(cores, MAX_THREADS); threads > 0; threads--) {
    const left = options.memory - BASE_BYTES - (threads - 1) * threadBytes;
    const sizeOf = (bytes: number, memories: number) => Math.floor(bytes / threads / memories / 2 ** 20) * 2 ** 20;
    const atFirst = Math.min(left, options.memory * PARTS_SHARE);
    if (sizeOf(atFirst, LEAST_MEMORIES) < MIN_PART_SIZE) continue;
    const isEnough = sizeOf(atFirst, MOST_MEMORIES) >= Math.min(GOOD_PART_SIZE, wanted);
    const memories = isEnough ? MOST_MEMORIES : LEAST_MEMORIES;
    const first = Math.min(wanted, sizeOf(atFirst, memories));
    const partSizes = { first, most: Math.max(first, sizeOf(left, memories)) };
    return { threads, memories, uploads: threads * (memories - 1), partSizes };
  }
  throw new OffsiteError('memory-too-small', `memory: ${options.memory} bytes leave no room for parts of 8 MiB`);
}
