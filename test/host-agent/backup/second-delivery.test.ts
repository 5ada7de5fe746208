/** A job delivered again after its agent died when the state was written and the manifest was not. */

import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StateFolder } from '../../../host-agent/state/state.ts';
import type { Saboteur } from '../../helpers/agent-faults.ts';
import { AgentHost, HOST, SET } from '../../helpers/agent-host.ts';

test("the base's state, whose files the dead one's state shares, is neither written nor lost", async () => {
  using host = new AgentHost();
  host.write({ 'a/one': 'one', 'b/two': 'two' });
  // Several blocks of entries, so that some are still to be read when the first is written.
  for (let i = 0; i < 6000; i++) symlinkSync('anywhere', join(host.source, 'b', `link-${i}`));
  await host.settle();
  const { run: base } = await host.good({ type: 'full' });
  const [due, job] = [host.nextDue(), await host.known()];
  const dies: Saboteur = {
    after: ({ name, to }) => (name === 'rename' && to?.endsWith('/state.json') === true ? 'die' : undefined),
  };
  const { died } = await host.run({ due, job, saboteur: dies });
  assert.ok(died);
  host.write({ 'a/more': 'more' });
  const again = await host.good({ due, job });
  assert.equal(again.result.manifest?.actual, 'incremental');
  const states = new StateFolder(join(host.stateOf(), 'states'));
  for (const run of [base, again.run]) {
    const state = states.open({ prefix: HOST, set: SET, run });
    assert.ok(state !== null, `the state of ${run === base ? 'the base' : 'the run'} is whole`);
    state.close();
  }
  await host.good();
  await host.assertSound();
});
