/**
 * An agent dies before every single thing that it does to store or disk, and halfway through everything that it writes.
 * Whenever that is, older runs stay restorable, and the same job delivered again, or the next one, ends well.
 */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertSound, treeOf } from '../../helpers/agent-check.ts';
import type { Call, Saboteur } from '../../helpers/agent-faults.ts';
import { AgentHost, type AgentOptions } from '../../helpers/agent-host.ts';

function prepare(): AgentHost {
  const host = new AgentHost();
  host.write({ 'a/one': 'one', 'a/two': Buffer.alloc(300_000, 'two'), 'b/three': 'three', 'b/empty': '' });
  return host;
}

/** Kills at the n-th call that changes something. */
function dieAt(n: number, verdict: 'die' | 'die-halfway'): Saboteur {
  let count = 0;
  return { before: ({ changes }) => (changes && ++count === n ? verdict : undefined) };
}

/** Everything that changes something in a run that goes well. */
async function changesOf(host: AgentHost, options: AgentOptions): Promise<Call[]> {
  const seen: Call[] = [];
  const before = (call: Call) => {
    if (call.changes) seen.push(call);
    return undefined;
  };
  await host.good({ ...options, saboteur: { before } });
  return seen;
}

const writesBytes = ({ name }: Call) => ['write', 'writeFile', 'appendFile'].includes(name);

/** Kills one agent after the other, each a little later than the one before, always from the same beginning. */
async function killEverywhere(host: AgentHost, options: AgentOptions): Promise<void> {
  const due = host.nextDue();
  const asked = { ...options, due, job: await host.known() };
  const tree = treeOf(host.source);
  const rollBack = await host.checkpoint();
  const changes = await changesOf(host, asked);
  for (const [i, call] of changes.entries()) {
    for (const verdict of writesBytes(call) ? (['die', 'die-halfway'] as const) : (['die'] as const)) {
      await rollBack();
      const where = `${verdict} at change ${i + 1} of ${changes.length}: ${call.name} ${call.path}`;
      try {
        const { died } = await host.run({ ...asked, saboteur: dieAt(i + 1, verdict) });
        assert.ok(died);
        await assertSound(host.place());
        const again = i % 2 === 0 ? { due, job: asked.job } : {};
        const [result] = (await host.run({ type: options.type ?? 'auto', ...again })).results;
        assert.equal(result?.error?.message, undefined);
        await host.assertNewest(tree);
      } catch (error) {
        throw new Error(where, { cause: error });
      }
    }
  }
  await host.assertSound();
}

describe('an agent killed at any instant', () => {
  it('during a first full', async () => {
    using host = prepare();
    await killEverywhere(host, { type: 'full' });
  });

  it('during an incremental', async () => {
    using host = prepare();
    await host.good({ type: 'full' });
    host.write({ 'a/one': 'uno', 'b/four': Buffer.alloc(1000, 'four') });
    await host.good();
    host.write({ 'a/one': 'eins', 'c/five': 'five' });
    await killEverywhere(host, {});
  });
});
