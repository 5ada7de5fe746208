/** In which order the parts of a plan are fetched. */

import type { PlannedPart } from './plan.ts';

/** Oldest run first and by number: about the order of the files in the listing. Places in `parts`. */
export function inFetchOrder(parts: readonly PlannedPart[]): number[] {
  return [...parts.keys()].sort((one, other) => {
    const [a, b] = [parts[one], parts[other]];
    return a === undefined || b === undefined ? 0 : a.source - b.source || a.number - b.number;
  });
}
