/** Sparse files: from a range of their data to the places in the file where it belongs. */

/**
 * Where the data of a sparse file belongs, three numbers for each extent: where it begins in the data (holes left out),
 * where in the file, and its length. Null for a file without holes.
 */
export type Extents = readonly number[] | null;

/** Calls back for each stretch of a file that a range of its data covers: offset in the range, in the file, length. */
export function eachStretch(
  extents: Extents,
  position: number,
  length: number,
  each: (from: number, offset: number, length: number) => void,
): void {
  if (extents === null) return each(0, position, length);
  const end = position + length;
  for (let i = extentOf(extents, position); i < extents.length; i += 3) {
    const [begin = 0, offset = 0, extentLength = 0] = extents.slice(i, i + 3);
    if (begin >= end) return;
    const from = Math.max(position, begin);
    const to = Math.min(end, begin + extentLength);
    if (from < to) each(from - position, offset + from - begin, to - from);
  }
}

/** Where the extent begins in `extents` that holds the data at a position. */
function extentOf(extents: readonly number[], position: number): number {
  let low = 0;
  let high = extents.length / 3;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((extents[middle * 3] ?? 0) <= position) low = middle;
    else high = middle;
  }
  return low * 3;
}

/** The holes of a file of so many bytes, offset and length of each. */
export function* holesOf(extents: Extents, size: number): Generator<[offset: number, length: number]> {
  if (extents === null) return;
  let end = 0;
  for (let i = 0; i < extents.length; i += 3) {
    const [, offset = 0, length = 0] = extents.slice(i, i + 3);
    if (offset > end) yield [end, offset - end];
    end = offset + length;
  }
  if (size > end) yield [end, size - end];
}
