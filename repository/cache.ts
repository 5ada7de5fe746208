/** Values that are expensive to make, kept while they fit: the oldest go first. */
export class BoundedCache<T> {
  readonly #limit: number;
  readonly #kept = new Map<string, { size: number; value: Promise<T> }>();
  #total = 0;

  /** `limit`: the sum of the sizes that are kept at once. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value of that name, made now if it is not kept. One that fails is not kept. */
  get(name: string, size: number, make: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(name);
    if (known !== undefined) return known.value;
    for (const oldest of this.#kept.keys()) {
      if (this.#total + size <= this.#limit) break;
      this.#forget(oldest);
    }
    const value = make();
    this.#kept.set(name, { size, value });
    this.#total += size;
    value.catch(() => this.#forget(name));
    return value;
  }

  #forget(name: string): void {
    this.#total -= this.#kept.get(name)?.size ?? 0;
    this.#kept.delete(name);
  }
}
