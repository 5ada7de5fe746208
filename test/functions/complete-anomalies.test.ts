/** Runs that are unlike those before them, through the whole of complete: what they hold back, and how it goes on. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { objectKey } from '../../contract/keys.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { complete } from '../../functions/complete.ts';
import { accept, type Published } from '../helpers/signed-run.ts';
import { fleetFile, NIGHTLY, TestStack } from '../helpers/test-stack.ts';

const FILES = 10_004;
const BYTES = 40e9;
const dueOf = (day: number) => new Date(Date.UTC(2026, 10, 20 + day, 4)).toISOString().replace('.000', '');

/** What a host says it has counted. */
const counting = (more: Partial<Manifest['counts']>) => ({
  files: FILES,
  bytes: BYTES,
  change: (manifest: Manifest): Manifest => ({ ...manifest, counts: { ...manifest.counts, ...more } }),
});
const usual = (day: number) => {
  const changedFiles = 12 + ((day * 29) % 79);
  return counting({ changedFiles, newBytes: changedFiles * 2.5e6, storedBytes: changedFiles * 0.8e6 });
};
const encrypted = counting({ changedFiles: 9812, newBytes: 38.2e9, storedBytes: 38.1e9 });

/** A full and nine nights like each other; the tenth night is next. */
async function nineNights(host: Record<string, never> | { anomalies: string | Record<string, string> } = {}) {
  const stack = await TestStack.of({ carcosa: host });
  await stack.goodRun(dueOf(0), { type: 'full', files: FILES, bytes: BYTES });
  for (let day = 1; day <= 9; day++) await stack.goodRun(dueOf(day), usual(day));
  assert.deepEqual(stack.messages(), []);
  return stack;
}
const shown = async (stack: TestStack, day: number) => {
  const verdict = await stack.verdict({ due: dueOf(day) });
  return [verdict?.outcome, ...(verdict?.reasons ?? []).map(({ code }) => code)];
};
const sequences = async (stack: TestStack) => {
  const latest = await stack.latest();
  return [latest?.head?.sequence, latest?.base?.sequence, latest?.good?.sequence];
};
async function accepted(stack: TestStack, run: Published) {
  await accept(stack.memory, stack.operator, run);
  await complete(stack.stack, { kind: 'object', key: objectKey({ kind: 'accepted', ...run.place }) });
}

describe('a run that is unlike those before it', () => {
  test('is suspect with its figures, is told, and is neither base nor good', async () => {
    const stack = await nineNights();
    await stack.goodRun(dueOf(10), encrypted);
    assert.deepEqual(await shown(stack, 10), ['suspect', 'compressibility']);
    const [message] = stack.notifier.take();
    assert.match(
      message?.email ?? '',
      /9,812 of 10,004 files changed \(usually 20 to 86\), 38 GB of 40 GB were rewritten/,
    );
    assert.match(
      message?.subject ?? '',
      /SUSPECT carcosa\/data since 2026-11-30 04:00 UTC: 96 % replaced, looks encrypted/,
    );
    assert.deepEqual(await sequences(stack), [11, 10, 10]);
    assert.equal((await stack.latest())?.recent.length, 10);
  });

  test('and so is the next one, which builds on the same base, with no message of its own', async () => {
    const stack = await nineNights();
    const good = stack.host().last();
    await stack.goodRun(dueOf(10), encrypted);
    stack.messages();
    const after = stack.host().last();
    await stack.goodRun(dueOf(11), {
      ...encrypted,
      change: (manifest) => {
        const base = { run: good?.run ?? '', payload: good?.payloadHash ?? '' };
        const sources = manifest.sources.filter(([, run]) => run !== after?.run);
        return { ...encrypted.change(manifest), base, sources };
      },
    });
    assert.deepEqual([await shown(stack, 11), stack.messages()], [['suspect', 'compressibility'], []]);
    assert.deepEqual(await sequences(stack), [12, 10, 10]);
  });

  test('once accepted is what the next ones are measured against', async () => {
    const stack = await nineNights();
    const run = await stack.goodRun(dueOf(10), encrypted);
    await accepted(stack, run);
    assert.deepEqual(await sequences(stack), [11, 11, 11]);
    assert.equal((await stack.latest())?.recent[0]?.byOperator, true);
    stack.messages();
    await stack.goodRun(dueOf(11), encrypted);
    await stack.goodRun(dueOf(12), usual(12));
    assert.deepEqual(
      [await shown(stack, 11), await shown(stack, 12), stack.messages()],
      [['complete'], ['complete'], []],
    );
  });

  test('is not made good by a full after it, but by its acceptance or by the full’s', async () => {
    for (const which of ['the unusual run', 'the full'] as const) {
      const stack = await nineNights();
      const unusual = await stack.goodRun(dueOf(10), encrypted);
      const full = await stack.goodRun(dueOf(11), { type: 'full', files: FILES, bytes: BYTES });
      assert.deepEqual(
        [await shown(stack, 11), await sequences(stack)],
        [
          ['suspect', 'after-unusual'],
          [12, 10, 10],
        ],
      );
      await accepted(stack, which === 'the full' ? full : unusual);
      await stack.goodRun(dueOf(12), { type: 'full', files: FILES, bytes: BYTES });
      assert.deepEqual([await shown(stack, 12), await sequences(stack)], [['complete'], [13, 13, 13]]);
    }
  });

  test('is noted alone where the fleet file says so, of the host or of the set', async () => {
    for (const anomalies of ['off', { data: 'off' }]) {
      const stack = await nineNights({ anomalies });
      await stack.goodRun(dueOf(10), encrypted);
      const verdict = await stack.verdict({ due: dueOf(10) });
      assert.deepEqual([verdict?.outcome, verdict?.notices.map(({ code }) => code)], ['complete', ['unusual']]);
      assert.match(verdict?.notices[0]?.text ?? '', /^compressibility: 9,812 of 10,004 files/);
      assert.deepEqual([stack.messages(), await sequences(stack)], [[], [11, 11, 11]]);
    }
  });

  test('is noted from when the fleet file says so, not before', async () => {
    const stack = await nineNights();
    await stack.goodRun(dueOf(10), encrypted);
    await stack.apply(fleetFile({ carcosa: { anomalies: 'off' } }, { nightly: NIGHTLY }));
    await stack.goodRun(dueOf(11), encrypted);
    assert.deepEqual(await shown(stack, 10), ['suspect', 'compressibility']);
    assert.deepEqual(
      (await stack.verdict({ due: dueOf(11) }))?.reasons.map(({ code }) => code),
      ['base'],
    );
  });

  test('a full after lost state, a partial run and one by hand are none', async () => {
    const stack = await nineNights();
    await stack.goodRun(dueOf(10), { type: 'full', files: FILES, bytes: BYTES });
    await stack.goodRun(dueOf(11), { ...usual(11), outcome: 'partial' });
    await stack.goodRun(dueOf(12), counting({ changedFiles: 6000, newBytes: 50e6, storedBytes: 20e6 }));
    const byHand = await stack.at('2026-12-02T09:00:00Z').host().backUp(usual(13));
    await stack.completeRun(byHand);
    for (const day of [10, 12]) assert.deepEqual(await shown(stack, day), ['complete']);
    assert.equal((await stack.verdict(byHand))?.outcome, 'complete');
  });
});
