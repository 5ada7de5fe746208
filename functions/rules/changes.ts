/**
 * The figures that say how much of a run is other than before, and the limits that they are held against. Pure.
 *
 * Nobody here can open a backup, so what the manifest counts is all there is: how much there is, how much of it is new,
 * and how far that compresses, for what is encrypted does not. docs/anomalies.md says why each limit is what it is and
 * what passes below; test/functions/rules/anomalies.test.ts measures false alarms and what is found.
 */

import type { Manifest } from '../../contract/manifest.ts';
import type { Change, DayFigures } from '../../contract/verdict.ts';

/** What of a manifest says how much there is, and how much of it is new. */
export type Figures = Pick<Manifest, 'actual' | 'counts' | 'objects' | 'gates'>;

/** The accepted run that a run is compared with: the one it builds on, else the newest. */
export interface Before {
  readonly run: string;
  readonly files: number;
  readonly bytes: number;
  /** False where something of it could not be read: what can be read again then counts as changed. */
  readonly isWhole: boolean;
}

export interface ChangeFacts {
  readonly before: Before | null;
  /** As `latest` has it, the newest day first. */
  readonly recent: readonly DayFigures[];
  /** Milliseconds since the run that it builds on; null for a full. */
  readonly elapsed: number | null;
  /** The last run with unusual content, where neither it nor a later one was accepted. */
  readonly doubted: string | null;
  /** True where the set's config is another one than in the run before. */
  readonly isOtherConfig: boolean;
}

/** All of these were set by measurement. Shares are from 0 to 1. */
export const LIMITS = {
  /** Days with incrementals, and days from the first of them to the last, before it is judged how much changes. */
  changeDays: 7,
  changeSpan: 7,
  /** Days of any type before it is judged how much there is. One that the operator accepted is enough. */
  levelDays: 4,
  /** What has to be other than usual for its share to mean anything. */
  leastFiles: 200,
  leastBytes: 100e6,
  /**
   * `changed`: these shares of what there is; so many times the largest share of any day known, or that plus so much of
   * what it leaves; and in any case so much more than it.
   */
  changedFiles: 0.7,
  changedBytes: 0.3,
  times: 3,
  ofTheRest: 0.6,
  margin: 0.25,
  /** `compressibility`: bytes and share replaced by what takes at least so much of its size, where usually it takes less. */
  leastEncrypted: 20e6,
  encrypted: 0.05,
  incompressible: 0.85,
  compressible: 0.7,
  /** The same of a full: so much of its size more than growth explains, or no more than this share of what it took. */
  fullMore: 0.15,
  fullLess: 0.5,
  /** Of what the operator accepted so many times as much passes. */
  timesAccepted: 1.2,
  /** `growth`: so many times as much as on any day known, and at least so much more. */
  growth: 3,
  growthBytes: 5e9,
  growthFiles: 100_000,
  /** `shrink`: what has to be left of what is usual, where the host's own gate says nothing else. */
  keep: 0.5,
} as const;
export type Limits = { readonly [K in keyof typeof LIMITS]: number };

/** How much of a run is other than in the one before. What was added on top of that is not. */
export function changeOf({ actual, counts, objects }: Figures, before: Before | null): Change {
  const objectBytes = Math.min(
    objects.reduce((sum, [, size]) => sum + size, 0),
    Number.MAX_SAFE_INTEGER,
  );
  const { changedFiles, newBytes } = counts;
  if (actual === 'full' || before === null) {
    return { changedFiles, replacedFiles: null, replacedBytes: null, objectBytes };
  }
  const beyond = (found: number, added: number) => Math.max(0, found - Math.max(0, added));
  return {
    changedFiles,
    replacedFiles: before.isWhole ? beyond(changedFiles, counts.files - before.files) : null,
    replacedBytes: beyond(newBytes, counts.bytes - before.bytes),
    objectBytes,
  };
}

/** Which share of its size new content took in the store. */
export function packedOf({ newBytes, storedBytes }: Pick<DayFigures, 'newBytes' | 'storedBytes'>): number {
  return storedBytes / Math.max(1, newBytes);
}

/** What is known since the operator last said that it is right, that included. */
export function sinceAccepted(recent: readonly DayFigures[]): readonly DayFigures[] {
  const accepted = recent.findIndex(({ byOperator }) => byOperator);
  return accepted < 0 ? recent : recent.slice(0, accepted + 1);
}

/** The middle one, of an even number the lower; 0 of none. */
export function median(figures: readonly number[]): number {
  return figures.toSorted((one, other) => one - other)[Math.ceil(figures.length / 2) - 1] ?? 0;
}

/** The smallest and the largest; 0 of none. */
export function extremes(figures: readonly number[]): [least: number, most: number] {
  if (figures.length === 0) return [0, 0];
  return [Math.min(...figures), Math.max(...figures)];
}
