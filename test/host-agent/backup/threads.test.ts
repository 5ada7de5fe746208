/** Backups with enough to do for threads: what they share, what they put together, and their end. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, linkSync, openSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { FileOutcome } from '../../../host-agent/engine/batch.ts';
import { ChunkTable } from '../../../host-agent/engine/chunk-table.ts';
import { SEGMENT } from '../../../host-agent/engine/chunker.ts';
import { SegmentedFile } from '../../../host-agent/engine/segments.ts';
import { adoptedOf, manifestsOf, treeOf } from '../../helpers/agent-check.ts';
import { AgentHost } from '../../helpers/agent-host.ts';
import { ProcessHost, saidRun } from '../../helpers/agent-process.ts';
import { noise } from '../../helpers/agent-random.ts';

const MIB = 2 ** 20;

describe('the table of chunks', () => {
  it('is one for all threads: each chunk is new to one of them, and all find where it lies', async () => {
    const table = new ChunkTable();
    const count = 20_000;
    const threads = [0, 1, 2].map(async (i) => {
      const workerData = { shared: table.shared, from: i * 4001, count };
      const worker = new Worker(new URL('../../helpers/chunk-table-thread.ts', import.meta.url), { workerData });
      return await new Promise<number[]>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    });
    const isNew = (await Promise.all(threads)).flat();
    assert.equal(table.size, count);
    assert.deepEqual(
      isNew.sort((one, other) => one - other),
      [...Array(count).keys()],
    );
    for (let name = 0; name < count; name += 97) {
      const digest = createHash('sha256').update(`chunk ${name}`).digest();
      const chunk = table.find(digest.toString('latin1'), name);
      assert.ok(chunk !== undefined && table.isLocated(chunk) && table.digest(chunk).equals(digest));
      const expected = { source: 1, part: 2, frameOffset: 3, frameLength: name + 1, offset: 4, length: name };
      assert.deepEqual(table.location(chunk), expected);
    }
    assert.equal(table.find('x'.repeat(32), 1), undefined);
  });

  it('is filled from what another one gave', () => {
    const table = new ChunkTable();
    const digests = Array.from({ length: 9000 }, (_, i) => createHash('sha256').update(`${i}`).digest('binary'));
    for (const digest of digests) table.findOrAdd(digest, 5);
    const copy = new ChunkTable();
    const { records } = table;
    const half = records.length / 2;
    copy.fill([records.slice(0, half), records.slice(half)]);
    assert.equal(copy.size, 9000);
    for (const digest of digests) assert.equal(copy.findOrAdd(digest, 5).isNew, false);
    assert.equal(copy.findOrAdd(digests[0] ?? '', 6).isNew, true, 'identity is hash and size');
  });
});

describe('a file in segments', () => {
  const stat = { size: BigInt(2 * SEGMENT + 5) } as ConstructorParameters<typeof SegmentedFile>[0];
  const read = (chunks: number[], end: number, more: object = {}): FileOutcome => ({
    is: 'read',
    chunks,
    end,
    ...more,
  });

  it('is put together in order, whoever is done first', () => {
    const file = new SegmentedFile(stat);
    assert.equal(file.take(2 * SEGMENT, read([5], 2 * SEGMENT + 5)), undefined);
    assert.equal(file.take(0, read([1, 2], SEGMENT)), undefined);
    const joined = file.take(SEGMENT, read([3, 4], 2 * SEGMENT));
    assert.deepEqual(joined, { done: read([1, 2, 3, 4, 5], 2 * SEGMENT + 5) });
  });

  it('with holes has extents that go on across segments', () => {
    const file = new SegmentedFile(stat);
    file.take(
      0,
      read([1], SEGMENT, {
        data: [
          [0, 10],
          [SEGMENT - 100, 100],
        ],
      }),
    );
    file.take(SEGMENT, read([2], 2 * SEGMENT));
    const joined = file.take(2 * SEGMENT, read([], 2 * SEGMENT + 5, { data: [] }));
    const data = [
      [0, 10],
      [SEGMENT - 100, SEGMENT + 100],
    ];
    assert.deepEqual(joined, { done: read([1, 2], 2 * SEGMENT + 5, { data }) });
  });

  it('of which one is of another time is read again whole; one that cannot be read makes the file unreadable', () => {
    for (const [odd, done] of [
      [read([9], SEGMENT, { unstable: true }), null],
      [read([9], SEGMENT, { stat: {} }), null],
      [
        { is: 'unreadable', error: 'EIO' },
        { is: 'unreadable', error: 'EIO' },
      ],
      [{ is: 'replaced' }, { is: 'replaced' }],
    ] as [FileOutcome, FileOutcome | null][]) {
      const file = new SegmentedFile(stat);
      file.take(SEGMENT, read([2], 2 * SEGMENT));
      file.take(0, odd);
      assert.deepEqual(file.take(2 * SEGMENT, read([3], 2 * SEGMENT + 5)), { done });
    }
  });
});

/** Several batches, files in segments, holes across their borders, one file twice, and names of one file. */
function fill(host: { source: string; write(files: Record<string, string | Uint8Array>): void }): void {
  const files: Record<string, string | Uint8Array> = {};
  for (let i = 0; i < 900; i++) files[`small/${i % 30}/${i}`] = `${i % 700} `.repeat(i);
  for (let i = 0; i < 6; i++) files[`middle/${i}`] = noise(`middle ${i % 5}`, 3 * MIB + i * 1000);
  files['middle/a-copy'] = noise('middle 0', 3 * MIB);
  files['z/last'] = 'the last';
  host.write(files);
  linkSync(join(host.source, 'small/0/30'), join(host.source, 'a-name'));
  linkSync(join(host.source, 'small/0/30'), join(host.source, 'z/another-name'));
  writeFileSync(join(host.source, 'big'), noise('big', 70 * MIB));
  const sparse = join(host.source, 'sparse');
  const descriptor = openSync(sparse, 'w');
  for (const at of [3 * MIB, SEGMENT - MIB, 2 * SEGMENT + 17])
    writeSync(descriptor, noise(`at ${at}`, 2 * MIB), 0, 2 * MIB, at);
  closeSync(descriptor);
  truncateSync(sparse, 3 * SEGMENT + 1000);
}

describe('a backup with much to do', () => {
  it('comes back as it was; unchanged it stores nothing; an insertion at the front of a big file costs little', async () => {
    using host = new AgentHost();
    fill(host);
    const full = await host.good({ type: 'full' });
    const { counts } = full.result.manifest ?? {};
    assert.equal(counts?.files, 912);
    assert.ok((counts?.newBytes ?? 0) < 70 * MIB + 6 * 3 * MIB + 6 * MIB + 2 * MIB, 'a copy is stored once');
    await host.settle();
    await host.good();
    const same = await host.good();
    assert.equal(same.result.manifest?.counts.changedFiles, 0);
    assert.equal(same.result.manifest?.counts.newBytes, 0);
    writeFileSync(join(host.source, 'big'), Buffer.concat([Buffer.from('inserted'), noise('big', 70 * MIB)]));
    const inserted = await host.good();
    assert.ok(
      (inserted.result.manifest?.counts.newBytes ?? 0) < 24 * MIB,
      `${inserted.result.manifest?.counts.newBytes}`,
    );
    await host.assertSound();
  });

  it('whose store fails in the middle ends without an index, and nothing is left running', async () => {
    using host = new AgentHost();
    fill(host);
    let puts = 0;
    const before = ({ name, path }: { name: string; path: string }) =>
      name === 'put' && path.startsWith('data/') && ++puts >= 2 ? { errno: 'ENOSPC' } : undefined;
    const [failed] = (await host.run({ type: 'full', saboteur: { before } })).results;
    assert.equal(failed?.error?.code, 'store-full');
    const tree = treeOf(host.source);
    const [result] = (await host.run({ type: 'full' })).results;
    assert.equal(result?.outcome, 'complete');
    await host.assertNewest(tree);
  });

  it('that is stopped in the middle ends with its threads, and the same job ends it', async () => {
    using host = new AgentHost();
    fill(host);
    const [due, stop] = [host.nextDue(), new AbortController()];
    const before = ({ name, path }: { name: string; path: string }) => {
      if (name === 'put' && path.startsWith('data/')) stop.abort(new Error('SIGTERM'));
      return undefined;
    };
    const stopped = host.run({ type: 'full', due, signal: stop.signal, saboteur: { before } });
    await assert.rejects(stopped, { code: 'interrupted' });
    const { notices } = await host.good({ type: 'full', due });
    assert.ok(notices.some((text) => text.includes('it is continued')));
    await host.assertSound();
  });
});

describe('a process with threads', { concurrency: 2 }, () => {
  for (const [n, when] of [
    [4, 'before'],
    [7, 'after'],
  ] as const) {
    it(`killed ${when} put ${n} of a full: the next agent takes over the parts that are there`, async () => {
      using host = await ProcessHost.make();
      fill(host);
      const tree = treeOf(host.source);
      const killed = await host.backup({ type: 'full', faults: { dieAtPut: { n, when } } });
      assert.equal(killed.code, null, killed.err);
      const said = await host.backup({ type: 'full' });
      assert.equal(said.code, 0, said.err);
      host.trees.set(saidRun(said).run, tree);
      await host.assertSound();
      const adopted = adoptedOf((await manifestsOf(host.place)).at(-1)?.manifest ?? assert.fail('no manifest'));
      assert.equal(adopted.length > 0, n === 7, adopted.join());
    });
  }

  it('of which one meets a segment that cannot be read: partial, the file without content; then complete', async () => {
    using host = await ProcessHost.make();
    fill(host);
    const file = join(host.source, 'big');
    assert.ok(statSync(file).size > SEGMENT);
    const said = await host.backup({ type: 'full', faults: { failReading: { file, errno: 'EIO' } } });
    assert.equal(said.code, 3, said.out);
    assert.equal(saidRun(said).outcome, 'partial');
    await host.good({ type: 'full' });
    await host.assertSound();
  });

  it('of which one is gone fails, whatever the others wait for; then complete', async () => {
    using host = await ProcessHost.make();
    fill(host);
    const faults = { endThread: { file: join(host.source, 'middle/3') } };
    const said = await host.backup({ type: 'full', faults });
    assert.equal(said.code, 1, said.out);
    assert.equal(saidRun(said).outcome, 'failed');
    await host.good({ type: 'full' });
    await host.assertSound();
  });
});
