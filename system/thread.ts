/** Worker threads that start fast and stay small. */

import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { type Transferable, Worker } from 'node:worker_threads';

/** MiB for what dies young: content lies outside the collector's heap, and a larger one only adds to the peak. */
const YOUNG_GENERATION = 4;

/**
 * Starts a thread. It shares the main thread's compile cache, where that has one: else each thread would bring the
 * compiler of TypeScript along, which is a third of a small restore's time, and 30 MB. `transferList`: what of
 * `workerData` goes over to it.
 */
export function startThread(script: URL, workerData: unknown, transferList: Transferable[] = []): Worker {
  const cache = getCompileCacheDir();
  return new Worker(script, {
    workerData,
    transferList,
    // The cache is in a folder for this version of Node, of the one that it is asked for with.
    ...(cache === undefined ? {} : { env: { ...process.env, NODE_COMPILE_CACHE: dirname(cache) } }),
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
  });
}
