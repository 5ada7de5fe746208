/** A thread that reads content, from the inside: one task after the other, each without a pause. */

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { isOffsiteError } from '../../contract/errors.ts';
import { BatchWork } from './batch-work.ts';
import { workPorts } from './crew-settings.ts';
import type { SealedPart } from './parts.ts';
import type { ThreadReply, ThreadSettings, ThreadTask } from './thread-messages.ts';

const { settings, memories, returned, returns } = workerData as ThreadSettings;
const returnCount = new Int32Array(returns);
const free: Buffer[] = [];
let made = 0;

const reply = (one: ThreadReply) => parentPort?.postMessage(one);

/** Memory that a part is sealed into; waits until some has come back where no more may be made. */
function takeMemory(size: number): Buffer {
  for (;;) {
    const before = Atomics.load(returnCount, 0);
    for (let one = receiveMessageOnPort(returned); one !== undefined; one = receiveMessageOnPort(returned)) {
      free.push(Buffer.from(one.message as SharedArrayBuffer));
    }
    const memory = free.pop();
    if (memory !== undefined && memory.length >= size) return memory;
    // Parts grow as their number does; memory that is too small now makes room for a larger one.
    if (memory !== undefined) made--;
    // One more is where the next part is gathered: copying into shared memory is slow, and sealing into it is not.
    if (made < memories - 1) {
      made++;
      // Shared, not handed over: what a thread is handed counts as its garbage to come, and it collected for every part.
      return Buffer.from(new SharedArrayBuffer(size));
    }
    Atomics.wait(returnCount, 0, before);
  }
}

function onSealed(part: SealedPart): void {
  reply({ is: 'part', part });
}

const work = new BatchWork(settings, { ...workPorts(settings), takeMemory, onSealed });

function answer(task: ThreadTask): ThreadReply {
  if (task.is === 'batch') return { is: 'batch', result: work.do(task.batch) };
  if (task.is === 'close') {
    work.closeFrame();
    return { is: 'closed' };
  }
  work.flush();
  return { is: 'flushed' };
}

parentPort?.on('message', (task: ThreadTask) => {
  try {
    reply(answer(task));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    reply({ is: 'failed', code: isOffsiteError(error) ? error.code : null, message });
  }
});
