/**
 * Setting what an entry has besides its content: owner, then mode, then modification time. Changing the owner clears
 * set-id bits, and everything else changes the time, hence the order.
 */

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  lutimesSync,
  openSync,
  utimesSync,
} from 'node:fs';
import { errno } from '../../system/errno.ts';
import type { Attributes } from './entry-table.ts';
import type { NotSetCounts } from './report.ts';

/** An open handle that neither reads nor writes: works on FIFOs and devices without waking them. See open(2). */
export const O_PATH = 0o10000000;
const SET_ID = 0o6000;
/** Nobody's number: to chown() it means "leave it". */
const NO_ID = 2 ** 32 - 1;

/** What the caller's rights, or the file system of the target, do not allow. */
const REFUSED = new Set(['EPERM', 'EACCES', 'EINVAL', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EOVERFLOW']);

/** Whose something is. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export class AttributeSetter {
  readonly #setOwner: boolean;
  readonly #notSet: NotSetCounts;

  /** `setOwner: false` leaves everything to whoever restores, as if the rights were missing. */
  constructor(setOwner: boolean, notSet: NotSetCounts) {
    this.#setOwner = setOwner;
    this.#notSet = notSet;
  }

  /** Sets all of a file or directory that is open. What is refused is counted. `owner`: whose it is, if that is known. */
  setOpen(
    handle: number,
    attributes: Attributes,
    { isDirectory = false, owner = null }: { isDirectory?: boolean; owner?: Owner | null } = {},
  ): void {
    const owned = this.#own(attributes, (uid, gid) => {
      if (owner === null || owner.uid !== uid || owner.gid !== gid) fchownSync(handle, uid, gid);
    });
    this.#try('mode', () => fchmodSync(handle, this.#mode(attributes.mode, owned || isDirectory)));
    const time = timeArgument(attributes);
    this.#try('mtime', () => futimesSync(handle, time, time));
  }

  /** Sets owner and time of a symbolic link, which has no mode. */
  setLink(path: string | Buffer, attributes: Attributes): void {
    this.#own(attributes, (uid, gid) => lchownSync(path, uid, gid));
    const time = timeArgument(attributes);
    this.#try('mtime', () => lutimesSync(path, time, time));
  }

  /** Sets all of a FIFO or device, which is not opened for that. */
  setSpecial(path: string | Buffer, attributes: Attributes): void {
    const handle = openSync(path, O_PATH | constants.O_NOFOLLOW);
    try {
      const opened = `/proc/self/fd/${handle}`;
      const owned = this.#own(attributes, (uid, gid) => chownSync(opened, uid, gid));
      this.#try('mode', () => chmodSync(opened, this.#mode(attributes.mode, owned)));
      const time = timeArgument(attributes);
      this.#try('mtime', () => utimesSync(opened, time, time));
    } finally {
      closeSync(handle);
    }
  }

  /** Whoever cannot set the owner can still set the group, if it is one of theirs. False where the owner is not set. */
  #own({ uid, gid }: Attributes, chown: (uid: number, gid: number) => void): boolean {
    if (this.#setOwner && uid !== NO_ID && gid !== NO_ID) {
      try {
        chown(uid, gid);
        return true;
      } catch (error) {
        refused(error);
      }
      try {
        chown(-1, gid);
      } catch (error) {
        refused(error);
      }
    }
    this.#notSet.add('owner');
    return false;
  }

  /** A file that belongs to somebody else than it did must not run with that one's rights. */
  #mode(mode: number, owned: boolean): number {
    if (owned || (mode & SET_ID) === 0) return mode;
    this.#notSet.add('set-id');
    return mode & ~SET_ID;
  }

  #try(what: 'mode' | 'mtime', set: () => void): void {
    try {
      set();
    } catch (error) {
      refused(error);
      this.#notSet.add(what);
    }
  }
}

function refused(error: unknown): void {
  if (!REFUSED.has(errno(error) ?? '')) throw error;
}

/** Seconds as node:fs takes them. It takes a negative number for "now", and a negative text for what it says. */
function timeArgument({ seconds, nanoseconds }: Attributes): number | string {
  const time = seconds + nanoseconds / 1e9;
  return time < 0 ? String(time) : time;
}
