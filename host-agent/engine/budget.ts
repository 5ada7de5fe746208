/** The memory budget: what part size and how many uploads at once a peak resident size allows. */

import { OffsiteError } from '../../contract/errors.ts';
import { MIN_PART_SIZE } from '../../contract/host-config.ts';

/** The process itself: code, the state being read, compressor and garbage. */
const BASE_BYTES = 150_000_000;
/** Windows onto files being read. */
const WINDOW_BYTES = 16 * 2 ** 20;
const MAX_UPLOADS = 4;
/** A run should have about this many parts at most. */
const MAX_PARTS = 20_000;

/** After so many parts the next ones are twice as large, as far as memory allows. */
const DOUBLE_AFTER = 10_000;

export interface Budget {
  /** How large a part may get; the parts of a run that nobody knew would be huge grow as they come. */
  partSizeOf(number: number): number;
  readonly uploads: number;
}

/**
 * `memory`: bytes of resident size aimed at; `partSize`: the configured size; `lastRunBytes`: content bytes of the
 * last run, from which a huge run gets bigger parts. Memory wins over both. Throws `memory-too-small`.
 */
export function planBudget(options: { memory: number; partSize: number; lastRunBytes: number }): Budget {
  const available = options.memory - BASE_BYTES - WINDOW_BYTES;
  const wanted = Math.max(options.partSize, Math.ceil(options.lastRunBytes / MAX_PARTS / 2 ** 20) * 2 ** 20);
  // A part exists three times at the least: gathered, opened again by sample, and sealed and in flight.
  const largest = Math.floor(available / 3 / 2 ** 20) * 2 ** 20;
  if (largest < MIN_PART_SIZE) {
    throw new OffsiteError('memory-too-small', `memory: ${options.memory} bytes leave no room for parts of 8 MiB`);
  }
  const partSize = Math.min(wanted, largest);
  const uploads = Math.min(MAX_UPLOADS, Math.max(1, Math.floor(available / partSize) - 2 - 1));
  const most = Math.max(partSize, Math.floor(available / (2 + uploads)));
  const partSizeOf = (number: number) => Math.min(most, partSize * 2 ** Math.floor(number / DOUBLE_AFTER));
  return { partSizeOf, uploads };
}
