import { createHash } from 'node:crypto';
import type { StoredObject } from './port.ts';

/**
 * An object read from a store whose etag is the SHA-256 of the content. The hash is computed when it is asked for: who
 * restores hashes the content anyway, and that is half of the cost.
 */
export class ReadObject implements StoredObject {
  readonly cold = false;
  readonly key: string;
  readonly lastModified: Date;
  readonly body: Buffer;
  #sha256: string | undefined;

  constructor(key: string, lastModified: Date, body: Buffer) {
    this.key = key;
    this.lastModified = lastModified;
    this.body = body;
  }

  get size(): number {
    return this.body.length;
  }

  get etag(): string {
    return this.sha256;
  }

  get sha256(): string {
    this.#sha256 ??= createHash('sha256').update(this.body).digest('hex');
    return this.#sha256;
  }
}
