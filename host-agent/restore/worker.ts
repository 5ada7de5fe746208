/** The worker thread of pool.ts. */

import { parentPort, workerData } from 'node:worker_threads';
import type { PartTask } from './part-work.ts';
import { PartWorker } from './part-worker.ts';
import type { PlacerOptions } from './placer.ts';

const worker = new PartWorker(workerData as PlacerOptions | null);

parentPort?.on('message', (part: PartTask) => {
  const reply = worker.run(part);
  parentPort?.postMessage(reply, [reply.memory.buffer as ArrayBuffer]);
});
