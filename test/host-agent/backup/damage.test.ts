/**
 * State and identity may be lost or damaged at any time: that costs time, never a backup. Every file is deleted,
 * truncated and flipped; machines are cloned and brought back from images; stores are exchanged under a host.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MemoryStore } from '../../../store/memory.ts';
import { assertSameTree, forksIn, manifestsOf, treeOf } from '../../helpers/agent-check.ts';
import { AgentHost, type AgentOptions, copyOf, HOST } from '../../helpers/agent-host.ts';
import { noise, seededRandom } from '../../helpers/agent-random.ts';

function prepare(): AgentHost {
  const host = new AgentHost();
  host.write({ 'a/one': 'one', 'a/two': Buffer.alloc(300_000, 'two'), 'b/three': 'three', 'b/empty': '' });
  return host;
}

async function withChain(): Promise<AgentHost> {
  const host = prepare();
  await host.good({ type: 'full' });
  host.write({ 'a/one': 'uno', 'b/four': Buffer.alloc(1000, 'four') });
  await host.good();
  return host;
}

/** A full that died before its index, with parts in the store. */
async function withUnfinishedFull(): Promise<AgentHost> {
  const host = prepare();
  for (const name of ['n1', 'n2', 'n3']) host.write({ [name]: noise(name, 300_000) });
  host.config = { ...host.config, partSize: 2 ** 18 };
  const { died } = await host.run({
    type: 'full',
    saboteur: { before: ({ name, path }) => (name === 'put' && path.includes('/index-') ? 'die' : undefined) },
  });
  assert.ok(died);
  return host;
}

/** Every file of state and identity, relative to the host's root. */
function filesOf(host: AgentHost): string[] {
  const files = (folder: string): string[] =>
    readdirSync(join(host.root, folder), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
    );
  return [...files('state'), ...files('identity')];
}

const { random, seed } = seededRandom();

interface Damage {
  readonly what: string;
  do(file: string): void;
}

function flip(at: number, mask: number): Damage {
  return {
    what: `bit ${mask} of byte ${at} flipped`,
    do: (file) => {
      const bytes = readFileSync(file);
      bytes[at] = (bytes[at] ?? 0) ^ mask;
      writeFileSync(file, bytes);
    },
  };
}

/** Of flips a sample: half of them make of one digit another one, which no parser can notice. */
function damagesOf(file: string): Damage[] {
  const bytes = readFileSync(file);
  const digits = [...bytes.keys()].filter((at) => /[0-9]/.test(String.fromCharCode(bytes[at] ?? 0)));
  const some = (from: number[], count: number) =>
    Array.from({ length: Math.min(count, from.length) }, () => from[Math.floor(random() * from.length)] ?? 0);
  return [
    { what: 'deleted', do: (at) => rmSync(at) },
    { what: 'emptied', do: (at) => truncateSync(at, 0) },
    { what: 'cut in half', do: (at) => truncateSync(at, statSync(at).size >> 1) },
    ...some(digits, 2).map((at) => flip(at, 1)),
    ...some([...bytes.keys()], 1).map((at) => flip(at, 1 << Math.floor(random() * 8))),
  ];
}

/** Damages one file after the other, always from the same beginning; the run after it must be complete and sound. */
async function damageEverything(host: AgentHost, options: AgentOptions, only: RegExp = /./): Promise<void> {
  const tree = treeOf(host.source);
  const rollBack = await host.checkpoint();
  for (const file of filesOf(host).filter((name) => only.test(name))) {
    await rollBack();
    for (const damage of damagesOf(join(host.root, file))) {
      await rollBack();
      try {
        damage.do(join(host.root, file));
        const [result] = (await host.run(options)).results;
        assert.equal(result?.error?.message, undefined);
        assert.ok(result?.outcome === 'complete' || result?.outcome === 'duplicate', result?.outcome);
        await host.assertNewest(tree, { numbersTwice: /jsonl|current/.test(file) });
      } catch (error) {
        throw new Error(`${file} ${damage.what} (seed ${seed})`, { cause: error });
      }
    }
    await host.assertRestorable();
  }
}

describe('a file of state or identity that is damaged', () => {
  it('between two runs, with a job', async () => {
    using host = await withChain();
    host.write({ 'a/one': 'eins' });
    await damageEverything(host, {});
  });

  it('between two runs, standalone', async () => {
    using host = await withChain();
    host.write({ 'a/one': 'eins' });
    await damageEverything(host, { standalone: true }, /^state.*(ledger|finished|state\.json|pending)/);
  });

  it('while a full is unfinished', async () => {
    using host = await withUnfinishedFull();
    await damageEverything(host, { type: 'full' }, /^state/);
  });

  it('a journal that lost any one of its lines, or ends behind any', async () => {
    using host = await withUnfinishedFull();
    const journal = join(host.stateOf(), 'full.jsonl');
    const lines = readFileSync(journal, 'utf8').trimEnd().split('\n');
    assert.ok(lines.length > 8, `${lines.length} lines`);
    const tree = treeOf(host.source);
    const rollBack = await host.checkpoint();
    for (const [i] of lines.entries()) {
      for (const kept of [lines.toSpliced(i, 1), lines.slice(0, i)]) {
        await rollBack();
        writeFileSync(journal, kept.map((line) => `${line}\n`).join(''));
        const [result] = (await host.run({ type: 'full' })).results;
        assert.equal(result?.error?.message, undefined, `line ${i + 1}`);
        await host.assertNewest(tree, { numbersTwice: true });
      }
    }
  });

  it('while a manifest is on its way', async () => {
    using host = await withChain();
    host.write({ 'a/one': 'eins' });
    const { died } = await host.run({
      saboteur: { before: ({ name, path }) => (name === 'put' && path.endsWith('/manifest.json') ? 'die' : undefined) },
    });
    assert.ok(died);
    await damageEverything(host, {}, /^state.*(json|jsonl)$/);
  });
});

describe('state that is lost or old', () => {
  it('lost with a job: a full in the same ledger, which says so', async () => {
    using host = await withChain();
    rmSync(host.state, { recursive: true });
    const { result } = await host.good();
    assert.equal(result.manifest?.actual, 'full');
    assert.deepEqual(result.manifest?.promoted, { reason: 'no-state' });
    assert.equal(result.manifest?.stateLost, true);
    await host.assertSound();
  });

  it('lost standalone: the same, from what the store shows', async () => {
    using host = await withChain();
    rmSync(host.state, { recursive: true });
    const { result } = await host.good({ standalone: true });
    assert.equal(result.manifest?.actual, 'full');
    assert.equal(result.manifest?.stateLost, true);
    await host.assertSound();
  });

  for (const standalone of [false, true]) {
    it(`brought back from an image, ${standalone ? 'standalone' : 'with a job'}: no fork, a full`, async () => {
      using host = await withChain();
      const rollBack = await host.checkpoint();
      host.write({ 'a/one': 'zwei' });
      await host.good({ standalone });
      host.write({ 'a/one': 'drei' });
      await host.good({ standalone });
      const { store } = host;
      const trees = [...host.trees];
      await rollBack();
      host.store = store;
      for (const [run, tree] of trees) host.trees.set(run, tree);
      const { result } = await host.good({ standalone });
      assert.equal(result.manifest?.actual, 'full');
      assert.equal(result.manifest?.sequence, 5);
      await host.assertSound();
    });
  }
});

describe('a fork', () => {
  /** Two hosts with one identity and one state: each makes the run behind the second. */
  async function forked(): Promise<{ host: AgentHost; twin: { state: string; identity: string; run: string } }> {
    const host = await withChain();
    const before = await copyOf(host.store, host.clock);
    const rollBack = await host.checkpoint();
    host.write({ 'a/one': 'the clone' });
    const clone = await host.good({ standalone: true });
    const published = host.store;
    const trees = [...host.trees];
    await rollBack();
    host.store = before;
    host.write({ 'a/one': 'the original' });
    await host.good({ standalone: true });
    for (const [run, tree] of trees) host.trees.set(run, tree);
    for await (const { key } of published.list('')) host.store.overwrite(key, (await published.get(key)).body);
    return { host, twin: { state: host.state, identity: host.identity, run: clone.run } };
  }

  it('leaves both restorable, and the next run is a full behind them, with state of either', async () => {
    const { host } = await forked();
    using _ = host;
    const signed = await manifestsOf(host.place());
    const forks = forksIn(signed);
    assert.equal(forks.size, 2);
    await host.assertRestorable();
    const { result, run } = await host.good({ standalone: true });
    assert.equal(result.manifest?.actual, 'full');
    assert.deepEqual(result.manifest?.promoted, { reason: 'fork' });
    assert.equal(result.manifest?.sequence, 4);
    host.write({ 'a/one': 'later' });
    const later = await host.good({ standalone: true });
    assert.equal(later.result.manifest?.base?.run, run, 'behind the fork a chain begins anew');
    await host.assertRestorable();
  });

  it('is noticed too by the one whose run has the greater id', async () => {
    using host = await withChain();
    const before = await copyOf(host.store, host.clock);
    const rollBack = await host.checkpoint();
    host.write({ 'a/one': 'the clone' });
    await host.good({ standalone: true });
    const published = host.store;
    const trees = [...host.trees];
    await rollBack();
    host.store = before;
    host.clock.advance(60_000);
    host.write({ 'a/one': 'the original' });
    await host.good({ standalone: true });
    for (const [run, tree] of trees) host.trees.set(run, tree);
    for await (const { key } of published.list('')) host.store.overwrite(key, (await published.get(key)).body);
    const { result } = await host.good({ standalone: true });
    assert.equal(result.manifest?.actual, 'full');
    await host.assertRestorable();
  });

  it('with a job that shows another head of the same sequence: a full', async () => {
    const { host } = await forked();
    using _ = host;
    const signed = await manifestsOf(host.place());
    const own = JSON.parse(readFileSync(join(host.stateOf(), 'ledger.json'), 'utf8').split('\n')[0] ?? '') as {
      run: string;
    };
    const other = signed.find(({ manifest }) => manifest.sequence === 3 && manifest.run !== own.run);
    const at = { run: other?.manifest.run ?? '', payload: other?.payloadHash ?? '' };
    const { result } = await host.good({ job: { head: { ...at, sequence: 3 }, base: at } });
    assert.equal(result.manifest?.actual, 'full');
    assert.deepEqual(result.manifest?.promoted, { reason: 'fork' });
    await host.assertRestorable();
  });

  it('with a job whose base no host can know: a full', async () => {
    using host = await withChain();
    const unknown = { run: '20260401T000000Z-0123456789ab', payload: 'e'.repeat(64) };
    const { result } = await host.good({ job: { base: unknown } });
    assert.equal(result.manifest?.actual, 'full');
    assert.deepEqual(result.manifest?.promoted, { reason: 'no-state' });
    await host.assertSound();
  });
});

describe('another store under the same host', () => {
  for (const standalone of [false, true]) {
    const how = standalone ? 'standalone' : 'with a job';

    it(`is given a full, ${how}`, async () => {
      using host = await withChain();
      host.store = new MemoryStore({ clock: host.clock, url: 'memory:another' });
      host.trees.clear();
      const { result } = await host.good({ standalone });
      assert.equal(result.manifest?.actual, 'full');
      host.write({ 'a/one': 'later' });
      await host.good({ standalone });
      await host.assertRestorable();
    });

    it(`that was emptied and kept its name is given a full, ${how}`, async () => {
      using host = await withChain();
      host.store = new MemoryStore({ clock: host.clock });
      host.trees.clear();
      const { result } = await host.good({ standalone });
      assert.equal(result.manifest?.actual, 'full');
      host.write({ 'a/one': 'later' });
      const next = await host.good({ standalone });
      assert.equal(next.result.manifest?.actual, 'incremental');
      await host.assertRestorable();
    });

    it(`gets no part that only the old one has, ${how}`, async () => {
      using host = await withUnfinishedFull();
      host.store = new MemoryStore({ clock: host.clock, url: 'memory:another' });
      await host.good({ type: 'full', standalone });
      await host.assertSound();
    });

    it(`gets no manifest that was on its way to the old one, ${how}`, async () => {
      using host = await withChain();
      const { died } = await host.run({
        standalone,
        saboteur: {
          before: ({ name, path }) => (name === 'put' && path.endsWith('manifest.json') ? 'die' : undefined),
        },
      });
      assert.ok(died);
      host.store = new MemoryStore({ clock: host.clock, url: 'memory:another' });
      host.trees.clear();
      await host.good({ standalone });
      assert.equal((await manifestsOf(host.place())).length, 1);
      await host.assertRestorable();
    });
  }
});

describe('an identity', () => {
  it('that is lost: a new key, which the next runs are signed with', async () => {
    using host = await withChain();
    rmSync(host.identity, { recursive: true });
    const { result } = await host.good();
    assert.equal(result.manifest?.sequence, 3);
    const signed = await manifestsOf(host.place());
    assert.notEqual(signed[2]?.signer, signed[1]?.signer);
    await host.assertSound();
  });

  it('that is lost is made once, also by three agents at the same time, and beside a set of that name', async () => {
    using host = prepare();
    rmSync(host.identity, { recursive: true });
    const sets = ['identity', 'one', 'two'];
    host.config = host.configWith(Object.fromEntries(sets.map((set) => [set, { paths: [host.source] }])));
    const ends = await Promise.all(sets.map((set) => host.run({ sets: [set] })));
    assert.deepEqual(
      ends.map(({ results }) => results[0]?.outcome),
      ['complete', 'complete', 'complete'],
    );
    const signers = await Promise.all(sets.map(async (set) => (await manifestsOf(host.place(set)))[0]?.signer));
    assert.equal(new Set(signers).size, 1);
  });

  it('of another prefix, as on a cloned machine: set aside with its state, never used', async () => {
    using host = await withChain();
    const { config } = host;
    const theirs = readFileSync(join(host.identity, 'identity.json'), 'utf8');
    writeFileSync(join(host.identity, 'identity.json'), theirs.replace(`"${HOST}"`, '"purr"'));
    const { result, notices } = await host.good();
    assert.ok(notices.some((text) => text.includes('is of purr')));
    assert.equal(result.manifest?.prefix, config.host);
    const aside = readdirSync(host.identity).filter((name) => name.startsWith('set-aside-'));
    assert.equal(aside.length, 1);
    const kept = readFileSync(join(host.identity, aside[0] ?? '', 'identity.json'), 'utf8');
    assert.ok(kept.includes('"purr"'));
    await host.assertSound();
  });

  it('state of another prefix is not used', async () => {
    using host = await withChain();
    const tree = treeOf(host.source);
    host.config = { ...host.config, host: 'purr' };
    const [result] = (await host.run({ standalone: true })).results;
    assert.equal(result?.outcome, 'complete');
    assert.equal(result?.manifest?.actual, 'full');
    assert.equal(result?.manifest?.sequence, 1);
    assert.equal(result?.manifest?.prefix, 'purr');
    assertSameTree(treeOf(host.source), tree);
  });
});
