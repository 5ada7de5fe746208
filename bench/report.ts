/** Medians, and how ours stand beside the peers. */

import type { Contender } from './contender.ts';
import type { Result } from './seat.ts';

export interface Row {
  readonly case: string;
  readonly contender: string;
  readonly setting: Contender['setting'];
  /** Medians over the rounds: seconds, and bytes. */
  readonly wall: number;
  readonly cpu: number;
  readonly peak: number;
  readonly stored: number;
  /** Of our wall time to this one's (or that of the one it stands beside), per round, the median; null where this one is ours. */
  readonly ratio: number | null;
  /** Whether the ratio counts: set alike, and storing no more than 1.05 of ours. */
  readonly counts: boolean;
}

const OURS = 'offsite';
/** A peer that stores more than this much of ours bought its speed with size. */
const COMPARABLE = 1.05;

/** A row for each case and contender, in the order of the cases. */
export function summarize<Case extends string>(
  results: readonly Result<Case>[],
  contenders: readonly Contender[],
  cases: readonly Case[],
): Row[] {
  const fullSize = (name: string) => medianOf(of(results, name, 'full').map(({ stored }) => stored));
  const ownSize = fullSize(OURS);
  return cases.flatMap((what) =>
    contenders.flatMap(({ name, setting, besides = OURS }): Row[] => {
      const own = of(results, besides, what);
      const theirs = of(results, name, what);
      if (theirs.length === 0) return [];
      const ratios = theirs.map(({ round, cost }) => {
        const beside = own.find((one) => one.round === round);
        return beside === undefined ? Number.NaN : beside.cost.wall / cost.wall;
      });
      return [
        {
          ...{ case: what, contender: name, setting },
          wall: medianOf(theirs.map(({ cost }) => cost.wall)),
          cpu: medianOf(theirs.map(({ cost }) => cost.cpu)),
          peak: medianOf(theirs.map(({ cost }) => cost.peak)),
          stored: medianOf(theirs.map((result) => result.stored)),
          ratio: name === OURS ? null : medianOf(ratios),
          counts: setting === 'alike' && name !== OURS && fullSize(name) <= ownSize * COMPARABLE,
        },
      ];
    }),
  );
}

/** As Markdown. The ratio is of our wall time to that one's; in brackets where it does not count. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ case: what, contender, wall, cpu, peak, stored, ratio, counts }) => {
    const shown = ratio === null ? '' : counts ? ratio.toFixed(2) : `(${ratio.toFixed(2)})`;
    const size = (stored / 1e6).toFixed(stored < 1e7 ? 2 : 0);
    return `| ${what} | ${contender} | ${wall.toFixed(2)} | ${cpu.toFixed(2)} | ${(peak / 1e6).toFixed(0)} | ${size} | ${shown} |`;
  });
  return [
    '| case | program | wall s | CPU s | peak MB | stored MB | ours / it |',
    '|---|---|--:|--:|--:|--:|--:|',
    ...lines,
  ].join('\n');
}

/** The middle one; of an even number the mean of the two. */
export function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

function of<One extends Result<string>>(results: readonly One[], contender: string, what: string): One[] {
  return results.filter((result) => result.contender === contender && result.case === what);
}
