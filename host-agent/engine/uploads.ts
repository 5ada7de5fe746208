/** Uploads in flight: bounded, in the background, with the first failure kept until somebody waits. */

export class Uploads {
  readonly #limit: number;
  readonly #inFlight = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  /** `limit`: how many may be in flight before `room` waits. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Begins an upload. */
  start(upload: () => Promise<void>): void {
    const running = upload()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#inFlight.delete(running));
    this.#inFlight.add(running);
  }

  /** True where the caller should wait for room before it makes another part. */
  get isFull(): boolean {
    return this.#inFlight.size >= this.#limit;
  }

  /** Throws the first failure of any. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits until there is room for another upload; throws the first failure of any. */
  async room(): Promise<void> {
    while (this.isFull) await Promise.race(this.#inFlight);
    this.check();
  }

  /** Waits for all of them; throws the first failure. */
  async settled(): Promise<void> {
    await this.ended();
    this.check();
  }

  /** Waits for all of them, whatever becomes of them. */
  async ended(): Promise<void> {
    await Promise.all(this.#inFlight);
  }
}
