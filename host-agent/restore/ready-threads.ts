/**
 * Threads that start while the listing is still being read: by the time the plan is made they can begin. Nobody knows
 * before the plan how many are needed; those too many are ended.
 */

import type { Worker } from 'node:worker_threads';
import { startThread } from '../../system/thread.ts';
import { threadsFor } from './budget.ts';

export class ReadyThreads implements AsyncDisposable {
  readonly #idle: Worker[] = [];

  /** `parts` and `bytes`: what the restore may come to fetch. */
  constructor({ parts, bytes }: { parts: number; bytes: number }) {
    const count = threadsFor({ parts, fetchBytes: bytes, files: 0 });
    for (let i = 0; i < count; i++) this.#idle.push(startPartThread());
  }

  /** A thread that works on parts, and that whoever takes it must end. */
  take(): Worker {
    return this.#idle.pop() ?? startPartThread();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((thread) => thread.terminate()));
  }
}

export const startPartThread = (): Worker => startThread(new URL('./worker.ts', import.meta.url), null);
