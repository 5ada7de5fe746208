/** A thread that meets chunks in its own order, with others beside it; see threads.test.ts. */

import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { ChunkTable } from '../../host-agent/engine/chunk-table.ts';

const { shared, from, count } = workerData;
const table = new ChunkTable(shared);
const isNew: number[] = [];
for (let i = 0; i < count; i++) {
  const name = (from + i * 7919) % count;
  const digest = createHash('sha256').update(`chunk ${name}`).digest('binary');
  const met = table.findOrAdd(digest, name);
  if (!met.isNew) continue;
  isNew.push(name);
  table.locate(met.chunk, { source: 1, part: 2, frameOffset: 3, frameLength: name + 1, offset: 4, length: name });
}
parentPort?.postMessage(isNew);
