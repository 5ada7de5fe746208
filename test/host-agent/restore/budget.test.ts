/** How many threads a restore gets, and how many parts it holds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_MEMORY, restoreBudget } from '../../../host-agent/restore/budget.ts';
import type { RestorePlan } from '../../../host-agent/restore.ts';

const MIB = 2 ** 20;

const planOf = (sizes: readonly number[], files = 10) =>
  ({
    parts: sizes.map((size) => ({ size })),
    summary: { files, parts: sizes.length, fetchBytes: sizes.reduce((sum, size) => sum + size, 0) },
  }) as unknown as RestorePlan;

test('parts in memory at once never are more than memory allows, one aside', () => {
  for (const size of [1, MIB, 8 * MIB, 16 * MIB, 20 * MIB, 32 * MIB, 512 * MIB]) {
    for (const workers of [0, 1, 2, 4, 100]) {
      for (const memory of [1, 50_000_000, DEFAULT_MEMORY, 1_000_000_000]) {
        const budget = restoreBudget(planOf(Array(200).fill(size)), memory, workers);
        assert.ok(budget.fetchBytes <= Math.max(size, memory), `${size} ${workers} ${memory}`);
        assert.ok(budget.fetchBytes >= size);
        assert.equal(budget.partBytes, size);
        assert.ok(budget.workers <= Math.max(1, workers));
        assert.ok(budget.workers === 0 || budget.workers === 1 || (budget.workers + 1) * size <= memory);
      }
    }
  }
});

test('threads are kept busy: one part more than threads is on its way at least, where there is memory', () => {
  const parts = Array(50).fill(16 * MIB);
  for (const workers of [1, 2, 4]) {
    const budget = restoreBudget(planOf(parts), DEFAULT_MEMORY, workers);
    assert.equal(budget.workers, workers);
    assert.ok(budget.fetchBytes >= (workers + 1) * 16 * MIB);
  }
});

test('little work is done without threads', () => {
  assert.equal(restoreBudget(planOf([]), DEFAULT_MEMORY).workers, 0);
  assert.equal(restoreBudget(planOf([30 * MIB]), DEFAULT_MEMORY).workers, 0);
  assert.equal(restoreBudget(planOf([MIB, MIB]), DEFAULT_MEMORY).workers, 0);
  assert.ok(restoreBudget(planOf([MIB, MIB], 5000), DEFAULT_MEMORY).workers > 0);
});
