/** Jobs delivered twice, late, together or to the wrong place; locks; clocks; keys that expire; sets beside each other. */

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as openpgp from 'openpgp';
import { runIdForSlot } from '../../../contract/ids.ts';
import { skippedKind, startedKind } from '../../../contract/run-notes.ts';
import { exitCodeOf } from '../../../host-agent/run/outcome.ts';
import { generateOperatorKey, type PrivateKey, readPrivateKey } from '../../../pgp/keys.ts';
import { tryLock } from '../../../system/lock-file.ts';
import { assertSameTree, assertSound, manifestsOf, restored, treeOf } from '../../helpers/agent-check.ts';
import type { Saboteur } from '../../helpers/agent-faults.ts';
import { AgentHost, HOST, SET } from '../../helpers/agent-host.ts';
import { noise } from '../../helpers/agent-random.ts';

function prepare(set: object = {}): AgentHost {
  const host = new AgentHost(set);
  host.write({ 'a/one': 'one', 'a/two': Buffer.alloc(100_000, 'two'), 'b/three': 'three' });
  return host;
}

async function keysOf(host: AgentHost): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of host.store.list('')) keys.push(key);
  return keys;
}

const dieBefore = (ending: string): Saboteur => ({
  before: ({ name, path }) => (name === 'put' && path.endsWith(ending) ? 'die' : undefined),
});

describe('a job that is delivered twice', () => {
  it('one after the other: nothing is done, exit 0', async () => {
    using host = prepare();
    const due = host.nextDue();
    const job = await host.known();
    await host.good({ due, job });
    const before = await keysOf(host);
    const { results } = await host.run({ due, job });
    assert.equal(results[0]?.outcome, 'duplicate');
    assert.equal(exitCodeOf(results), 0);
    assert.deepEqual(await keysOf(host), before);
    // Also with newer knowledge, and after other runs.
    await host.good();
    assert.equal((await host.run({ due })).results[0]?.outcome, 'duplicate');
    await host.assertSound();
  });

  it('at the same time: one run is made', async () => {
    using host = prepare();
    const due = host.nextDue();
    const tree = treeOf(host.source);
    const both = await Promise.all([1, 2, 3].map(() => host.run({ due })));
    const outcomes = both.map(({ results }) => results[0]?.outcome).sort();
    assert.deepEqual(outcomes, ['complete', 'duplicate', 'duplicate']);
    host.trees.set(both[0]?.results[0]?.run ?? '', tree);
    await host.assertSound();
  });

  it('and the state was lost meanwhile: nothing is done', async () => {
    using host = prepare();
    const due = host.nextDue();
    await host.good({ due });
    const before = await keysOf(host);
    rmSync(host.state, { recursive: true });
    assert.equal((await host.run({ due })).results[0]?.outcome, 'duplicate');
    assert.deepEqual(await keysOf(host), before);
    await host.good();
    await host.assertSound();
  });

  it('and the agent died and the state was lost: it is not begun again, the next run is a full', async () => {
    using host = prepare();
    await host.good();
    const due = host.nextDue();
    assert.ok((await host.run({ due, saboteur: dieBefore('manifest.json') })).died);
    rmSync(host.state, { recursive: true });
    assert.equal((await host.run({ due })).results[0]?.outcome, 'duplicate');
    const { result } = await host.good();
    assert.equal(result.manifest?.actual, 'full');
    await host.assertSound();
  });

  for (const published of [true, false]) {
    it(`and nobody can tell who put started.json; the first one's manifest was ${published ? '' : 'not '}put`, async () => {
      using host = prepare();
      const due = host.nextDue();
      const tree = treeOf(host.source);
      if (published) await host.good({ due });
      else assert.ok((await host.run({ due, saboteur: dieBefore('manifest.json') })).died);
      rmSync(host.state, { recursive: true });
      let isFirst = true;
      const saboteur: Saboteur = {
        before: ({ name, path }) => {
          if (name !== 'put' || !path.endsWith('started.json') || !isFirst) return undefined;
          isFirst = false;
          return { errno: 'EIO' };
        },
      };
      const [result] = (await host.run({ due, retries: true, saboteur })).results;
      host.trees.set(result?.run ?? '', tree);
      for (let i = 0; i < 3; i++) {
        host.write({ 'a/one': `${i}` });
        await host.good();
      }
      await host.assertRestorable();
      assert.equal((await manifestsOf(host.place())).length, 4);
    });
  }
});

describe('a job that knows less than the host', () => {
  it("of the head: the host's own ledger goes on, on the base that the job names", async () => {
    using host = prepare();
    const { run } = await host.good();
    const old = await host.known();
    host.write({ 'a/one': 'uno' });
    await host.good();
    host.write({ 'a/one': 'eins' });
    const { result } = await host.good({ job: old });
    assert.equal(result.manifest?.sequence, 3);
    assert.equal(result.manifest?.base?.run, run);
    await host.assertSound();
  });

  it('of the base, when it is delivered again after a death: what was begun on the other base is used or not, never mixed', async () => {
    using host = prepare();
    host.config = { ...host.config, partSize: 2 ** 18 };
    await host.good();
    const old = await host.known();
    host.write({ 'a/new': noise('new', 600_000) });
    await host.good();
    host.write({ 'a/newer': noise('newer', 600_000) });
    const due = host.nextDue();
    const saboteur: Saboteur = { before: ({ path }) => (path.includes('/index-') ? 'die' : undefined) };
    assert.ok((await host.run({ due, job: old, saboteur })).died);
    const { head, base } = await host.known();
    const { result } = await host.good({ due, job: { head, base } });
    assert.equal(result.manifest?.base?.run, base?.run);
    host.write({ 'a/newest': 'newest' });
    await host.good();
    await host.assertSound();
  });
});

describe('a lock', () => {
  const holder = '20260501T000000Z-0123456789ab';

  it('that another run holds until the deadline: skipped.json, exit 75, and the next run goes well', async () => {
    using host = prepare();
    await host.good();
    const held = await tryLock(join(host.identity, 'locks', `${SET}.lock`), `${holder} 2026-05-01T00:00:00Z`);
    assert.ok(held.acquired);
    const due = host.nextDue();
    const { results, calls } = await host.run({ due, deadline: '2026-05-01T00:10:00Z' });
    assert.equal(results[0]?.outcome, 'skipped');
    assert.equal(exitCodeOf(results), 75);
    const run = runIdForSlot({ policy: 'nightly', due: new Date(due), node: HOST, set: SET });
    assert.deepEqual(
      calls.map(({ path }) => path),
      [`runs/${HOST}/${SET}/${run}/skipped.json`],
    );
    const key = calls[0]?.path ?? '';
    const note = skippedKind.parseBytes((await host.store.get(key)).body, key);
    assert.equal(note.by, holder);
    assert.equal(note.since, '2026-05-01T00:00:00Z');
    await held.release();
    await host.good();
    await host.assertSound();
  });

  it('that is released before the deadline is waited for', async () => {
    using host = prepare();
    const held = await tryLock(join(host.identity, 'locks', `${SET}.lock`), `${holder} 2026-05-01T00:00:00Z`);
    assert.ok(held.acquired);
    const { sleep } = host.clock;
    let polls = 0;
    host.clock.sleep = async (milliseconds, signal) => {
      await sleep.call(host.clock, milliseconds, signal);
      if (++polls === 3) await held.release();
    };
    await host.good();
    assert.ok(polls >= 3);
  });

  it('that is held when an unasked run begins: busy at once', async () => {
    using host = prepare();
    const held = await tryLock(join(host.identity, 'locks', `${SET}.lock`), `${holder} 2026-05-01T00:00:00Z`);
    assert.ok(held.acquired);
    const { results, calls } = await host.run({ standalone: true });
    assert.equal(exitCodeOf(results), 75);
    assert.deepEqual(calls, []);
    await held.release();
  });

  for (const [what, content] of [
    ['of a dead process', '{"pid":1,"started":"1","boot":"00000000-0000-0000-0000-000000000000","note":"x"}'],
    ['that is empty', ''],
    ['that is no JSON', 'locked'],
  ] as const) {
    it(`${what} is taken over with a notice`, async () => {
      using host = prepare();
      await host.good();
      writeFileSync(join(host.identity, 'locks', `${SET}.lock`), content);
      const { notices } = await host.good();
      assert.ok(notices.some((text) => text.includes('lock was taken over')));
    });
  }
});

describe('the clock', () => {
  for (const standalone of [false, true]) {
    it(`in 1970 and in 2050, ${standalone ? 'standalone' : 'with a job'}: every run is good, in the order made`, async () => {
      using host = prepare();
      for (const now of ['2026-05-01', '1970-01-01', '2050-06-01', '2026-05-02', '1970-01-01', '2026-05-03']) {
        host.write({ 'a/one': `${now} ${Math.random()}` });
        host.clock.set(`${now}T00:00:05Z`);
        await host.good({ standalone, keepsClock: true });
      }
      await host.assertSound();
    });
  }

  it('in 1970 when the identity is made', async () => {
    using host = prepare();
    rmSync(host.identity, { recursive: true });
    host.clock.set('1970-01-01T00:00:02Z');
    await host.good({ keepsClock: true });
    host.clock.set('2026-05-01T00:00:00Z');
    await host.good({ keepsClock: true });
    await host.assertSound();
  });

  it('that jumps while a run is made', async () => {
    using host = prepare();
    await host.good();
    const jump: Saboteur = {
      before: ({ name, path }) => {
        if (name === 'put' && path.includes('/index-')) host.clock.set('1970-01-01T00:00:01Z');
        return undefined;
      },
    };
    await host.good({ saboteur: jump });
    host.clock.set('2026-05-03T00:00:00Z');
    await host.good();
    await host.assertSound();
  });
});

async function expiredKey(): Promise<PrivateKey> {
  const { privateKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name: 'Old', email: 'old@example.org' }],
    date: new Date('2020-01-01T00:00:00Z'),
    keyExpirationTime: 86_400,
    format: 'armored',
  });
  return await readPrivateKey(Buffer.from(privateKey), 'expired');
}

describe('recipients', () => {
  it('whose key has expired: used all the same, with a notice', async () => {
    using host = prepare();
    const key = await expiredKey();
    const { run, notices } = await host.good({ recipients: [key.publicKey] });
    assert.ok(notices.some((text) => text.includes('expired on 2020-01-02')));
    await restored(host.place(), run, key, (folder, report) => {
      assert.deepEqual(report.errors, []);
      assertSameTree(treeOf(join(folder, host.source)), treeOf(host.source));
    });
  });

  it('that change: a full, which the new one reads; an unfinished full to the old one is not continued', async () => {
    using host = prepare();
    await host.good();
    const due = new Date('2026-01-01T00:00:00Z');
    const made = await generateOperatorKey({ name: 'New', email: 'new@example.org', now: due });
    const other = await readPrivateKey(Buffer.from(made.privateArmored), 'new');
    assert.ok((await host.run({ type: 'full', saboteur: dieBefore('manifest.json') })).died);
    assert.equal((await host.run({ type: 'full' })).results[0]?.outcome, 'complete');
    const both = [host.operator.publicKey, other.publicKey];
    const dead = await host.run({
      type: 'full',
      saboteur: { before: ({ path }) => (path.includes('/index-') ? 'die' : undefined) },
    });
    assert.ok(dead.died);
    const { run, result } = await host.good({ recipients: both });
    assert.deepEqual(result.manifest?.promoted, { reason: 'recipients-changed' });
    for (const key of [host.operator, other]) {
      await restored(host.place(), run, key, (_, report) => assert.deepEqual(report.errors, []));
    }
    await host.assertSound();
  });
});

describe('several sets', () => {
  it('of which one fails: the others are made, and the worst decides', async () => {
    using host = prepare();
    host.config = host.configWith({
      bad: { paths: ['/nonexistent/for/sure'] },
      [SET]: { paths: [host.source] },
      partial: { paths: [host.source] },
    });
    const { results } = await host.run({ sets: ['bad', SET, 'partial'] });
    assert.deepEqual(
      results.map(({ set, outcome }) => `${set} ${outcome}`),
      ['bad failed', `${SET} complete`, 'partial complete'],
    );
    assert.equal(results[0]?.error?.code, 'source-missing');
    assert.equal(exitCodeOf(results), 1);
    for (const set of ['bad', SET, 'partial']) await assertSound(host.place(set));
  });

  it('of which the config lacks one: it fails with exit 2, the others are made', async () => {
    using host = prepare();
    const { results } = await host.run({ sets: ['nowhere', SET] });
    assert.deepEqual(
      results.map(({ set, outcome }) => `${set} ${outcome}`),
      ['nowhere failed', `${SET} complete`],
    );
    assert.equal(results[0]?.error?.code, 'config-invalid');
    assert.equal(exitCodeOf(results), 2);
  });

  it('of which one loses the store in the middle: the next one is made when it is back', async () => {
    using host = prepare();
    host.config = host.configWith({ one: { paths: [host.source] }, [SET]: { paths: [host.source] } });
    const saboteur: Saboteur = {
      before: ({ name, path }) =>
        name === 'put' && path.includes('/one/') && path.includes('/index-') ? { errno: 'EIO' } : undefined,
    };
    const { results } = await host.run({ sets: ['one', SET], saboteur });
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ['failed', 'complete'],
    );
    assert.equal((await manifestsOf(host.place('one')))[0]?.manifest.error?.code, 'store-transient');
  });
});

it("a job for another node is nobody's here", async () => {
  using host = prepare();
  const { results, calls } = await host.run({ node: 'purr' });
  assert.deepEqual(results, []);
  assert.deepEqual(calls, []);
});

it('started.json says run, start and deadline', async () => {
  using host = prepare();
  const { calls, run } = await host.good({ deadline: '2026-05-01T08:00:00Z' });
  const key = calls.find(({ path }) => path.endsWith('started.json'))?.path ?? '';
  const note = startedKind.parseBytes((await host.store.get(key)).body, key);
  assert.equal(note.run, run);
  assert.equal(note.deadline, '2026-05-01T08:00:00Z');
});
