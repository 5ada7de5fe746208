/** Mends of the agent that a later session made, each seen failing without them. */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { pathFromText } from '../../../contract/byte-path.ts';
import type { Location } from '../../../contract/entry.ts';
import { parseObjectKey } from '../../../contract/keys.ts';
import type { ListingChunk } from '../../../contract/run-index.ts';
import type { ChunkTable } from '../../../host-agent/engine/chunk-table.ts';
import type { ContentStore } from '../../../host-agent/engine/content-store.ts';
import { digestOf } from '../../../host-agent/engine/dedup.ts';
import { ListingWriter } from '../../../host-agent/engine/listing.ts';
import { openIdentity } from '../../../host-agent/identity.ts';
import { adoptedOf, assertSound, manifestsOf } from '../../helpers/agent-check.ts';
import type { Saboteur } from '../../helpers/agent-faults.ts';
import { AgentHost } from '../../helpers/agent-host.ts';
import { ProcessHost, saidRun } from '../../helpers/agent-process.ts';
import { noise } from '../../helpers/agent-random.ts';

const work = mkdtempSync(join(tmpdir(), 'offsite-mended-'));
after(() => rmSync(work, { recursive: true, force: true }));

describe('parts of an earlier attempt', () => {
  const dieBeforeIndex: Saboteur = {
    before: ({ name, path }) => (name === 'put' && path.includes('/index-') ? 'die' : undefined),
  };
  /** A full that died when all its parts were in the store; their keys. */
  async function unfinished(host: AgentHost): Promise<string[]> {
    host.write(Object.fromEntries([1, 2, 3].map((n) => [`file-${n}`, noise(`mended ${n}`, 6_000_000)] as const)));
    const { died } = await host.run({ type: 'full', standalone: true, saboteur: dieBeforeIndex });
    assert.ok(died);
    const parts: string[] = [];
    for await (const { key } of host.store.list('data/')) if (parseObjectKey(key)?.kind === 'data') parts.push(key);
    return parts;
  }
  const newest = async (host: AgentHost) => (await manifestsOf(host.place())).at(-1)?.manifest;

  test('are adopted while the store still has them', async () => {
    using host = new AgentHost({}, { partSize: '8MiB' });
    const parts = await unfinished(host);
    assert.ok(parts.length >= 3, parts.join('\n'));
    await host.good({ type: 'full', standalone: true });
    const manifest = await newest(host);
    assert.ok(manifest !== undefined && adoptedOf(manifest).length >= 2);
    await host.assertSound();
  });

  test('are made anew where the store has them no more, or not as they were, if it may be asked', async () => {
    for (const damage of ['one gone', 'one cut', 'all gone']) {
      using host = new AgentHost({}, { partSize: '8MiB' });
      const parts = await unfinished(host);
      const [first = ''] = parts;
      if (damage === 'one cut') host.store.overwrite(first, (await host.store.get(first)).body.subarray(1));
      else for (const key of damage === 'all gone' ? parts : [first]) host.store.remove(key);
      // What was cut keeps its name: it must not be named again.
      await host.good({ type: 'full', standalone: true });
      const manifest = await newest(host);
      assert.ok(manifest !== undefined && !manifest.objects.some(([key]) => key === first), damage);
      await assertSound(host.place());
      await host.assertRestorable();
    }
  });
});

describe('chunks of a listing that may be taken over', () => {
  /** A store of listing parts that keeps what it is given, for the run that stands at `source`. */
  function keep(source: number) {
    const stored: string[] = [];
    const places: Location[] = [];
    const put = (bytes: Uint8Array): number => {
      const [offset, { length }] = [stored.length, bytes];
      stored.push(digestOf(bytes));
      return places.push({ source, part: 0, frameOffset: 0, frameLength: 1, offset, length }) - 1;
    };
    const table = { location: (chunk: number) => places[chunk] } as unknown as ChunkTable;
    return { stored, table, store: { put, closeFrame: () => undefined } as unknown as ContentStore };
  }
  const LINES = 420;
  /** 25 MB of lines that compress to half; `changed` is what the last one says. */
  const lines = Array.from({ length: LINES }, (_, i) => `${noise(`listing ${i}`, 30_000).toString('hex')}\n`);
  const write = (writer: ListingWriter, last: string): ListingChunk[] => {
    for (const [i, line] of [...lines, `${last}\n`].entries()) {
      writer.add(pathFromText(`f${String(i).padStart(5, '0')}`), Buffer.from(line));
    }
    return writer.finish().chunks;
  };
  const asBase = (chunks: ListingChunk[]) => ({ chunks, begins: chunks.map(() => true), lines: () => assert.fail() });
  /** As runs before left it: lines in the parts of eight incrementals, as many in each, and a few in the full's. */
  function before(): ListingChunk[] {
    const { store, table } = keep(1);
    const chunks = write(new ListingWriter(store, table, null), 'before');
    const each = Math.floor((chunks.length - 1) / 8);
    return chunks.map(([location, ...rest], i): ListingChunk => {
      const [, ...place] = location;
      return [[i < each * 8 ? 1 + (i % 8) : 0, ...place], ...rest];
    });
  }

  test('are held back compressed: 25 MB of them fit, and are stored with what is new, byte for byte', () => {
    const base = before();
    const { store, table, stored } = keep(9);
    const chunks = write(new ListingWriter(store, table, asBase(base)), 'after');
    const from = (source: number) => chunks.filter(([[at]]) => at === source).length;
    assert.ok(from(9) > LINES / 2);
    assert.equal(from(0) + from(9), chunks.length, 'none stays where it was');
    for (const [[source, , , , at], digest] of chunks) if (source === 9) assert.equal(stored[at], digest);
  });

  test('stay where they are where nothing is new', () => {
    const base = before();
    const { store, table, stored } = keep(9);
    assert.deepEqual(write(new ListingWriter(store, table, asBase(base)), 'before'), base);
    assert.deepEqual(stored, []);
  });
});

describe('an error of a job', () => {
  test('names its code, the run and the set, and no path of the host; without a job it names the path', async () => {
    using host = await ProcessHost.make();
    host.write({ there: 'x' });
    host.configure({ paths: [host.source, join(host.source, 'secret-folder')] });
    for (const plain of [true, false]) {
      const said = await host.backup({ plain });
      assert.equal(said.code, 1);
      assert.doesNotMatch(`${said.out}${said.err}`, /secret-folder|agent-process-/);
      assert.match(`${said.out}${said.err}`, /source-missing/);
      if (!plain) assert.equal(saidRun(said).error?.code, 'source-missing');
    }
    const byHand = await host.backup({ words: [] });
    assert.match(byHand.err, /secret-folder/);
    assert.match(saidRun(byHand).error?.message ?? '', /secret-folder/);
  });
});

describe('agents that begin at once without a signing key', () => {
  const now = new Date('2026-05-01T00:00:00Z');
  const open = (folder: string, prefix: string) =>
    openIdentity(folder, { prefix, host: 'carcosa' }, now, () => undefined);

  test('make one, and all have it', async () => {
    const folder = join(work, 'new');
    const identities = await Promise.all(Array.from({ length: 4 }, () => open(folder, 'carcosa')));
    assert.equal(new Set(identities.map(({ signingKey }) => signingKey.fingerprint)).size, 1);
    assert.equal(identities.filter(({ isNew }) => isNew).length, 1);
    assert.equal((await open(folder, 'carcosa')).signingKey.fingerprint, identities[0]?.signingKey.fingerprint);
    assert.equal(existsSync(join(folder, 'locks/.identity.lock')), false);
  });

  test('set another prefix’s aside once, and make one', async () => {
    const folder = join(work, 'cloned');
    const { signingKey: old } = await open(folder, 'carcosa');
    const identities = await Promise.all(Array.from({ length: 4 }, () => open(folder, 'purr')));
    const fingerprints = new Set(identities.map(({ signingKey }) => signingKey.fingerprint));
    assert.deepEqual([fingerprints.size, fingerprints.has(old.fingerprint)], [1, false]);
    assert.equal(readdirSync(folder).filter((name) => name.startsWith('set-aside-')).length, 1);
  });
});
