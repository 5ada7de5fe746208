/** Runs asked of the embedded stack by hand: each has an agent of its own, however soon after another it is asked for. */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { instantText } from '../../contract/ids.ts';
import { ManualClock } from '../../local/clock.ts';
import { Embedded } from '../../local/embedded.ts';
import { putFleet } from '../../repository/fleet.ts';
import { openStore } from '../../store/wire.ts';
import { cleanEnvironment, Home } from '../helpers/offsite.ts';

const home = new Home();
after(() => home[Symbol.dispose]());
mkdirSync(home.path('store/.offsite'), { recursive: true });

/** The beginning of a second, at which the clock stands; behind what the store says of its objects. */
const NOW = new Date(Math.floor(Date.now() / 1000) * 1000 + 60_000);
const WANTED = {
  host: 'carcosa',
  sets: ['data'],
  type: 'incremental',
  deadline: new Date(+NOW + 3_600_000),
} as const;

/** A process of its own, so to speak. Its agents end at once: they find no config. */
async function embedded(): Promise<Embedded> {
  return new Embedded({
    store: await openStore(home.store),
    clock: new ManualClock(NOW),
    anchor: [],
    hosts: async () => new Map([['carcosa', home.path('none.yml')]]),
    outbox: home.path('outbox'),
    environment: cleanEnvironment,
  });
}

test('the same again within a second, by whomever: not taken for the run whose agent has ended', async () => {
  await putFleet(
    await openStore(home.store),
    {
      store: home.store,
      recipients: ['0'.repeat(40)],
      hosts: { carcosa: { node: 'carcosa', sets: ['data'] } },
      policies: { nightly: { hosts: ['carcosa'], full: 'cron(0 3 * * ? *)' } },
    },
    new Date(+NOW - 120_000),
  );
  for (const second of [0, 1, 2]) {
    const stack = await embedded();
    const { state, due, nodes } = await stack.runNow({ ...WANTED, due: NOW });
    assert.deepEqual([state, due, nodes], ['dispatched', instantText(new Date(+NOW + second * 1000)), 1]);
    assert.ok(stack.agents.isBusy, 'an agent of its own');
    await stack.agents.settled();
  }
});
