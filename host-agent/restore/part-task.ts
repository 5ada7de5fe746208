/** From a fetched part and the chunks wanted of it to the plain data that a thread works on. */

import type { SessionKey } from '../../pgp/session-key.ts';
import type { EntryTable } from './entry-table.ts';
import type { FileTask, PartTask } from './part-work.ts';

export function partTask(
  table: EntryTable,
  part: { key: string; bytes: Buffer; sessionKey: SessionKey; chunks: Uint32Array },
  fileTask: (entry: number) => FileTask,
): PartTask {
  const { key, bytes, sessionKey, chunks } = part;
  const files: FileTask[] = [];
  const places = new Map<number, number>();
  const placeOf = (entry: number): number => {
    let place = places.get(entry);
    if (place === undefined) {
      place = files.push(fileTask(entry)) - 1;
      places.set(entry, place);
    }
    return place;
  };
  const column = (values: readonly number[]) => Float64Array.from(chunks, (chunk) => values[chunk] ?? 0);
  const digests = new Uint8Array(chunks.length * 32);
  for (const [i, chunk] of chunks.entries()) digests.set(table.digest(chunk), i * 32);
  return {
    key,
    bytes,
    sessionKey: Uint8Array.from(sessionKey.reveal()),
    chunks: {
      files: chunks.map((chunk) => placeOf(table.chunkEntries[chunk] ?? 0)),
      frameOffsets: column(table.chunkFrameOffsets),
      frameLengths: column(table.chunkFrameLengths),
      offsets: column(table.chunkOffsets),
      lengths: column(table.chunkLengths),
      positions: column(table.chunkPositions),
      digests,
    },
    files,
  };
}
