/** A thread that reads content, from the outside. */

import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { type ErrorCode, OffsiteError } from '../../contract/errors.ts';
import { startThread } from '../../system/thread.ts';
import type { Batch } from './batch.ts';
import type { CrewEvent, CrewSettings } from './crew-settings.ts';
import type { ThreadReply, ThreadSettings, ThreadTask } from './thread-messages.ts';

export class Thread {
  readonly #worker: Worker;
  readonly #memory: MessagePort;
  readonly #returns = new Int32Array(new SharedArrayBuffer(4));
  readonly #onEvent: (event: CrewEvent) => void;
  #batches = 0;

  constructor(settings: CrewSettings, memories: number, onEvent: (event: CrewEvent) => void) {
    this.#onEvent = onEvent;
    const { port1, port2 } = new MessageChannel();
    this.#memory = port1;
    port1.unref();
    const returns = this.#returns.buffer as unknown as SharedArrayBuffer;
    const workerData: ThreadSettings = { settings, memories, returned: port2, returns };
    this.#worker = startThread(new URL('./worker.ts', import.meta.url), workerData, [port2]);
    this.#worker.on('message', (reply: ThreadReply) => this.#take(reply));
    this.#worker.on('error', (error: Error) => onEvent({ is: 'failed', error }));
    this.#worker.on('exit', () => onEvent({ is: 'failed', error: new Error('a worker thread ended too early') }));
  }

  /** Batches that it was given and has not done. */
  get batches(): number {
    return this.#batches;
  }

  give(batch: Batch): void {
    this.#batches++;
    this.#ask({ is: 'batch', batch });
  }

  closeFrame(): void {
    this.#ask({ is: 'close' });
  }

  flush(): void {
    this.#ask({ is: 'flush' });
  }

  async stop(): Promise<void> {
    this.#worker.removeAllListeners('exit');
    this.#memory.close();
    await this.#worker.terminate();
  }

  #ask(task: ThreadTask): void {
    this.#worker.postMessage(task);
  }

  #take(reply: ThreadReply): void {
    if (reply.is === 'batch') this.#batches--;
    if (reply.is === 'failed') {
      const { code, message } = reply;
      const error = code === null ? new Error(message) : new OffsiteError(code as ErrorCode, message);
      this.#onEvent({ is: 'failed', error });
    } else if (reply.is === 'part') {
      const { buffer, byteOffset, byteLength } = reply.part.bytes;
      const part = { ...reply.part, bytes: Buffer.from(buffer, byteOffset, byteLength) };
      this.#onEvent({ is: 'part', part, release: () => this.#giveBack(buffer as SharedArrayBuffer) });
    } else {
      this.#onEvent(reply);
    }
  }

  #giveBack(memory: SharedArrayBuffer): void {
    this.#memory.postMessage(memory);
    Atomics.add(this.#returns, 0, 1);
    Atomics.notify(this.#returns, 0);
  }
}
