/** From a fetched part and the chunks wanted of it to the plain data that a thread works on. */

import type { FetchedPart } from '../../repository/run-reader.ts';
import { DIGEST_BYTES, type EntryTable } from './entry-table.ts';
import { fileTasks, type Naming } from './file-tasks.ts';
import type { PartTask } from './part-work.ts';

export function partTask(
  table: EntryTable,
  part: FetchedPart & { key: string; chunks: Uint32Array },
  naming: Naming = {
    temporaryOf: () => null,
    placeOf: (directory) => ({ path: table.path(directory), isHidden: false, owner: null }),
  },
): PartTask {
  const { key, bytes, sha256, sessionKey, chunks } = part;
  const entries: number[] = [];
  const places = new Map<number, number>();
  const placeOf = (entry: number): number => {
    let place = places.get(entry);
    if (place === undefined) {
      place = entries.push(entry) - 1;
      places.set(entry, place);
    }
    return place;
  };
  const columns = {
    files: new Uint32Array(chunks.length),
    frameOffsets: new Float64Array(chunks.length),
    frameLengths: new Float64Array(chunks.length),
    offsets: new Float64Array(chunks.length),
    lengths: new Float64Array(chunks.length),
    positions: new Float64Array(chunks.length),
    digests: new Uint8Array(chunks.length * DIGEST_BYTES),
  };
  for (let i = 0; i < chunks.length; i++) {
    const chunk = chunks[i] ?? 0;
    columns.files[i] = placeOf(table.chunkEntries[chunk] ?? 0);
    columns.frameOffsets[i] = table.chunkFrameOffsets[chunk] ?? 0;
    columns.frameLengths[i] = table.chunkFrameLengths[chunk] ?? 0;
    columns.offsets[i] = table.chunkOffsets[chunk] ?? 0;
    columns.lengths[i] = table.chunkLengths[chunk] ?? 0;
    columns.positions[i] = table.chunkPositions[chunk] ?? 0;
    table.copyDigest(chunk, columns.digests, i * DIGEST_BYTES);
  }
  const files = fileTasks(table, Uint32Array.from(entries), naming);
  return { key, bytes, sha256, sessionKey: Uint8Array.from(sessionKey.reveal()), chunks: columns, files };
}
