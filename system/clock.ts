/** Time, as a port: the only module that reads the machine's clock. */

export interface Clock {
  /** The present instant. */
  now(): Date;
  /** Resolves after `milliseconds`, or rejects with the signal's reason when it is aborted first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, milliseconds);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** Milliseconds of a clock that never jumps; for durations and rates, never for dates. */
export function monotonicMilliseconds(): number {
  return performance.now();
}

/** Calls `work` after `milliseconds` unless cancelled; does not keep the process alive. Returns the cancellation. */
export function timer(milliseconds: number, work: () => void): () => void {
  // Node cuts longer timers to one millisecond.
  const handle = setTimeout(work, Math.min(milliseconds, 2 ** 31 - 1)).unref();
  return () => clearTimeout(handle);
}

/** Calls `work` every `milliseconds` until cancelled; does not keep the process alive. Returns the cancellation. */
export function every(milliseconds: number, work: () => void): () => void {
  const handle = setInterval(work, milliseconds).unref();
  return () => clearInterval(handle);
}

/** Lets the event loop take a turn: timers, signals, and input and output that wait. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
