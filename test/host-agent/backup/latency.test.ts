/** A store that is far away: every call takes 50 ms more. What must not happen is that much waits for one call. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planBudget } from '../../../host-agent/engine/budget.ts';
import { AgentHost } from '../../helpers/agent-host.ts';
import { noise } from '../../helpers/agent-random.ts';
import { chainOf, type FarCall, FarStore, mostAtOnce } from '../../helpers/far-store.ts';

const LATENCY = 50;
const MIB = 2 ** 20;
/** Far more than it takes to make some parts. */
const LONG = 30_000;

/** What a call is about, without prefix, set, chain and run. */
const shown = ({ name, key }: FarCall) => `${name} ${key.split('/')[0]} ${key.split('/').at(-1)?.split('-')[0]}`;
const isData = ({ key }: FarCall) => key.startsWith('data/');

function farHost(more: object = {}): { host: AgentHost; store: FarStore } {
  const host = new AgentHost({}, more);
  const store = new FarStore(LATENCY, { clock: host.clock });
  host.store = store;
  return { host, store };
}

describe('a backup to a store that is far away', () => {
  it('has as many parts on their way at once as memory lets it, and makes others meanwhile', async () => {
    const { host: made, store } = farHost({ memory: '600MB', partSize: '8MiB' });
    using host = made;
    const budget = planBudget({ ...host.config, lastRunBytes: 0 });
    assert.ok(budget.uploads >= budget.threads && budget.uploads > 1);
    for (let i = 0; i < 20; i++) host.write({ [`big/${i}`]: noise(`big ${i}`, 6 * MIB) });
    // The first parts stay on their way until there are so many: an engine that waits for one of them does not end.
    const enough = Promise.withResolvers<void>();
    const patience = setTimeout(() => enough.reject(new Error('parts wait for parts')), LONG);
    let underWay = 0;
    store.hold = (call) => {
      if (!isData(call)) return undefined;
      if (++underWay === budget.uploads) enough.resolve();
      return enough.promise;
    };
    await host.good({ type: 'full' });
    clearTimeout(patience);
    const parts = store.calls.filter(isData);
    assert.ok(parts.length >= 2 * budget.uploads, `${parts.length} parts`);
    assert.ok(mostAtOnce(parts) >= budget.uploads);
    store.hold = () => undefined;
    await host.assertSound();
  });

  it('pays for few calls one after the other, however much there is to store', async () => {
    const { host: made, store } = farHost({ partSize: '8MiB' });
    using host = made;
    const chain = async (run: Parameters<AgentHost['good']>[0]) => {
      store.calls.length = 0;
      await host.good(run);
      // What comes before the agent's first call is what the stack looks up for the job.
      const calls = store.calls.slice(store.calls.findIndex(({ name }) => name === 'put'));
      // Parts are made while others are on their way: what is paid for is what stands before and behind them.
      return chainOf(calls.filter((call) => !isData(call))).map(shown);
    };
    const assertFew = (found: readonly string[], most: number) => assert.ok(found.length <= most, found.join('\n'));
    // Key registered, run begun, key object, listing, index, manifest.
    host.write({ small: 'small' });
    assertFew(await chain({ type: 'full' }), 6);
    host.write({ small: 'changed' });
    assertFew(await chain({}), 6);
    for (let i = 0; i < 10; i++) host.write({ [`big/${i}`]: noise(`big ${i}`, 6 * MIB) });
    assertFew(await chain({ type: 'full' }), 6);
    assert.ok(store.calls.filter(isData).length >= 7);
    // Without a job the host looks where it stands.
    assertFew(await chain({ standalone: true }), 7);
  });
});
