/** What a restore says at its end: what was restored, what could not be, and what of it could not be set. */

import { type BytePath, displayPath } from '../../contract/byte-path.ts';
import { type ErrorCode, OffsiteError } from '../../contract/errors.ts';
import { errno } from '../../system/errno.ts';

/** One entry that was not restored, or not as it was. */
export interface RestoreError {
  /** For people; the entry's path, or the first one where a whole piece of the listing is lost. */
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What can fail to be set without the content being wrong. */
export type NotSet =
  | 'owner'
  | 'owner-name'
  | 'set-id'
  | 'mode'
  | 'mtime'
  | 'xattrs'
  | 'hard-link'
  | 'fifo'
  | 'socket'
  | 'device';

export class NotSetCounts {
  readonly #counts = new Map<NotSet, number>();

  add(what: NotSet, count = 1): void {
    if (count > 0) this.#counts.set(what, (this.#counts.get(what) ?? 0) + count);
  }

  addAll(others: readonly { what: NotSet; count: number }[]): void {
    for (const { what, count } of others) this.add(what, count);
  }

  list(): { what: NotSet; count: number }[] {
    return [...this.#counts].map(([what, count]) => ({ what, count }));
  }

  /** The counts, which begin anew. */
  take(): { what: NotSet; count: number }[] {
    const counts = this.list();
    this.#counts.clear();
    return counts;
  }
}

/** Why one entry failed. `fatal` where no other entry could be written either. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fatal?: true;
}

export function restoreError(path: BytePath, { code, message }: { code: ErrorCode; message: string }): RestoreError {
  return { path: displayPath(path), code, message };
}

/** What stops everything: no room, a read-only or failing disk, no more file handles. */
const FATAL = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ESTALE']);

/** What the target's file system said, as a failure of one entry. Throws whatever did not come from there. */
export function failureOf(error: unknown): Failure {
  const name = errno(error);
  const text = error instanceof Error ? error.message : String(error);
  switch (name) {
    case undefined:
      throw error;
    case 'EEXIST':
      return { code: 'target-exists', message: 'something of that name is in the target already' };
    case 'EISDIR':
    case 'ENOTEMPTY':
      return { code: 'target-exists', message: 'a directory of that name is in the target already' };
    case 'ENOTDIR':
    case 'ELOOP':
      return { code: 'target-exists', message: 'its directory is something else in the target, and is not followed' };
    case 'ENAMETOOLONG':
      return { code: 'unsafe-path', message: 'its name is too long for the file system of the target' };
    default:
      return { code: 'target-unusable', message: text, ...(FATAL.has(name) ? { fatal: true as const } : {}) };
  }
}

/** The failure as the error that ends the restore. */
export function fatalError(failure: Failure): OffsiteError {
  return new OffsiteError(failure.code, `the target cannot be written: ${failure.message}`);
}
