/**
 * Whether cost grows with the data and not faster: everybody on a corpus, and on it together with a second one, as large
 * and as compressible, of which nothing is the same. Bar: twice the data takes at most 2.2 times the time.
 */

import { closeSync, mkdirSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from './changes.ts';
import type { Contender } from './contender.ts';
import { run } from './measure.ts';
import { medianOf } from './report.ts';
import { CASES, type Result, type RoundPlan, runRound } from './round.ts';

export interface TwiceResult extends Result {
  readonly size: 'once' | 'twice';
}

export type TwicePlan = Omit<RoundPlan, 'onResult'> & {
  /** The corpus and the second one beside it; see `secondCorpus`. */
  readonly twice: string;
  readonly onResult: (result: TwiceResult) => void;
};

const BLOCK = 8 << 20;
/** Four bytes of one value: adding it bit by bit exchanges the byte values pairwise. */
const EXCHANGE = 0x55555555;

/**
 * A folder beside the corpus with two of it: as it is, and with other bytes. Each byte is exchanged for another one, always
 * for the same, so that every repetition in a file is still one, and no content is in both.
 */
export function twoOf(source: string): string {
  const folder = join(source, '../twice');
  mkdirSync(folder, { recursive: true });
  for (const name of ['one', 'other']) run({ words: ['cp', '-a', source, join(folder, name)] });
  exchangeBytes(filesBelow(join(folder, 'other')));
  // As with every corpus: no first backup shall be in the second of the last change.
  run({ words: ['sleep', '3'] });
  return folder;
}

/** One round on the corpus and one on both. */
export function runTwice(plan: TwicePlan): void {
  const sizes = [['once', plan.source] as const, ['twice', plan.twice] as const];
  for (const [size, source] of plan.number % 2 === 0 ? sizes : sizes.toReversed())
    runRound({ ...plan, source, work: join(plan.work, size), onResult: (one) => plan.onResult({ ...one, size }) });
}

/** As Markdown: medians over the rounds of both, and the median of what one is of the other in each round. */
export function twiceTable(results: readonly TwiceResult[], contenders: readonly Contender[]): string {
  const lines = CASES.flatMap((what) =>
    contenders.flatMap(({ name }) => {
      const of = (wanted: TwiceResult['size']) =>
        results.filter((one) => one.case === what && one.contender === name && one.size === wanted);
      const [once, twice] = [of('once'), of('twice')];
      if (once.length === 0) return [];
      const column = (value: (result: TwiceResult) => number) => {
        const ratios = twice.map((one) => value(one) / value(once.find(({ round }) => round === one.round) ?? one));
        const medians = [medianOf(once.map(value)), medianOf(twice.map(value)), medianOf(ratios)];
        return medians.map((one) => one.toFixed(2)).join(' | ');
      };
      const peak = (some: readonly TwiceResult[]) => (medianOf(some.map(({ cost }) => cost.peak)) / 1e6).toFixed(0);
      return `| ${what} | ${name} | ${column(({ cost }) => cost.wall)} | ${column(({ cost }) => cost.cpu)} | ${peak(once)} | ${peak(twice)} |`;
    }),
  );
  return [
    '| case | program | wall s, once | twice | twice / once | CPU s, once | twice | twice / once | peak MB, once | twice |',
    '|---|---|--:|--:|--:|--:|--:|--:|--:|--:|',
    ...lines,
  ].join('\n');
}

/** In place; a file of several names once. */
function exchangeBytes(files: readonly string[]): void {
  const seen = new Set<bigint>();
  const block = Buffer.alloc(BLOCK);
  const words = new Uint32Array(block.buffer, block.byteOffset, BLOCK / 4);
  for (const file of files) {
    const { ino } = statSync(file, { bigint: true });
    if (seen.has(ino)) continue;
    seen.add(ino);
    const descriptor = openSync(file, 'r+');
    for (let at = 0; ; ) {
      const length = readSync(descriptor, block, 0, BLOCK, at);
      if (length === 0) break;
      for (let i = 0; i < length / 4; i++) words[i] = (words[i] ?? 0) ^ EXCHANGE;
      writeSync(descriptor, block, 0, length, at);
      at += length;
    }
    closeSync(descriptor);
  }
}
