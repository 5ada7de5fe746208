/**
 * What a backup wants to know of a file, out of all that lstat and fstat say. Thousands of entries wait while their content is
 * read: the library's own object is several times as large, and each question to it makes new big numbers.
 */

import { type BigIntStats, constants, lstatSync } from 'node:fs';
import type { EntryType } from '../../contract/entry.ts';

export interface FileStat {
  readonly type: EntryType;
  /** Permission bits, set-id and sticky bits included (07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Of a device, which one. */
  readonly rdev: bigint;
}

const TYPES: Readonly<Record<number, EntryType>> = {
  [constants.S_IFREG]: 'file',
  [constants.S_IFDIR]: 'directory',
  [constants.S_IFLNK]: 'symlink',
  [constants.S_IFIFO]: 'fifo',
  [constants.S_IFSOCK]: 'socket',
  [constants.S_IFBLK]: 'block',
};

export function fileStatOf({ mode, uid, gid, nlink, dev, ino, size, mtimeNs, ctimeNs, rdev }: BigIntStats): FileStat {
  const bits = Number(mode);
  return {
    type: TYPES[bits & constants.S_IFMT] ?? 'char',
    mode: bits & 0o7777,
    uid: Number(uid),
    gid: Number(gid),
    nlink: Number(nlink),
    dev,
    ino,
    size,
    mtimeNs,
    ctimeNs,
    rdev,
  };
}

/** What lies there, symlinks not followed. Throws what lstat throws. */
export const lookAt = (file: string | Buffer): FileStat => fileStatOf(lstatSync(file, { bigint: true }));
