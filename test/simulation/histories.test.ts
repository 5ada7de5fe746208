/**
 * Whatever happens, one audit after its deadline a run that was due and is no good is an open problem, and one that is
 * complete is none. Ten thousand histories, drawn at random; one that shows the contrary is shrunk, and printed with its
 * seed. Another seed is given with $OFFSITE_SIMULATE_SEED.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apart } from './apart.ts';
import { seedOfToday } from './seed.ts';

const HISTORIES = 10_000;

test('one audit after its deadline, what is no good is an open problem, and what is complete is none', async (t) => {
  const seed = seedOfToday();
  t.diagnostic(`seed ${seed}`);
  const failure = await apart<string | null>(new URL('./histories.ts', import.meta.url), 'liveThrough', {
    runs: HISTORIES,
    seed,
  });
  assert.equal(failure, null, `seed ${seed}: ${failure}`);
});
