/**
 * A set of keys in the order of keys, cut into blocks of some hundred: adding, removing and finding a place take a
 * binary search and the shifting of one block, however many keys there are.
 */

import { compareKeys } from './keys-safety.ts';

const MAX_BLOCK = 512;

export class SortedKeys {
  /** None is empty. */
  readonly #blocks: string[][] = [];

  /** Adds a key that is not there. */
  add(key: string): void {
    const at = Math.max(0, this.#blockOf(key));
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([key]);
      return;
    }
    block.splice(placeIn(block, key), 0, key);
    if (block.length > MAX_BLOCK) this.#blocks.splice(at + 1, 0, block.splice(MAX_BLOCK / 2));
  }

  /** Removes a key that is there. */
  delete(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at] ?? [];
    block.splice(placeIn(block, key), 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** Up to `count` keys from the first one on that is not before `key`. */
  from(key: string, count: number): string[] {
    const found: string[] = [];
    let at = Math.max(0, this.#blockOf(key));
    let place = placeIn(this.#blocks[at] ?? [], key);
    for (let block = this.#blocks[at]; block !== undefined && found.length < count; block = this.#blocks[++at]) {
      found.push(...block.slice(place, place + count - found.length));
      place = 0;
    }
    return found;
  }

  /** The last block whose first key is not after this one; -1 where all are. */
  #blockOf(key: string): number {
    let [low, high] = [0, this.#blocks.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#blocks[middle]?.[0] ?? '', key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** The index of the first key that is not before this one. */
function placeIn(block: readonly string[], key: string): number {
  let [low, high] = [0, block.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(block[middle] ?? '', key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
