/** Where one part ends and the next begins. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_CHUNKS, PartAssembler, type SealedPart, type Sealer } from '../../../host-agent/engine/parts.ts';

const SIZE = 1000;

/** An assembler that seals by doing nothing, and its parts so far. */
function assembler(): { parts: SealedPart[]; assembler: PartAssembler } {
  const parts: SealedPart[] = [];
  let number = 0;
  const sealer = {
    contentOffset: 0,
    memorySize: (length: number) => length,
    sealInPlace: (memory: Buffer, length: number) => ({ bytes: Buffer.from(memory.subarray(0, length)), sha256: '' }),
  };
  const made = new PartAssembler({
    sealer: sealer as unknown as Sealer,
    drawNumber: () => number++,
    partSizeOf: () => SIZE,
    takeMemory: () => null,
    onSealed: (part) => parts.push(part),
  });
  return { parts, assembler: made };
}

test('a part ends before a frame that has no room in it, and holds one that is larger than a part', () => {
  const { parts, assembler: made } = assembler();
  const places = [600, 400, 1, 5000, 10].map((size, i) => made.append(Buffer.alloc(size, i), [i]));
  made.flush();
  assert.deepEqual(
    parts.map(({ bytes, chunks }) => [bytes.length, chunks]),
    [
      [1000, [0, 1]],
      [1, [2]],
      [5000, [3]],
      [10, [4]],
    ],
  );
  assert.deepEqual(places[1], { part: 0, frameOffset: 600 });
});

test('a part of very small chunks ends when it has so many', () => {
  const { parts, assembler: made } = assembler();
  const many = (count: number) => Array.from({ length: count }, (_, i) => i);
  for (const count of [MAX_CHUNKS - 1, 1, 1, MAX_CHUNKS + 5, 2]) made.append(Buffer.alloc(1), many(count));
  made.flush();
  assert.deepEqual(
    parts.map(({ chunks }) => chunks.length),
    [MAX_CHUNKS, 1, MAX_CHUNKS + 5, 2],
  );
});
