/** Uploads in flight: bounded, in the background, with the first failure kept until somebody waits. */

export class Uploads {
  readonly #limit: number;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #free: Buffer[] = [];
  #failure: { error: unknown } | undefined;

  /** `limit`: how many may be in flight at once. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Begins an upload. `buffer` is reused for a later part when it has ended. */
  start(upload: () => Promise<void>, buffer?: Buffer): void {
    const running = upload()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#inFlight.delete(running);
        if (buffer !== undefined && this.#free.length < this.#limit) this.#free.push(buffer);
      });
    this.#inFlight.add(running);
  }

  /** A buffer of at least `size` bytes that no upload uses any more; undefined where there is none. */
  takeBuffer(size: number): Buffer | undefined {
    const at = this.#free.findIndex((buffer) => buffer.length >= size);
    return at < 0 ? undefined : this.#free.splice(at, 1)[0];
  }

  /** True where the caller should wait for room before it makes another part. */
  get isFull(): boolean {
    return this.#inFlight.size >= this.#limit;
  }

  /** Waits until there is room for another upload; throws the first failure of any. */
  async room(): Promise<void> {
    while (this.isFull) await Promise.race(this.#inFlight);
    this.#throwFailure();
  }

  /** Waits for all of them; throws the first failure. */
  async settled(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  /** Waits for all of them, whatever becomes of them. */
  async ended(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
