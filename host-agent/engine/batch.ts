/**
 * The work that is handed to a thread, and what comes back: plain data. A batch is some files to be read whole, or one
 * segment of a big file.
 */

import type { FileStat } from '../source/file-stat.ts';

/** A batch is full with so many files, or with so much content. */
export const BATCH_FILES = 256;
export const BATCH_BYTES = 8 * 2 ** 20;

/** What the scan saw of each file, five numbers a file: see `stampOf`. */
export const STAMP_NUMBERS = 5;

export interface Batch {
  readonly id: number;
  /** What `node:fs` takes to reach each of them: see `packFiles`. */
  readonly files: PackedFiles;
  readonly stamps: BigInt64Array;
  /** `[from, to]`: of the only file, this alone is read. */
  readonly segment: readonly [number, number] | null;
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
  readonly stat?: FileStat;
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
  /** One a file, in order: see `packOutcomes`. */
  readonly outcomes: PackedOutcomes;
  /** Content bytes stored, before compression. */
  readonly newBytes: number;
}

/** Size, mtime, ctime, inode and device: what tells whether the open file is the one that the scan saw, as it saw it. */
export function stampOf(
  stats: readonly Pick<FileStat, 'size' | 'mtimeNs' | 'ctimeNs' | 'ino' | 'dev'>[],
): BigInt64Array {
  const stamps = new BigInt64Array(stats.length * STAMP_NUMBERS);
  let at = 0;
  for (const { size, mtimeNs, ctimeNs, ino, dev } of stats) {
    stamps[at++] = size;
    stamps[at++] = mtimeNs;
    stamps[at++] = ctimeNs;
    stamps[at++] = ino;
    stamps[at++] = dev;
  }
  return stamps;
}

/** Paths as one string, NUL between them, which goes to a thread far faster than many; each alone where one is bytes. */
type PackedFiles = string | readonly (string | Uint8Array)[];

export const packFiles = (files: readonly (string | Uint8Array)[]): PackedFiles =>
  files.every((file) => typeof file === 'string') ? files.join('\0') : files;

export const unpackFiles = (files: PackedFiles): readonly (string | Uint8Array)[] =>
  typeof files === 'string' ? files.split('\0') : files;

const [EMPTY, OTHER] = [-1, -2];

/**
 * Most files are as the scan saw them, and of one chunk or none: of them the chunk's number says all, EMPTY where there
 * is none. What became of the rest, OTHER, follows in order.
 */
interface PackedOutcomes {
  readonly plain: Int32Array;
  readonly others: readonly FileOutcome[];
}

const isPlain = (outcome: FileOutcome): outcome is FileRead =>
  outcome.is === 'read' &&
  outcome.chunks.length <= 1 &&
  outcome.data === undefined &&
  outcome.stat === undefined &&
  outcome.unstable === undefined;

/** For files that were read whole; of a segment nothing is plain. */
export function packOutcomes(outcomes: readonly FileOutcome[], isSegment: boolean): PackedOutcomes {
  const others: FileOutcome[] = [];
  const plain = Int32Array.from(outcomes, (outcome) => {
    if (!isSegment && isPlain(outcome)) return outcome.chunks[0] ?? EMPTY;
    others.push(outcome);
    return OTHER;
  });
  return { plain, others };
}

/** What became of each file; `sizeOf`: its size as the scan saw it. */
export function* unpackOutcomes(
  { plain, others }: PackedOutcomes,
  sizeOf: (at: number) => number,
): Generator<FileOutcome> {
  let next = 0;
  for (const [at, chunk] of plain.entries()) {
    if (chunk === OTHER) yield others[next++] as FileOutcome;
    else yield { is: 'read', chunks: chunk === EMPTY ? [] : [chunk], end: sizeOf(at) };
  }
}
