/** Which chunks are stored already: those of the base and those of this run. */

import { createHash } from 'node:crypto';
import type { Location } from '../../contract/entry.ts';

export class DedupTable {
  readonly #known = new Map<string, Location>();

  /** The location of a chunk with this digest (base64) and length, or undefined. */
  find(digest: string, length: number): Location | undefined {
    const location = this.#known.get(digest);
    // Identity is (size, hash).
    return location?.length === length ? location : undefined;
  }

  /** The first location that is known of a digest stays. */
  add(digest: string, location: Location): void {
    if (!this.#known.has(digest)) this.#known.set(digest, location);
  }

  get size(): number {
    return this.#known.size;
  }

  entries(): IterableIterator<[string, Location]> {
    return this.#known.entries();
  }
}

/** SHA-256 in base64: the form of digests in entries and tables. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

/** The content hash of a file: its only chunk's digest, or the SHA-256 of all raw digests in order. */
export function contentHash(digests: readonly string[]): string | undefined {
  if (digests.length <= 1) return digests[0];
  const hash = createHash('sha256');
  for (const digest of digests) hash.update(Buffer.from(digest, 'base64'));
  return hash.digest('base64');
}
