/**
 * Does a run look like those before it? Pure: a run's figures against those of the set's own last accepted runs. Nobody
 * here can open a backup, so four figures are all there is: how much there is (`shrink`, `growth`), how much of it is
 * other than before (`changed`), and how far that compresses (`compressibility`), for what is encrypted does not.
 *
 * docs/anomalies.md says why each limit is what it is and what passes below; test/functions/rules/anomalies.test.ts
 * measures both false alarms and what is found, and holds the page to it.
 */

import type { Gate, Manifest } from '../../contract/manifest.ts';
import type { Change, DayFigures } from '../../contract/verdict.ts';
import { bytes, count, range, share } from './figures.ts';
import type { CodedReason } from './findings.ts';

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
  /** True where the set's config is another one than in the run before. */
  readonly isOtherConfig: boolean;
}

/** All of these were set by measurement, none by taste: see docs/anomalies.md. */
export const LIMITS = {
  /** Days with incrementals, and from the first to the last of them, before how much changes is judged. */
  changeDays: 7,
  changeSpan: 7,
  /** Days of any type before how much there is is judged; one that the operator accepted is enough. */
  levelDays: 4,
  /** Below this a set holds too little for its shares to mean anything. */
  leastFiles: 200,
  leastBytes: 100e6,
  /** `changed`: this share, and so many times the most of any day known. */
  changedFiles: 0.5,
  changedBytes: 0.3,
  times: 3,
  /** `compressibility` of an incremental: content as large as this that was replaced, by what takes this share of its size. */
  encryptedBytes: 0.05,
  leastEncrypted: 20e6,
  incompressible: 0.85,
  compressible: 0.7,
  /** Of a full: so much of its size more in the store than growth explains, or this share of what it took before. */
  fullMore: 0.15,
  fullLess: 0.5,
  /** Of a run the operator accepted, so many times its figures pass. */
  timesAccepted: 1.2,
  /** `growth`: so many times the most of any day known, and at least so much more. */
  growth: 3,
  growthBytes: 5e9,
  growthFiles: 100_000,
  /** `shrink`: what is left of what is usual, where the host's own gate says nothing else. */
  keep: 0.5,
} as const;
type Limits = { readonly [K in keyof typeof LIMITS]: number };

const DAY = 86_400_000;
/** Days at the end of the known ones that a slow rise or fall may have begun in. */
const SLOW_DAYS = 3;

/** How much of a run is other than in the one before. Files and bytes that were added on top are neither. */
export function changeOf(manifest: Pick<Manifest, 'actual' | 'counts' | 'objects'>, before: Before | null): Change {
  const { actual, counts, objects } = manifest;
  const objectBytes = Math.min(
    objects.reduce((sum, [, size]) => sum + size, 0),
    Number.MAX_SAFE_INTEGER,
  );
  const { changedFiles } = counts;
  if (actual === 'full' || before === null) {
    return { changedFiles, replacedFiles: null, replacedBytes: null, objectBytes };
  }
  const less = (all: number, added: number) => Math.max(0, all - Math.max(0, added));
  const replacedFiles = before.isWhole ? less(changedFiles, counts.files - before.files) : null;
  return {
    changedFiles,
    replacedFiles,
    replacedBytes: less(counts.newBytes, counts.bytes - before.bytes),
    objectBytes,
  };
}

/** What of a run is unlike those before it, the gravest first. Each code at most once. */
export function changeRules(manifest: Manifest, facts: ChangeFacts, limits: Limits = LIMITS): CodedReason[] {
  const change = changeOf(manifest, facts.before);
  const content =
    manifest.actual === 'full'
      ? fullRule(manifest, change, facts, limits)
      : incrementalRule(manifest, change, facts, limits);
  return [content, shrinkRule(manifest, facts, limits), growthRule(manifest, facts, limits)].filter(
    (found) => found !== null,
  );
}

interface Levels {
  readonly files: readonly number[];
  readonly bytes: readonly number[];
}

/** How much there was since the operator last said that it is right; null where too little is known. */
function levelsOf(recent: readonly DayFigures[], limits: Limits): Levels | null {
  const accepted = recent.findIndex(({ byOperator }) => byOperator);
  const known = accepted < 0 ? recent : recent.slice(0, accepted + 1);
  if (accepted < 0 && known.length < limits.levelDays) return null;
  return { files: known.map(({ files }) => files), bytes: known.map((day) => day.bytes) };
}

function shrinkRule({ counts, gates }: Manifest, { before, recent }: ChangeFacts, limits: Limits): CodedReason | null {
  const gate = gates.find((one) => one.gate === 'maxShrink');
  // The host's own config says how far the set may fall. Where the host could not compare, this does.
  if (gate === undefined && before !== null && counts.bytes < before.bytes * limits.keep) {
    const text = `it holds ${bytes(counts.bytes)}, and run ${before.run} before it ${bytes(before.bytes)}`;
    return { code: 'shrink', text, brief: `shrunk to ${share(counts.bytes / before.bytes)}` };
  }
  const keep = keepOf(gate, before) ?? limits.keep;
  const levels = levelsOf(recent, limits);
  if (levels === null) return null;
  const isLess = (now: number, known: readonly number[], least: number) => {
    const usual = median(known);
    return now < usual * keep && now < Math.min(...olderOf(known)) * keep * 1.2 && usual - now >= least;
  };
  const isLessBytes = isLess(counts.bytes, levels.bytes, limits.leastBytes);
  if (!isLessBytes && !isLess(counts.files, levels.files, limits.leastFiles)) return null;
  const [now, usual] = isLessBytes ? [counts.bytes, median(levels.bytes)] : [counts.files, median(levels.files)];
  const text = `it holds ${count(counts.files)} files with ${bytes(counts.bytes)} (usually ${levelWords(levels)}): much of it is gone`;
  return { code: 'shrink', text, brief: `shrunk to ${share(now / usual)}` };
}

/** The share that has to be left by the host's config, as its gate tells it; null where it tells none. */
function keepOf(gate: Gate | undefined, before: Before | null): number | null {
  if (gate === undefined || before === null || before.bytes === 0) return null;
  return Math.min(1, gate.expected / before.bytes);
}

function growthRule({ counts }: Manifest, { recent, isOtherConfig }: ChangeFacts, limits: Limits): CodedReason | null {
  const levels = levelsOf(recent, limits);
  if (levels === null || isOtherConfig) return null;
  const isMore = (now: number, known: readonly number[], least: number) => {
    const most = Math.max(median(known), ...olderOf(known));
    return now > most * limits.growth && now - most >= least;
  };
  const isMoreBytes = isMore(counts.bytes, levels.bytes, limits.growthBytes);
  if (!isMoreBytes && !isMore(counts.files, levels.files, limits.growthFiles)) return null;
  const [now, usual] = isMoreBytes ? [counts.bytes, median(levels.bytes)] : [counts.files, median(levels.files)];
  const text = `it holds ${count(counts.files)} files with ${bytes(counts.bytes)} (usually ${levelWords(levels)})`;
  return { code: 'growth', text, brief: `grown to ${timesWords(now, usual)}` };
}

function timesWords(now: number, usual: number): string {
  if (usual === 0) return `${count(now)} from nothing`;
  return `${count(now / usual)} times the usual`;
}

/** Without the newest days, in which what is found now may have begun; at least one day is left. */
function olderOf(known: readonly number[]): readonly number[] {
  return known.length > SLOW_DAYS + 1 ? known.slice(SLOW_DAYS) : known;
}

function levelWords({ files, bytes: all }: Levels): string {
  const most = Math.max(...files);
  return `${range(Math.min(...files), most, count)} ${most === 1 ? 'file' : 'files'} with ${range(Math.min(...all), Math.max(...all), bytes)}`;
}

function incrementalRule(
  { counts, actual }: Manifest,
  change: Change,
  { recent, before, elapsed }: ChangeFacts,
  limits: Limits,
): CodedReason | null {
  const days = recent.filter(({ backup }) => backup === actual);
  if (before === null || days.length < limits.changeDays || spanOf(days) < limits.changeSpan) return null;
  const { replacedFiles, replacedBytes } = change;
  const all = { files: Math.max(1, counts.files, before.files), bytes: Math.max(1, counts.bytes, before.bytes) };
  // A run that comes after a longer time than usual may have so much more in it.
  const longer = Math.max(1, (elapsed ?? 0) / DAY / gapOf(recent));
  const isUnusual = (now: number, shareOf: (day: DayFigures) => number, of = days) => {
    const most = (known: readonly DayFigures[]) => Math.max(0, ...known.map(shareOf));
    const usual = most(of.filter(({ byOperator }) => !byOperator)) * longer * limits.times;
    return now > usual && now > most(of.filter(({ byOperator }) => byOperator)) * limits.timesAccepted;
  };
  const bytesShare = (day: DayFigures) => day.replacedBytes / Math.max(1, day.bytes);
  const filesShare = (day: DayFigures) => day.replacedFiles / Math.max(1, day.files);
  const changed = { files: (replacedFiles ?? 0) / all.files, bytes: (replacedBytes ?? 0) / all.bytes };

  const packed = counts.storedBytes / Math.max(1, counts.newBytes);
  const usually = usualPacked(recent, limits);
  const isEncrypted =
    (replacedBytes ?? 0) >= limits.leastEncrypted &&
    changed.bytes >= limits.encryptedBytes &&
    packed >= limits.incompressible &&
    usually !== null &&
    usually.median <= limits.compressible &&
    // What was accepted passes again only where it did not compress either.
    isUnusual(
      changed.bytes,
      bytesShare,
      days.filter((day) => !day.byOperator || packedOf(day) >= limits.incompressible),
    );
  const isOtherBytes =
    (replacedBytes ?? 0) >= limits.leastBytes &&
    changed.bytes >= limits.changedBytes &&
    isUnusual(changed.bytes, bytesShare);
  const isOtherFiles =
    (replacedFiles ?? 0) >= limits.leastFiles &&
    changed.files >= limits.changedFiles &&
    isUnusual(changed.files, filesShare);
  if (!isEncrypted && !isOtherBytes && !isOtherFiles) return null;

  const usualFiles = days.map((day) => day.replacedFiles);
  const usualBytes = days.map((day) => day.replacedBytes);
  const text = [
    replacedFiles === null
      ? `${count(counts.changedFiles)} of ${count(counts.files)} files changed`
      : `${count(replacedFiles)} of ${count(counts.files)} files changed (usually ${range(Math.min(...usualFiles), Math.max(...usualFiles), count)})`,
    `with ${bytes(replacedBytes ?? 0)} of ${bytes(counts.bytes)} replaced (usually ${range(Math.min(...usualBytes), Math.max(...usualBytes), bytes)})`,
  ].join(', ');
  if (!isEncrypted) {
    const brief =
      isOtherFiles && changed.files >= changed.bytes
        ? `${share(changed.files)} of files changed`
        : `${share(changed.bytes)} of its bytes changed`;
    return { code: 'changed', text, brief };
  }
  const words = `and what is new no longer compresses: ${share(packed)} of its size (usually ${range(usually.least, usually.most, share)}): looks like encryption`;
  return {
    code: 'compressibility',
    text: `${text}, ${words}`,
    brief: `${share(changed.bytes)} replaced, looks encrypted`,
  };
}

const packedOf = (day: DayFigures) => day.storedBytes / Math.max(1, day.newBytes);

/** To which share of its size what is new compresses; where too little is ever new, to which a full does. */
function usualPacked(
  recent: readonly DayFigures[],
  limits: Limits,
): { median: number; least: number; most: number } | null {
  const telling = recent.filter(
    ({ backup, newBytes }) => backup === 'incremental' && newBytes >= limits.leastEncrypted / 10,
  );
  const of = telling.length >= 3 ? telling : recent.filter(({ backup, newBytes }) => backup === 'full' && newBytes > 0);
  if (of.length === 0) return null;
  const shares = of.map(packedOf);
  return { median: median(shares), least: Math.min(...shares), most: Math.max(...shares) };
}

function fullRule(
  { counts, actual }: Manifest,
  change: Change,
  { recent }: ChangeFacts,
  limits: Limits,
): CodedReason | null {
  const accepted = recent.findIndex(({ byOperator }) => byOperator);
  const since = accepted < 0 ? recent : recent.slice(0, accepted + 1);
  const fulls = since.filter(({ backup }) => backup === actual);
  if (fulls.length === 0 || counts.bytes < limits.leastBytes) return null;
  const { objectBytes } = change;
  const packed = objectBytes / counts.bytes;
  const isMore = fulls.some(
    (full) =>
      objectBytes - full.storedBytes - Math.max(0, counts.bytes - full.bytes) > counts.bytes * limits.fullMore &&
      packed > packedOf(full),
  );
  const isLess = fulls.every(
    (full) => objectBytes < limits.fullLess * (full.storedBytes - Math.max(0, full.bytes - counts.bytes)),
  );
  if (!isMore && !isLess) return null;
  const shares = fulls.map(packedOf);
  const usual = `(usually ${range(Math.min(...shares), Math.max(...shares), share)})`;
  const text = `its ${bytes(counts.bytes)} take ${share(packed)} of their size in the store ${usual}`;
  if (isMore) {
    return {
      code: 'compressibility',
      text: `${text}: much of it no longer compresses, which looks like encryption`,
      brief: 'looks encrypted',
    };
  }
  return { code: 'compressibility', text: `${text}: much of it looks emptied or overwritten`, brief: 'looks emptied' };
}

/** Days from the oldest to the newest of them. */
function spanOf(days: readonly DayFigures[]): number {
  const [first, last] = [days.at(-1)?.day, days[0]?.day];
  return first === undefined || last === undefined ? 0 : (Date.parse(last) - Date.parse(first)) / DAY;
}

/** How many days usually lie between two days with runs: 1 or more. */
function gapOf(recent: readonly DayFigures[]): number {
  const days = recent.map(({ day }) => Date.parse(day));
  const gaps = days.slice(1).map((day, i) => ((days[i] ?? day) - day) / DAY);
  return Math.max(1, median(gaps.filter((gap) => gap > 0)));
}

/** The middle one, of an even number the lower; 0 of none. */
function median(figures: readonly number[]): number {
  return figures.toSorted((one, other) => one - other)[Math.ceil(figures.length / 2) - 1] ?? 0;
}
