/**
 * What accepted runs leave behind in `latest`, for later ones to be measured against. Pure. Kept by the day, so that a
 * set backed up every hour remembers as many nights as one backed up once; and with the largest figures of each day, so
 * that the order and number of times in which verdicts come make no difference.
 */

import type { DayFigures, Verdict } from '../../contract/verdict.ts';

/** Five weeks of daily runs: what happens once a month is in it. */
const INCREMENTAL_DAYS = 35;
const FULL_DAYS = 6;

type Judged = Pick<
  Verdict,
  'accepted' | 'witness' | 'received' | 'backup' | 'files' | 'bytes' | 'newBytes' | 'storedBytes' | 'change'
>;

/** The days with this verdict's run among them, the newest first; unchanged where it is not accepted or says too little. */
export function recentAfter(recent: readonly DayFigures[], verdict: Judged): DayFigures[] {
  const found = figuresOf(verdict);
  if (found === null) return [...recent];
  const isSame = ({ day, backup }: DayFigures) => day === found.day && backup === found.backup;
  const known = recent.find(isSame);
  const merged = known === undefined ? found : together(known, found);
  const all = [merged, ...recent.filter((one) => !isSame(one))].toSorted(newestFirst);
  const newest = (backup: DayFigures['backup'], count: number) =>
    all.filter((one) => one.backup === backup).slice(0, count);
  return [...newest('incremental', INCREMENTAL_DAYS), ...newest('full', FULL_DAYS)].toSorted(newestFirst);
}

function figuresOf(verdict: Judged): DayFigures | null {
  const { accepted, witness, received, backup, files, bytes, newBytes, storedBytes, change } = verdict;
  if (!accepted || received === null || backup === null || change === null) return null;
  if (files === null || bytes === null || newBytes === null || storedBytes === null) return null;
  const isFull = backup === 'full';
  return {
    day: received.slice(0, 10),
    backup,
    byOperator: witness === 'acceptance',
    received,
    files,
    bytes,
    replacedFiles: change.replacedFiles ?? 0,
    replacedBytes: change.replacedBytes ?? 0,
    newBytes: isFull ? bytes : newBytes,
    storedBytes: isFull ? change.objectBytes : storedBytes,
  };
}

function together(one: DayFigures, other: DayFigures): DayFigures {
  const order = (by: (figures: DayFigures) => readonly (string | number)[]) =>
    [one, other].toSorted((a, b) => compare(by(a), by(b)))[1] ?? one;
  const last = order(({ received, bytes, files }) => [received, bytes, files]);
  const busiest = order(({ newBytes, storedBytes }) => [newBytes, storedBytes]);
  return {
    ...last,
    byOperator: one.byOperator || other.byOperator,
    replacedFiles: Math.max(one.replacedFiles, other.replacedFiles),
    replacedBytes: Math.max(one.replacedBytes, other.replacedBytes),
    newBytes: busiest.newBytes,
    storedBytes: busiest.storedBytes,
  };
}

function compare(one: readonly (string | number)[], other: readonly (string | number)[]): number {
  for (const [i, value] of one.entries()) {
    const against = other[i] ?? value;
    if (value !== against) return value < against ? -1 : 1;
  }
  return 0;
}

function newestFirst(one: DayFigures, other: DayFigures): number {
  return compare([other.day, other.backup], [one.day, one.backup]);
}
