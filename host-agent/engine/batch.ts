/**
 * The work that is handed to a thread, and what comes back: plain data. A batch is some files to be read whole, or one
 * segment of a big file.
 */

import type { BigIntStats } from 'node:fs';

/** A batch is full with so many files, or with so much content. */
export const BATCH_FILES = 256;
export const BATCH_BYTES = 8 * 2 ** 20;

/** What the scan saw of each file, five numbers a file: see `stampOf`. */
export const STAMP_NUMBERS = 5;

export interface Batch {
  readonly id: number;
  /** What `node:fs` takes to reach each of them. */
  readonly files: readonly (string | Uint8Array)[];
  readonly stamps: BigInt64Array;
  /** `[from, to]`: of the only file, this alone is read. */
  readonly segment: readonly [number, number] | null;
}

/** Of a file that is not, or no more, as the scan saw it: what its open handle says. */
export interface OtherStat {
  readonly mode: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
}

export interface FileRead {
  readonly is: 'read';
  /** Numbers of the chunks, in order. */
  readonly chunks: readonly number[];
  /** Where reading ended: the size, of a file that was read whole. */
  readonly end: number;
  /** Data extents of a sparse file. */
  readonly data?: readonly [number, number][];
  /** Absent where the open handle said what the scan saw. */
  readonly stat?: OtherStat;
  /** It changed while it was read; a file read whole, twice. */
  readonly unstable?: true;
}

export type FileOutcome =
  | FileRead
  /** Another file than the scan saw lies there now, or none: it is looked at anew. */
  | { readonly is: 'replaced' }
  /** An errno name. */
  | { readonly is: 'unreadable'; readonly error: string };

export interface BatchResult {
  readonly id: number;
  /** One a file, in order. */
  readonly outcomes: readonly FileOutcome[];
  /** Content bytes stored, before compression. */
  readonly newBytes: number;
}

const asSigned = (value: bigint) => BigInt.asIntN(64, value);

/** Size, mtime, ctime, inode and device: what tells whether the open file is the one that the scan saw, as it saw it. */
export const stampOf = ({ size, mtimeNs, ctimeNs, ino, dev }: BigIntStats): bigint[] =>
  [size, mtimeNs, ctimeNs, ino, dev].map(asSigned);
