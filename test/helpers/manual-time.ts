/** A clock without a machine behind it: it goes on only when told to, to the instant that somebody waits for. */
export class ManualTime {
  #now = 0;
  #sleepers: { until: number; wake: () => void }[] = [];

  readonly now = (): number => this.#now;

  readonly sleep = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const sleeper = { until: this.#now + milliseconds, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        reject(signal.reason);
      });
    });

  get sleepers(): number {
    return this.#sleepers.length;
  }

  /** To the next instant that somebody waits for; false where nobody does. */
  advance(): boolean {
    const next = Math.min(...this.#sleepers.map(({ until }) => until));
    if (next === Number.POSITIVE_INFINITY) return false;
    this.#now = next;
    const awake = this.#sleepers.filter(({ until }) => until === next);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > next);
    for (const { wake } of awake) wake();
    return true;
  }

  /** Passes whatever time it takes until all is done. */
  async until(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    const ended = work.then(
      () => undefined,
      () => undefined,
    );
    void ended.then(() => {
      isDone = true;
    });
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      this.advance();
    }
    await work;
  }
}
