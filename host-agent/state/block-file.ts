/** Files of compressed blocks: written in order and hashed on the way, read at any place. */

import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { OffsiteError } from '../../contract/errors.ts';

/** Reads a stretch of an open file; throws where it is shorter. */
export function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let filled = 0; filled < length; ) {
    const count = readSync(descriptor, bytes, filled, length - filled, position + filled);
    if (count === 0) throw new RangeError('a state file is shorter than it was');
    filled += count;
  }
  return bytes;
}

/** The SHA-256 (hex) of a file, or null where it cannot be read. */
export function hashOfFile(file: string): string | null {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(2 ** 20);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    for (;;) {
      const count = readSync(descriptor, piece, 0, piece.length, null);
      if (count === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, count));
    }
  } catch {
    return null;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** A new file, hashed as it is written. */
export class HashedFile {
  readonly #descriptor: number;
  readonly #hash = createHash('sha256');
  #isOpen = true;

  constructor(file: string) {
    this.#descriptor = openSync(file, 'w', 0o600);
  }

  write(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#descriptor, bytes, written);
  }

  /** Syncs, closes; the SHA-256 (hex) of the file. */
  finish(): string {
    fsyncSync(this.#descriptor);
    this.close();
    return this.#hash.digest('hex');
  }

  /** A second call does nothing: another file may have the descriptor by then. */
  close(): void {
    if (this.#isOpen) closeSync(this.#descriptor);
    this.#isOpen = false;
  }
}

/** Runs `work`, which writes below `folder`; what it throws becomes `state-unwritable`. */
export function guarded<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OffsiteError('state-unwritable', `${folder} cannot be written: ${why}`, { cause });
  }
}
