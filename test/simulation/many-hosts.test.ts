/**
 * 5,000 hosts for two weeks in which everything goes wrong that can: people are told exactly what the oracle says. Another
 * seed is given with $OFFSITE_SIMULATE_SEED; `npm run simulate` lives longer.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apart } from './apart.ts';
import { seedOfToday } from './seed.ts';
import type { Simulated } from './simulate.ts';

test('5,000 hosts for 14 days: alerts are exactly those of the oracle', async (t) => {
  const seed = seedOfToday();
  t.diagnostic(`seed ${seed}`);
  const lived = await apart<Simulated>(new URL('./run.ts', import.meta.url), 'liveManyHosts', seed);
  t.diagnostic(JSON.stringify(lived));
  assert.ok(lived.told.begins > 0 && lived.told.ends > 0 && lived.told.repeats > 0, `seed ${seed}: too quiet a world`);
  assert.ok(lived.memory < 2 ** 30, `seed ${seed}: ${lived.memory} bytes of memory`);
});
