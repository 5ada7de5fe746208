/** Jobs under way at once, bounded by their number and by the bytes that they hold. */
export class Window {
  readonly #bytes: number;
  readonly #count: number;
  readonly #running = new Set<Promise<void>>();
  #held = 0;
  #failure: { error: unknown } | undefined;

  constructor(limit: { bytes: number; count: number }) {
    this.#bytes = limit.bytes;
    this.#count = limit.count;
  }

  /** Starts a job as soon as there is room for it; one that is larger than the window runs alone. Throws the first failure of any. */
  async start(size: number, job: () => Promise<void>): Promise<void> {
    while (this.#running.size > 0 && (this.#held + size > this.#bytes || this.#running.size >= this.#count)) {
      await Promise.race(this.#running);
    }
    this.#throwFailure();
    this.#held += size;
    const running = job()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#held -= size;
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  /** Waits for all jobs. Throws the first failure. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
