/** No room, from any write on: on the host's disk, in the store, or both. Nothing published is harmed, and room mends all. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exitCodeOf } from '../../../host-agent/run/outcome.ts';
import { assertSound, treeOf } from '../../helpers/agent-check.ts';
import type { Call, Saboteur } from '../../helpers/agent-faults.ts';
import { AgentHost } from '../../helpers/agent-host.ts';

/** What a full disk refuses; removing and syncing still work. */
const needsRoom = ({ name, changes }: Call) =>
  changes && !['unlink', 'rm', 'put', 'sync', 'datasync', 'fsync', 'fdatasync'].includes(name);

async function withChain(): Promise<AgentHost> {
  const host = new AgentHost();
  host.write({ 'a/one': 'one', 'a/two': Buffer.alloc(300_000, 'two'), 'b/three': 'three' });
  await host.good({ type: 'full' });
  host.write({ 'a/one': 'uno', 'c/four': 'four' });
  return host;
}

/** Fails `count` of the calls that `minds` from the n-th on; says whether it came to that. */
function fullFrom(n: number, count: number, minds: (call: Call) => boolean): Saboteur & { wasFull: boolean } {
  let seen = 0;
  const saboteur = {
    wasFull: false,
    before: (call: Call) => {
      if (!minds(call) || ++seen < n || seen >= n + count) return undefined;
      saboteur.wasFull = true;
      return { errno: 'ENOSPC' };
    },
  };
  return saboteur;
}

describe('no room', () => {
  const PLACES: [string, (host: AgentHost) => (call: Call) => boolean][] = [
    ['on the disk of the state', (host) => (call) => needsRoom(call) && call.path.startsWith(host.state)],
    ['on the disk of the identity', (host) => (call) => needsRoom(call) && call.path.startsWith(host.identity)],
    [
      'in the store',
      () =>
        ({ name }) =>
          name === 'put',
    ],
  ];
  for (const [where, minds] of PLACES) {
    for (const count of [1, Number.POSITIVE_INFINITY]) {
      it(`${where}, ${count === 1 ? 'for one write' : 'from one write on'}`, async () => {
        using host = await withChain();
        const tree = treeOf(host.source);
        const rollBack = await host.checkpoint();
        for (let n = 1; ; n++) {
          await rollBack();
          const saboteur = fullFrom(n, count, minds(host));
          const due = host.nextDue();
          const job = await host.known();
          const failed = await host.run({ due, job, saboteur }).catch((error: unknown) => error as Error);
          if (!saboteur.wasFull) break;
          // Where the identity's folder itself cannot be written there is no run at all, only an error.
          if (failed instanceof Error)
            assert.match(String(failed), /cannot be (made|written|used)|no room/i, `write ${n}`);
          else assert.ok([0, 1].includes(exitCodeOf(failed.results)), `write ${n}`);
          await assertSound(host.place());
          const [result] = (await host.run()).results;
          assert.equal(result?.error?.message, undefined, `write ${n}`);
          assert.equal(result?.outcome, 'complete', `write ${n}`);
          await host.assertNewest(tree);
        }
        await host.assertSound();
      });
    }
  }
});
