/** Chance by seed: each thing that is drawn has dice of its own, named for it, so that what else is drawn does not matter. */

export class Dice {
  #state: number;

  /** Dice of this name always fall in the same way. */
  constructor(...name: readonly (string | number)[]) {
    // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
    let hash = 0x811c9dc5;
    for (const piece of name) {
      for (const char of `${piece}/`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    }
    this.#state = hash >>> 0;
    this.next();
  }

  /** In [0, 1). Mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** 0 to n - 1. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}
