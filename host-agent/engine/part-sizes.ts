/** How large the parts of a run get. */

/** After so many parts the next ones are twice as large, as far as memory allows. */
const DOUBLE_AFTER = 10_000;

/** How large parts get; those of a run that nobody knew would be huge grow as they come. */
export interface PartSizes {
  readonly first: number;
  readonly most: number;
}

export const partSizeOf = ({ first, most }: PartSizes, number: number): number =>
  Math.min(most, first * 2 ** Math.floor(number / DOUBLE_AFTER));
