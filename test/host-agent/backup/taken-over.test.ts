/** Whose chunks of a listing a run takes over: few runs hold the listing at any time, and little of it is stored again. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListingChunk } from '../../../contract/run-index.ts';
import { sourcesToTakeOver } from '../../../host-agent/engine/listing.ts';

const CHUNK = 16 * 2 ** 10;
const chunkOf = (source: number, length = CHUNK): ListingChunk => [[source, 0, 0, 1, 0, length], '', 'path', 1];
/** So many chunks of each source, by its number. */
const listingOf = (...counts: number[]) =>
  counts.flatMap((count, source) => Array.from({ length: count }, () => chunkOf(source)));
const taken = (listing: readonly ListingChunk[]) => [...sourcesToTakeOver(listing)].sort((one, other) => one - other);

test('nothing is taken over while few incrementals hold the listing, and never what the full holds', () => {
  assert.deepEqual(taken([]), []);
  assert.deepEqual(taken(listingOf(100)), []);
  assert.deepEqual(taken(listingOf(1, 9, 9, 9, 9)), []);
  assert.deepEqual(taken(listingOf(1, 9, 8, 7, 6, 5)), [5]);
});

test('those that hold the least go, and with them those that hold no more than they do', () => {
  assert.deepEqual(taken(listingOf(100, 40, 20, 3, 60, 70)), [3]);
  assert.deepEqual(taken(listingOf(100, 40, 7, 3, 3, 70)), [3, 4]);
  assert.deepEqual(taken(listingOf(1, 5, 5, 5, 5, 5)), [1, 2, 3, 4, 5]);
});

test('of a very large listing no more than two incrementals hold anything', () => {
  const large = (...lengths: number[]) => lengths.map((length, source) => chunkOf(source, length));
  assert.deepEqual(taken(large(2 ** 30, 2 ** 27, 2 ** 20)), [2]);
  assert.deepEqual(taken(large(2 ** 30, 2 ** 27)), []);
  assert.deepEqual(taken(large(2 ** 30, 2 ** 24, 2 ** 24)), []);
});

for (const [name, part] of [
  ['0.2 %', 0.002],
  ['5 %', 0.05],
  ['half', 0.5],
] as const) {
  test(`a chain of 60 runs that each change ${name} of the chunks lies in six runs at most`, () => {
    const listing = listingOf(1000);
    let [own, again, random] = [0, 0, 1];
    // Numbers of a linear congruential generator: the same ones in every run of this test.
    const draw = () => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      return random / 2 ** 32;
    };
    for (let run = 1; run <= 60; run++) {
      const over = sourcesToTakeOver(listing);
      for (const [i, [[source]]] of listing.entries()) {
        const isNew = draw() < part;
        if (isNew) own++;
        else if (over.has(source)) again++;
        if (isNew || over.has(source)) listing[i] = chunkOf(run);
      }
      const sources = new Set(listing.map(([[source]]) => source));
      assert.ok(sources.size <= 6, `run ${run}: ${sources.size}`);
    }
    assert.ok(again <= own * 3, `${again} were stored again beside ${own}`);
  });
}
