/** Chunks of a plan in the order of the parts that hold them, so that each part is fetched once. */

import type { Entry } from '../../contract/entry.ts';
import type { EntryTable } from './entry-table.ts';

export interface ChunksByPart {
  /** All chunks: part by part, and in each by frame and place in the frame. */
  readonly order: Uint32Array;
  /** Where in `order` each part begins; one more at the end. */
  readonly starts: Uint32Array;
}

export function chunksByPart(table: EntryTable, parts: number): ChunksByPart {
  const starts = new Uint32Array(parts + 1);
  for (const part of table.chunkParts) starts[part + 1] = (starts[part + 1] ?? 0) + 1;
  for (let part = 0; part < parts; part++) starts[part + 1] = (starts[part + 1] ?? 0) + (starts[part] ?? 0);
  const order = new Uint32Array(table.chunkParts.length);
  const next = starts.slice();
  for (const [chunk, part] of table.chunkParts.entries()) {
    const at = next[part] ?? 0;
    order[at] = chunk;
    next[part] = at + 1;
  }
  const { chunkFrameOffsets: frames, chunkOffsets: offsets } = table;
  const byPlace = (one: number, other: number) =>
    (frames[one] ?? 0) - (frames[other] ?? 0) || (offsets[one] ?? 0) - (offsets[other] ?? 0) || one - other;
  for (let part = 0; part < parts; part++) order.subarray(starts[part], starts[part + 1]).sort(byPlace);
  return { order, starts };
}

/** True where all chunks of the entry lie in one part. */
export function isInOnePart(table: EntryTable, index: number): boolean {
  const first = table.firstChunks[index] ?? 0;
  for (let chunk = first + 1; chunk < table.endOfChunks(index); chunk++) {
    if (table.chunkParts[chunk] !== table.chunkParts[first]) return false;
  }
  return true;
}

/** True where an entry has the same size and content as one of the table. */
export function sameContent(table: EntryTable, index: number, entry: Entry): boolean {
  const { locations = [] } = entry;
  const first = table.firstChunks[index] ?? 0;
  if (table.sizes[index] !== entry.size || table.endOfChunks(index) - first !== locations.length) return false;
  return locations.every(({ digest }, i) => table.digest(first + i).toString('base64') === (digest ?? entry.hash));
}
