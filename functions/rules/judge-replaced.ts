/**
 * How much of what a set held was replaced, and by what? Pure. `changed`, where it is far more than on any day known, and
 * `compressibility`, where what is new does not compress as the set's content usually does.
 */

import type { DayFigures } from '../../contract/verdict.ts';
import {
  type ChangeFacts,
  changeOf,
  extremes,
  type Figures,
  type Limits,
  median,
  packedOf,
  sinceAccepted,
} from './changes.ts';
import { bytes, count, range, share } from './figures.ts';
import type { CodedReason } from './findings.ts';

const DAY = 86_400_000;

/** Of an incremental: what it has anew against the largest of what any day known had. */
export function replacedRule(figures: Figures, facts: ChangeFacts, limits: Limits): CodedReason | null {
  const { counts } = figures;
  const { before, recent } = facts;
  const days = recent.filter(({ backup }) => backup === 'incremental');
  if (before === null || days.length < limits.changeDays || spanOf(days) < limits.changeSpan) return null;
  const change = changeOf(figures, before);
  const replaced = { files: change.replacedFiles ?? 0, bytes: change.replacedBytes ?? 0 };
  const ofFiles = replaced.files / Math.max(1, counts.files, before.files);
  const ofBytes = replaced.bytes / Math.max(1, counts.bytes, before.bytes);
  const packed = packedOf(counts);
  const usually = usuallyPacked(recent, limits);
  const isPacked = (day: DayFigures) => packedOf(day) >= limits.incompressible;

  const isUnusual = (now: number, from: From) => now > unusualFrom(days, from, facts, limits);
  const isEncrypted =
    replaced.bytes >= limits.leastEncrypted &&
    packed >= limits.incompressible &&
    median(usually) <= limits.compressible &&
    isUnusual(ofBytes, { least: limits.encrypted, margin: 0, of: (day) => (isPacked(day) ? bytesShare(day) : 0) });
  const isOtherBytes =
    replaced.bytes >= limits.leastBytes &&
    isUnusual(ofBytes, { least: limits.changedBytes, margin: limits.margin, of: bytesShare });
  const isOtherFiles =
    replaced.files >= limits.leastFiles &&
    isUnusual(ofFiles, { least: limits.changedFiles, margin: limits.margin, of: filesShare });
  if (!isEncrypted && !isOtherBytes && !isOtherFiles) return null;

  const text = replacedWords(figures, facts, days);
  if (isEncrypted) {
    const how = `${share(packed)} of its size (usually ${range(...extremes(usually), share)})`;
    const words = `${text}, and what is new no longer compresses: ${how}: looks like encryption`;
    return { code: 'compressibility', text: words, brief: `${share(ofBytes)} replaced, looks encrypted` };
  }
  const brief = isOtherBytes ? `${share(ofBytes)} replaced` : `${share(ofFiles)} of files changed`;
  const isSame = ofBytes < limits.encrypted;
  const why = isSame ? ', with hardly anything new in them: renamed, moved, or given to another owner' : '';
  return { code: 'changed', text: `${text}${why}`, brief };
}

/** Of a full: what it takes in the store against what earlier ones took, whatever changed in which run between them. */
export function packedRule(figures: Figures, { recent }: ChangeFacts, limits: Limits): CodedReason | null {
  const { counts } = figures;
  const fulls = sinceAccepted(recent).filter(({ backup }) => backup === 'full');
  if (fulls.length === 0 || counts.bytes < limits.leastBytes) return null;
  const { objectBytes } = changeOf(figures, null);
  const packed = objectBytes / counts.bytes;
  const added = (full: DayFigures) => Math.max(0, counts.bytes - full.bytes);
  const isMore =
    packed > extremes(fulls.map(packedOf))[1] &&
    fulls.some((full) => {
      const more = objectBytes - full.storedBytes - added(full);
      return more > counts.bytes * limits.fullMore;
    });
  const isLess = fulls.every((full) => {
    const gone = Math.max(0, full.bytes - counts.bytes);
    return objectBytes < (full.storedBytes - gone) * limits.fullLess;
  });
  if (!isMore && !isLess) return null;
  const usually = range(...extremes(fulls.map(packedOf)), share);
  const text = `its ${bytes(counts.bytes)} take ${share(packed)} of their size in the store (usually ${usually})`;
  return isMore
    ? { code: 'compressibility', text: `${text}: looks like encryption`, brief: 'looks encrypted' }
    : {
        code: 'compressibility',
        text: `${text}: looks as if files were emptied or overwritten`,
        brief: 'looks emptied',
      };
}

const bytesShare = (day: DayFigures) => Math.min(1, day.replacedBytes / Math.max(1, day.bytes));
const filesShare = (day: DayFigures) => Math.min(1, day.replacedFiles / Math.max(1, day.files));

interface From {
  /** No share below is unusual, whatever is known. */
  readonly least: number;
  /** So much more than the largest known it has to be in any case. */
  readonly margin: number;
  readonly of: (day: DayFigures) => number;
}

/**
 * Which share is still usual: several times the largest known, or that and most of the way from there to all. A run that
 * comes after a longer time than usual may have so much more in it, and what the operator accepted passes again.
 */
function unusualFrom(
  days: readonly DayFigures[],
  { least, margin, of }: From,
  { elapsed, recent }: ChangeFacts,
  limits: Limits,
): number {
  const most = (byOperator: boolean) => extremes(days.filter((day) => day.byOperator === byOperator).map(of))[1];
  const longer = Math.max(1, (elapsed ?? 0) / DAY / gapOf(recent));
  const usual = Math.min(1, most(false) * longer);
  const above = Math.min(usual * limits.times, usual + (1 - usual) * limits.ofTheRest);
  return Math.max(least, above, usual + margin, most(true) * limits.timesAccepted);
}

/** To which shares of its size new content compresses; where little is ever new, the content of fulls. */
function usuallyPacked(recent: readonly DayFigures[], limits: Limits): number[] {
  const telling = recent.filter(
    ({ backup, newBytes }) => backup === 'incremental' && newBytes >= limits.leastEncrypted / 10,
  );
  const days = telling.length >= 3 ? telling : recent.filter(({ backup }) => backup === 'full');
  return days.filter(({ newBytes }) => newBytes > 0).map(packedOf);
}

function replacedWords({ counts }: Figures, { before }: ChangeFacts, days: readonly DayFigures[]): string {
  const change = changeOf({ actual: 'incremental', counts, objects: [], gates: [] }, before);
  const usual = (figures: number[], words: (figure: number) => string) =>
    `(usually ${range(...extremes(figures), words)})`;
  const usualFiles = usual(
    days.map((day) => day.replacedFiles),
    count,
  );
  const usualBytes = usual(
    days.map((day) => day.replacedBytes),
    bytes,
  );
  const files = `${count(change.replacedFiles ?? counts.changedFiles)} of ${count(counts.files)} files changed ${usualFiles}`;
  return `${files}, ${bytes(change.replacedBytes ?? 0)} of ${bytes(counts.bytes)} were rewritten ${usualBytes}`;
}

/** Days from the oldest to the newest of them. */
function spanOf(days: readonly DayFigures[]): number {
  const [oldest, newest] = [days.at(-1)?.day ?? '', days[0]?.day ?? ''];
  return (Date.parse(newest) - Date.parse(oldest)) / DAY;
}

/** How many days usually lie between two days with runs: 1 or more. */
function gapOf(recent: readonly DayFigures[]): number {
  const days = recent.map(({ day }) => Date.parse(day));
  const gaps = days.slice(1).map((day, i) => ((days[i] ?? day) - day) / DAY);
  return Math.max(1, median(gaps.filter((gap) => gap > 0)));
}
