/** A full of a big host: 20,000 parts, each asked for at a store that takes its time, within a minute and 512 MB. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complete } from '../../functions/complete.ts';
import type { ObjectStore } from '../../store/port.ts';
import { TestStack } from '../helpers/test-stack.ts';

const PARTS = 20_000;
/** Milliseconds; S3 answers a HEAD in ten to thirty. */
const LATENCY = 30;
const LIMIT = 60_000;
const MEMORY = 512 * 2 ** 20;

test('complete looks at 20,000 parts within 60 seconds and 512 MB', async (t) => {
  const stack = await TestStack.of();
  stack.at('2026-11-20T04:20:00Z');
  const run = await stack.host().backUp({ slot: { policy: 'nightly', due: '2026-11-20T04:00:00Z' }, parts: PARTS });
  let heads = 0;
  const slow: ObjectStore = {
    url: stack.memory.url,
    put: (...call) => stack.memory.put(...call),
    get: (...call) => stack.memory.get(...call),
    list: (...call) => stack.memory.list(...call),
    listFolders: (...call) => stack.memory.listFolders(...call),
    head: async (key) => {
      heads++;
      await new Promise((resolve) => setTimeout(resolve, LATENCY));
      return stack.memory.head(key);
    },
  };
  const began = performance.now();
  const { runs, errors } = await complete(stack.over(slow), { kind: 'object', key: run.key });
  const took = performance.now() - began;
  const { rss } = process.memoryUsage();
  t.diagnostic(
    `${heads} HEADs in ${(took / 1000).toFixed(1)} s, ${Math.round(rss / 2 ** 20)} MiB with the store itself`,
  );
  assert.deepEqual(errors, []);
  assert.deepEqual(
    runs.map(({ verdict }) => (typeof verdict === 'string' ? verdict : verdict.outcome)),
    ['complete'],
  );
  assert.ok(heads >= PARTS);
  assert.ok(took < LIMIT, `${took} ms`);
  assert.ok(rss < MEMORY, `${rss} bytes`);
});
