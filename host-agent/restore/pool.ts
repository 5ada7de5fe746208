/** Threads that work on parts: decryption, decompression, hashing and writing on every core. */

import type { Worker } from 'node:worker_threads';
import { breathe } from '../../system/clock.ts';
import type { PartTask } from './part-work.ts';
import { type PartReply, PartWorker } from './part-worker.ts';
import type { PlacerOptions } from './placer.ts';
import { type ReadyThreads, startPartThread } from './ready-threads.ts';

export interface PartPool extends AsyncDisposable {
  /** Settled when every thread has been given something: the present one may turn to other work. */
  readonly busy: Promise<void>;
  /**
   * Works on a part, in whose buffer nothing else may lie. It must not be used any more; its memory comes back with the
   * reply.
   */
  run(part: PartTask): Promise<PartReply>;
}

/**
 * `workers` threads, or none but the present one where it is 0. `options`: null to verify without writing. `ready`:
 * threads that have been started already, of which as many are taken.
 */
export function startPool(workers: number, options: PlacerOptions | null, ready?: ReadyThreads): PartPool {
  if (workers === 0) return new InlinePool(options);
  const threads = Array.from({ length: workers }, () => new Thread(ready?.take() ?? startPartThread(), options));
  return new ThreadPool(threads);
}

class InlinePool implements PartPool {
  readonly busy = Promise.resolve();
  readonly #worker: PartWorker;

  constructor(options: PlacerOptions | null) {
    this.#worker = new PartWorker(options);
  }

  async run(part: PartTask): Promise<PartReply> {
    await breathe();
    return this.#worker.run(part);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#worker[Symbol.dispose]();
  }
}

class ThreadPool implements PartPool {
  readonly busy: Promise<void>;
  readonly #threads: readonly Thread[];
  readonly #idle: Thread[];
  /** Parts that wait for a thread, in order. */
  readonly #waiting: ((thread: Thread) => void)[] = [];
  readonly #allBusy = Promise.withResolvers<void>();

  constructor(threads: readonly Thread[]) {
    this.#threads = threads;
    this.#idle = [...threads];
    this.busy = this.#allBusy.promise;
  }

  async run(part: PartTask): Promise<PartReply> {
    const idle = this.#idle.pop() ?? (await this.#nextIdle());
    if (this.#idle.length === 0) this.#allBusy.resolve();
    try {
      return await idle.run(part);
    } finally {
      // No part waits for one thread while another has nothing to do.
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(idle);
      else next(idle);
    }
  }

  #nextIdle(): Promise<Thread> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}

/** One thread, with one part at a time. */
class Thread {
  readonly #worker: Worker;
  #answer: PromiseWithResolvers<PartReply> | undefined;
  #failure: Error | undefined;

  constructor(worker: Worker, options: PlacerOptions | null) {
    this.#worker = worker;
    worker.postMessage(options);
    this.#worker.on('message', (reply: PartReply) => this.#answer?.resolve(reply));
    this.#worker.on('error', (error: Error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('a worker thread ended too early')));
  }

  run(part: PartTask): Promise<PartReply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#answer = Promise.withResolvers();
    const columns = Object.values(part.chunks).map((column) => column.buffer);
    this.#worker.postMessage(part, [part.bytes.buffer as ArrayBuffer, ...columns]);
    return this.#answer.promise;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#answer?.reject(this.#failure);
  }
}
