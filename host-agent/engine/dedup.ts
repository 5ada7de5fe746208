/** What chunks are known by. */

import { createHash } from 'node:crypto';
import type { Location } from '../../contract/entry.ts';

/** Which chunks of the base's listing are stored already. */
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
}

/** SHA-256 in base64: the form of digests in entries and tables. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

/** The content hash (base64) of a file of several chunks: the SHA-256 of all digests in order. */
export function contentHash(digests: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const digest of digests) hash.update(digest);
  return hash.digest('base64');
}
