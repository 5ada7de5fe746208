/**
 * One audit of 5,000 hosts, with 20 ms added to each call of the store, is done within a minute and a gigabyte, whatever
 * the night was like. The waiting is counted, not waited, so that it is the same on every machine: calls under way together
 * take 20 ms together. `npm run simulate -- --scale` really waits.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apart } from './apart.ts';
import { type Measured, NIGHTS } from './scale.ts';

const HOSTS = 5000;
/** The digest, and one alert about all of them. */
const MESSAGES = { missed: 2, unjudged: 2, judged: 1, repeat: 2 };

for (const night of NIGHTS) {
  test(`one audit of 5,000 hosts: ${night}`, async (t) => {
    const measured = await apart<Measured>(new URL('./run.ts', import.meta.url), 'measureCounted', [night, HOSTS]);
    t.diagnostic(JSON.stringify(measured));
    const { waited, memory, judged, messages } = measured;
    // What it works besides is a tenth of a minute on an idle machine, and is not asserted: others may be at work.
    assert.ok(waited < 45, `${waited} s of waiting for the store`);
    assert.ok(memory < 2 ** 30, `${memory} bytes of memory`);
    assert.equal(judged, night === 'judged' ? 0 : HOSTS);
    assert.equal(messages, MESSAGES[night]);
  });
}
