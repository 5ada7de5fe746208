/** Whose key is certified where the operator names a host: found by the node that the fleet file gives it. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { certify, findCandidates } from '../../operator/trust.ts';
import { readTrust } from '../../repository/trust.ts';
import { makeSigningKey, TestHost } from '../helpers/signed-run.ts';
import { fleetFile, TestStack } from '../helpers/test-stack.ts';

const signingKey = await makeSigningKey();

async function believing(stack: TestStack) {
  const { memory: store, operator } = stack;
  return { store, anchor: operator.anchor, trust: await readTrust(store, operator.anchor) } as never;
}

/** A stack whose fleet file has a new host, which registered its key under that prefix. */
async function withHost(name: string, host: { node: string; prefix: string }): Promise<TestStack> {
  const stack = await TestStack.of();
  await stack.at('2026-11-19T13:00:00Z').apply(fleetFile({ carcosa: {}, [name]: { node: host.node } }));
  await new TestHost({ store: stack.memory, clock: stack.clock }, { name, signingKey, ...host }).register();
  return stack;
}

describe('a host that is to be certified', () => {
  test('is found by its name in the fleet file, whose node its prefix ends in', async () => {
    const stack = await withHost('cassilda', { node: 'mi-0a1b', prefix: 'AROAEXAMPLE:mi-0a1b' });
    const found = await findCandidates(await believing(stack), 'cassilda');
    assert.deepEqual(found, {
      ...{ host: 'cassilda', prefix: 'AROAEXAMPLE:mi-0a1b', fingerprint: signingKey.fingerprint },
      ...{ from: 1, oldUntil: 1, isCertified: false },
    });
    await certify(await believing(stack), [found], { key: stack.operator.key, now: stack.clock.now() });
    const trust = await readTrust(stack.memory, stack.operator.anchor);
    assert.equal(trust?.trust.hosts['AROAEXAMPLE:mi-0a1b']?.name, 'cassilda');
    assert.equal((await findCandidates(await believing(stack), 'cassilda')).isCertified, true);
  });

  test('is not taken for one whose node merely ends alike', async () => {
    const stack = await withHost('cassilda', { node: 'mi-0a1b', prefix: 'AROAEXAMPLE:xmi-0a1b' });
    await assert.rejects(findCandidates(await believing(stack), 'cassilda'), { code: 'host-unknown' });
  });

  test('is found by its node too, and by its name alone where no fleet file has it', async () => {
    const stack = await withHost('cassilda', { node: 'mi-0a1b', prefix: 'AROAEXAMPLE:mi-0a1b' });
    assert.equal((await findCandidates(await believing(stack), 'mi-0a1b')).prefix, 'AROAEXAMPLE:mi-0a1b');
    const alone = new TestHost(
      { store: stack.memory, clock: stack.clock },
      { name: 'purr', node: 'purr', prefix: 'purr', signingKey },
    );
    await alone.register();
    assert.equal((await findCandidates(await believing(stack), 'purr')).prefix, 'purr');
    await assert.rejects(findCandidates(await believing(stack), 'nobody'), { code: 'host-unknown' });
  });

  test('of two prefixes, as after its role was made anew: the operator has to say which', async () => {
    const stack = await withHost('cassilda', { node: 'mi-0a1b', prefix: 'AROAEXAMPLE:mi-0a1b' });
    const again = { name: 'cassilda', node: 'mi-0a1b', prefix: 'AROAOTHER:mi-0a1b', signingKey };
    await new TestHost({ store: stack.memory, clock: stack.clock }, again).register();
    await assert.rejects(findCandidates(await believing(stack), 'cassilda'), (error: Error) => {
      assert.match(error.message, /AROAEXAMPLE:mi-0a1b.*AROAOTHER:mi-0a1b/);
      return true;
    });
  });
});
