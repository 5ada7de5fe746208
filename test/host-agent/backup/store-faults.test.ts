/** The store fails: replies that are lost, puts that are refused, no room; and fulls that take several agents. */

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseObjectKey } from '../../../contract/keys.ts';
import { adoptedOf, assertSound, treeOf } from '../../helpers/agent-check.ts';
import type { Call, Saboteur } from '../../helpers/agent-faults.ts';
import { AgentHost, type AgentOptions } from '../../helpers/agent-host.ts';
import { noise } from '../../helpers/agent-random.ts';

function prepare(): AgentHost {
  const host = new AgentHost();
  host.write({ 'a/one': 'one', 'a/two': Buffer.alloc(300_000, 'two'), 'b/three': 'three' });
  return host;
}

/** Does something to the n-th put, before it is done or after. */
function atPut(n: number, when: 'before' | 'after', errno: string): Saboteur {
  let count = 0;
  return { [when]: ({ name }: Call) => (name === 'put' && ++count === n ? { errno } : undefined) };
}

/** Dies when one more data part is noted in the journal. */
function dieAtNotedPart(): Saboteur {
  return {
    after: ({ name, bytes }) =>
      name === 'appendFile' && String(bytes).startsWith('{"is":"part","kind":"data"') ? 'die' : undefined,
  };
}

describe('a reply of the store that is lost', () => {
  const scenarios: [string, (host: AgentHost) => Promise<void>, AgentOptions][] = [
    ['a full', async () => undefined, { type: 'full' }],
    [
      'an incremental',
      async (host) => {
        await host.good({ type: 'full' });
        host.write({ 'a/one': 'uno', 'c/four': 'four' });
      },
      {},
    ],
  ];
  for (const [name, begin, options] of scenarios) {
    for (const [when, what] of [
      ['after', 'was done'],
      ['before', 'was not done'],
    ] as const) {
      for (const retries of [false, true]) {
        it(`at every put of ${name}; it ${what}, and is ${retries ? '' : 'not '}tried again`, async () => {
          using host = prepare();
          await begin(host);
          const tree = treeOf(host.source);
          const rollBack = await host.checkpoint();
          const puts = (await host.good(options)).calls.length;
          for (let n = 1; n <= puts; n++) {
            await rollBack();
            const due = host.nextDue();
            const asked = { ...options, due, job: await host.known() };
            const [first] = (await host.run({ ...asked, retries, saboteur: atPut(n, when, 'EIO') })).results;
            if (retries) assert.equal(first?.outcome, 'complete', `put ${n}`);
            else assert.ok(first?.error?.code === 'store-transient' || (n === puts && when === 'after'), `put ${n}`);
            await assertSound(host.place());
            const next = (await host.run(options)).results[0];
            assert.equal(next?.outcome, 'complete', `put ${n}`);
            await host.assertNewest(tree);
          }
          await host.assertSound();
        });
      }
    }
  }
});

describe('a full that takes several agents', () => {
  it('dies five times at different parts, ends in the same chain, and puts no noted part again', async () => {
    using host = new AgentHost();
    // Smaller than any config may ask for.
    host.config = { ...host.config, partSize: 2 ** 20 };
    // By chance of its seed a chunker would cut one file or another in two, and so make other parts.
    mkdirSync(join(host.config.identity, 'seeds'), { recursive: true });
    writeFileSync(join(host.config.identity, 'seeds/data'), Buffer.alloc(32, 1));
    for (let i = 1; i <= 7; i++) host.write({ [`f${i}`]: noise(`f${i}`, 900_000) });
    for (let death = 1; death <= 5; death++) {
      const { died } = await host.run({ type: 'full', saboteur: dieAtNotedPart() });
      assert.ok(died);
    }
    const last = await host.good({ type: 'full' });
    const data: string[] = [];
    for await (const { key } of host.store.list('data/')) data.push(key);
    assert.deepEqual([...new Set(data.map((key) => key.split('/')[3]))], [last.result.manifest?.chain]);
    const adopted = adoptedOf(last.result.manifest as NonNullable<typeof last.result.manifest>);
    assert.equal(adopted.length, 5);
    assert.equal(last.calls.filter(({ path }) => path.startsWith('data/')).length, 2, 'of seven parts, five are there');
    const own = last.result.manifest?.objects.filter(([key]) => key.startsWith('data/')) ?? [];
    assert.ok(own.reduce((sum, [, size]) => sum + size, 0) < 6_310_000, 'no chunk is in two parts of the manifest');
    const attempts = new Set(last.result.manifest?.keyObjects.map(([attempt]) => attempt));
    assert.deepEqual([...attempts].sort(), [1, 2, 3, 4, 5, 6]);
    const numbers = data.map((key) => (parseObjectKey(key) as { number: number }).number);
    assert.equal(new Set(numbers).size, numbers.length, `part numbers ${numbers.join()}`);
    await host.assertSound();
  });
});
