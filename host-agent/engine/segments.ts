/** A big file, read in segments by whoever has time, and put together again. */

import type { FileStat } from '../source/file-stat.ts';
import type { Batch, FileOutcome, FileRead } from './batch.ts';
import { SEGMENT } from './chunker.ts';

/** A line of the listing holds no more extents; a file with more is read whole, which takes what lies behind as data. */
const MAX_EXTENTS = 100_000;

/** What is to be read of one file: `[from, to]` one after the other. */
export function* segmentsOf(stat: FileStat): Generator<NonNullable<Batch['segment']>> {
  const size = Number(stat.size);
  for (let from = 0; from < size; from += SEGMENT) yield [from, Math.min(size, from + SEGMENT)];
}

export class SegmentedFile {
  readonly #size: number;
  readonly #outcomes: (FileOutcome | undefined)[];
  #left: number;

  constructor(stat: FileStat) {
    this.#size = Number(stat.size);
    this.#left = Math.ceil(this.#size / SEGMENT);
    this.#outcomes = Array.from({ length: this.#left }, () => undefined);
  }

  /** Takes a segment's outcome, in any order. With the last one, the file's; `null` where it must be read whole. */
  take(from: number, outcome: FileOutcome): { done: FileOutcome | null } | undefined {
    this.#outcomes[from / SEGMENT] = outcome;
    return --this.#left === 0 ? { done: this.#join() } : undefined;
  }

  #join(): FileOutcome | null {
    const reads: FileRead[] = [];
    for (const outcome of this.#outcomes) {
      if (outcome === undefined) return null;
      if (outcome.is !== 'read') return outcome;
      // It is not as the scan saw it, so the segments may be of different times.
      if (outcome.unstable || outcome.stat !== undefined) return null;
      reads.push(outcome);
    }
    const chunks = reads.flatMap((read) => read.chunks as number[]);
    const data = reads.some((read) => read.data !== undefined) ? this.#extents(reads) : undefined;
    if (data !== undefined && data.length > MAX_EXTENTS) return null;
    return { is: 'read', chunks, end: this.#size, ...(data === undefined ? {} : { data }) };
  }

  #extents(reads: readonly FileRead[]): [number, number][] {
    const extents: [number, number][] = [];
    reads.forEach((read, i) => {
      const from = i * SEGMENT;
      // A segment without any hole says nothing of extents.
      for (const [offset, length] of read.data ?? [[from, read.end - from] as const]) {
        const last = extents.at(-1);
        if (last !== undefined && last[0] + last[1] === offset) last[1] += length;
        else extents.push([offset, length]);
      }
    });
    return extents;
  }
}
