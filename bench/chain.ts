/**
 * A chain: a full and many incrementals with a small change before each, everybody in turn, and what is restored from the
 * last of them. Bars: the last incremental costs what the second did, and stores no more than the peers' does.
 */

import { changePart, filesBelow } from './changes.ts';
import type { Contender } from './contender.ts';
import { medianOf, type Row, summarize, tableOf } from './report.ts';
import { type Result, type SeatPlan, takeSeats } from './seat.ts';

export type ChainCase = 'full' | `incremental ${number}` | 'restore all' | 'restore one';
export type ChainResult = Result<ChainCase>;

export interface ChainPlan extends SeatPlan<ChainCase> {
  readonly incrementals: number;
  /** Before each incremental one file in so many is written anew, and of large files one block. */
  readonly oneIn: number;
}

/** Runs that began together are compared, and machines have slow moments: so many at each end of the chain stand for it. */
const NEIGHBOURS = 3;

/** A new chain of everybody. */
export function runChain(plan: ChainPlan): void {
  const { number, source, incrementals, oneIn } = plan;
  const seats = takeSeats(plan);
  const files = filesBelow(source);
  for (const seat of seats) seat.run('full', seat.session.full());
  for (let i = 1; i <= incrementals; i++) {
    changePart(files, oneIn, `round ${number}, change ${i}`);
    for (const seat of seats) seat.run(`incremental ${i}`, seat.session.incremental());
  }
  for (const seat of seats) {
    seat.restoreAll('restore all', files);
    seat.restoreOne('restore one', files);
  }
}

/** The table of the full, the second and the last incremental and the restores; below it what the chain came to. */
export function chainReport(results: readonly ChainResult[], contenders: readonly Contender[], last: number): string {
  const shown: ChainCase[] = ['full', 'incremental 2', `incremental ${last}`, 'restore all', 'restore one'];
  const all = Array.from({ length: last }, (_, i): ChainCase => `incremental ${i + 1}`);
  const rows = summarize(results, contenders, all);
  const lines = contenders.map(({ name }) => {
    const own = rows.filter(({ contender }) => contender === name);
    const [early, late] = [own.slice(1, 1 + NEIGHBOURS), own.slice(-NEIGHBOURS)];
    const of = (some: readonly Row[], value: (row: Row) => number) => medianOf(some.map(value));
    const pair = (value: (row: Row) => number) => `${of(early, value).toFixed(2)} | ${of(late, value).toFixed(2)}`;
    const grown = of(late, ({ cpu }) => cpu) / of(early, ({ cpu }) => cpu);
    const stored = own.reduce((sum, row) => sum + row.stored, 0);
    return `| ${name} | ${pair(({ wall }) => wall)} | ${pair(({ cpu }) => cpu)} | ${grown.toFixed(2)} | ${pair((row) => row.stored / 1e6)} | ${(stored / 1e6).toFixed(2)} |`;
  });
  return [
    tableOf(summarize(results, contenders, shown)),
    '',
    `Medians of ${NEIGHBOURS} incrementals: from the 2nd on, and the last of ${last}.`,
    '',
    '| program | wall s, 2nd | last | CPU s, 2nd | last | last / 2nd | stored MB, 2nd | last | all of them |',
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|',
    ...lines,
  ].join('\n');
}
