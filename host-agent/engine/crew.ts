/**
 * Who reads the content: threads, started with the first batch that is worth it; or the present thread, where there is less to do
 * than starting one is worth. What they finish comes back as events, in the order in which it is done; nothing happens
 * to an event before its owner takes it.
 */

import type { Batch } from './batch.ts';
import { BatchWork } from './batch-work.ts';
import { type CrewEvent, type CrewSettings, workPorts } from './crew-settings.ts';
import { Thread } from './thread.ts';

/** Batches that a thread holds: one that it works on, and the next. */
const BATCHES_A_THREAD = 2;

export class Crew implements AsyncDisposable {
  readonly #prepare: () => CrewSettings;
  #settings: CrewSettings | null = null;
  readonly #size: { readonly threads: number; readonly memories: number };
  #threads: Thread[] = [];
  #own: BatchWork | null = null;
  #events: CrewEvent[] = [];
  #awake: PromiseWithResolvers<void> | null = null;
  #flushing = 0;

  /**
   * `prepare` is called before the first batch, if there is any. `memories`: how many parts a thread may have in
   * memory, those being uploaded among them.
   */
  constructor(prepare: () => CrewSettings, size: { readonly threads: number; readonly memories: number }) {
    this.#prepare = prepare;
    this.#size = size;
  }

  /** True while there are no threads. */
  get worksHere(): boolean {
    return this.#threads.length === 0;
  }

  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** True while another batch would have to wait. */
  get isFull(): boolean {
    return this.#threads.length > 0 && this.#threads.every(({ batches }) => batches >= BATCHES_A_THREAD);
  }

  /** Hands a batch to whoever has least. */
  give(batch: Batch, isWorthThreads: boolean): void {
    this.#settings ??= this.#prepare();
    if (isWorthThreads && this.worksHere) this.#start(this.#settings);
    const [first, ...others] = this.#threads;
    if (first === undefined) {
      const result = this.#present(this.#settings).do(batch);
      this.#add({ is: 'batch', result });
      return;
    }
    others.reduce((least, thread) => (thread.batches < least.batches ? thread : least), first).give(batch);
  }

  /** Asks for every location that is not complete yet; an event says when. */
  closeFrames(): void {
    this.#own?.closeFrame();
    this.#add({ is: 'closed' });
    for (const thread of this.#threads) thread.closeFrame();
  }

  /** Asks for all that is not sealed yet; `isFlushed` says when all of it is among the events. */
  flush(): void {
    this.#own?.flush();
    this.#flushing = this.#threads.length;
    for (const thread of this.#threads) thread.flush();
  }

  get isFlushed(): boolean {
    return this.#flushing === 0;
  }

  /** The events so far. Throws what made a thread fail. */
  takeEvents(): CrewEvent[] {
    const events = this.#events;
    this.#events = [];
    for (const event of events) if (event.is === 'failed') throw event.error;
    return events;
  }

  /** Waits for an event, or until the signal is aborted. */
  async wait(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.hasEvents) return;
    this.#awake = Promise.withResolvers();
    const { promise, resolve } = this.#awake;
    const onAbort = () => resolve();
    signal?.addEventListener('abort', onAbort, { once: true });
    await promise;
    signal?.removeEventListener('abort', onAbort);
    signal?.throwIfAborted();
  }

  /** Ends every thread, whatever it is at. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #start(settings: CrewSettings): void {
    const { threads, memories } = this.#size;
    this.#threads = Array.from({ length: threads }, () => new Thread(settings, memories, (event) => this.#add(event)));
  }

  #present(settings: CrewSettings): BatchWork {
    this.#own ??= new BatchWork(settings, {
      ...workPorts(settings),
      takeMemory: () => null,
      onSealed: (part) => this.#add({ is: 'part', part, release: () => undefined }),
    });
    return this.#own;
  }

  #add(event: CrewEvent): void {
    if (event.is === 'flushed') this.#flushing--;
    this.#events.push(event);
    this.#awake?.resolve();
    this.#awake = null;
  }
}
