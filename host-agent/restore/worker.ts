/** The worker thread of pool.ts. */

import { parentPort } from 'node:worker_threads';
import type { PartTask } from './part-work.ts';
import { PartWorker } from './part-worker.ts';
import type { PlacerOptions } from './placer.ts';

/** The first message says how to work: a thread may be started before anybody knows. */
parentPort?.once('message', (options: PlacerOptions | null) => {
  const worker = new PartWorker(options);
  parentPort?.on('message', (part: PartTask) => {
    const reply = worker.run(part);
    parentPort?.postMessage(reply, [reply.memory.buffer as ArrayBuffer]);
  });
});
