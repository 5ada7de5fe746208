/** Does a run hold about as much as its set usually does? Pure. `shrink` and `growth`. */

import type { Gate } from '../../contract/manifest.ts';
import {
  type Before,
  type ChangeFacts,
  extremes,
  type Figures,
  type Limits,
  median,
  sinceAccepted,
} from './changes.ts';
import { bytes, count, range, share } from './figures.ts';
import type { CodedReason } from './findings.ts';

/** Newest days in which a slow rise or fall may have begun. */
const SLOW_DAYS = 3;

interface Levels {
  readonly files: readonly number[];
  readonly bytes: readonly number[];
}

/** Much less than usual: of the run before where the host could not compare with it, of the days known in any case. */
export function shrinkRule({ counts, gates }: Figures, facts: ChangeFacts, limits: Limits): CodedReason | null {
  const { before } = facts;
  const gate = gates.find((one) => one.gate === 'maxShrink');
  if (gate === undefined && before !== null && counts.bytes < before.bytes * limits.keep) {
    const text = `it holds ${bytes(counts.bytes)}, and run ${before.run} before it ${bytes(before.bytes)}`;
    return { code: 'shrink', text, brief: `shrunk to ${share(counts.bytes / before.bytes)}` };
  }
  const levels = levelsOf(facts, limits);
  if (levels === null) return null;
  const keep = keepOf(gate, before) ?? limits.keep;
  const isLess = (now: number, known: readonly number[], least: number) => {
    const usual = median(known);
    // Below the smallest too: a set that is now full and now empty has no usual size.
    const [smallest] = extremes(olderOf(known));
    return now < usual * keep && now < smallest * keep && usual - now >= least;
  };
  const isLessBytes = isLess(counts.bytes, levels.bytes, limits.leastBytes);
  if (!isLessBytes && !isLess(counts.files, levels.files, limits.leastFiles)) return null;
  const left = isLessBytes ? counts.bytes / median(levels.bytes) : counts.files / median(levels.files);
  return {
    code: 'shrink',
    text: `${levelWords(counts, levels)}: much of it is gone`,
    brief: `shrunk to ${share(left)}`,
  };
}

/** Several times as much as ever. A set whose config is another one may hold what it likes. */
export function growthRule({ counts }: Figures, facts: ChangeFacts, limits: Limits): CodedReason | null {
  const levels = levelsOf(facts, limits);
  if (levels === null || facts.isOtherConfig) return null;
  const isMore = (now: number, known: readonly number[], least: number) => {
    const most = Math.max(median(known), extremes(olderOf(known))[1]);
    return now > most * limits.growth && now - most >= least;
  };
  const isMoreBytes = isMore(counts.bytes, levels.bytes, limits.growthBytes);
  if (!isMoreBytes && !isMore(counts.files, levels.files, limits.growthFiles)) return null;
  const now = isMoreBytes ? bytes(counts.bytes) : `${count(counts.files)} files`;
  return { code: 'growth', text: levelWords(counts, levels), brief: `grown to ${now}` };
}

/** The share that has to be left by the host's config, as its gate tells it; null where it tells none. */
function keepOf(gate: Gate | undefined, before: Before | null): number | null {
  if (gate === undefined || before === null || before.bytes === 0) return null;
  return Math.min(1, gate.expected / before.bytes);
}

/** Null where too little is known. */
function levelsOf({ recent }: ChangeFacts, limits: Limits): Levels | null {
  const known = sinceAccepted(recent);
  if (known.length < limits.levelDays && known.at(-1)?.byOperator !== true) return null;
  return { files: known.map(({ files }) => files), bytes: known.map((day) => day.bytes) };
}

function olderOf(known: readonly number[]): readonly number[] {
  return known.length > SLOW_DAYS + 1 ? known.slice(SLOW_DAYS) : known;
}

function levelWords(counts: Figures['counts'], { files, bytes: known }: Levels): string {
  const usually = `${range(...extremes(olderOf(files)), count)} files with ${range(...extremes(olderOf(known)), bytes)}`;
  return `it holds ${count(counts.files)} files with ${bytes(counts.bytes)} (usually ${usually})`;
}
