/** Cases that a review of the agent found, each first seen failing. */

import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type BytePath, pathFromText } from '../../../contract/byte-path.ts';
import { decodeLine } from '../../../contract/entry.ts';
import { MIN_PART_SIZE, parseHostConfig } from '../../../contract/host-config.ts';
import { planBudget } from '../../../host-agent/engine/budget.ts';
import { ChunkTable } from '../../../host-agent/engine/chunk-table.ts';
import { Crew } from '../../../host-agent/engine/crew.ts';
import type { CrewSettings } from '../../../host-agent/engine/crew-settings.ts';
import { digestOf } from '../../../host-agent/engine/dedup.ts';
import { EntryStore } from '../../../host-agent/engine/entry-store.ts';
import { type LinePorts, LineQueue } from '../../../host-agent/engine/lines.ts';
import { partSizeOf } from '../../../host-agent/engine/part-sizes.ts';
import type { PartUploads } from '../../../host-agent/engine/part-uploads.ts';
import { RunTally } from '../../../host-agent/engine/tally.ts';
import { Uploads } from '../../../host-agent/engine/uploads.ts';
import { compileExcludes } from '../../../host-agent/source/exclude.ts';
import { lookAt } from '../../../host-agent/source/file-stat.ts';
import { Gates } from '../../../host-agent/source/gates.ts';
import { HOLE, OpenFile, openRegularFile } from '../../../host-agent/source/read-file.ts';
import type { Found } from '../../../host-agent/source/scan.ts';
import { stage } from '../../../host-agent/source/stage.ts';
import { newSessionKey } from '../../../pgp/session-key-value.ts';

const work = mkdtempSync(join(tmpdir(), 'offsite-reviewed-'));
after(() => rmSync(work, { recursive: true, force: true }));

const setOf = (set: object) => {
  const config = parseHostConfig({ store: 'file:///s', recipients: ['r'], sets: { data: set } }, 'config.yml');
  const { data } = config.sets;
  assert.ok(data !== undefined);
  return data;
};

function open(file: string): OpenFile {
  const opened = openRegularFile(file);
  assert.ok(opened instanceof OpenFile);
  return opened;
}

describe('staging', () => {
  test('a scripts folder without any script fails, though the set has paths too', async () => {
    const scripts = join(work, 'scripts');
    mkdirSync(scripts);
    writeFileSync(join(scripts, '10-dump.bak'), '#!/bin/sh\n', { mode: 0o755 });
    const staging = stage(setOf({ scripts, paths: ['/etc'] }), join(work, 'state/stage'), {
      onEnd: () => undefined,
      showsOutput: true,
    });
    await assert.rejects(staging, { code: 'stage-empty' });
  });

  test('a staging folder that cannot be made anew fails', async () => {
    writeFileSync(join(work, 'no-folder'), '');
    const staging = stage(setOf({ commands: { a: 'echo a' } }), join(work, 'no-folder/stage'), {
      onEnd: () => undefined,
      showsOutput: true,
    });
    await assert.rejects(staging, { code: 'stage-failed' });
  });
});

test('a name of a linked file that is replaced before it is opened does not lend its content to the other names', async () => {
  const [a, y] = [join(work, 'a'), join(work, 'y')];
  writeFileSync(a, 'the old one');
  linkSync(a, y);
  const foundAt = (name: string): Found => ({
    path: pathFromText(name),
    root: '/',
    file: join(work, name),
    stat: lookAt(join(work, name)),
  });
  const [first, second] = [foundAt('a'), foundAt('y')];
  writeFileSync(join(work, 'new'), 'another');
  renameSync(join(work, 'new'), a);
  const listed: { path: string; hash: string | undefined }[] = [];
  const key = newSessionKey(Buffer.alloc(32, 1));
  const chunks = new ChunkTable();
  const settings: CrewSettings = {
    seed: Buffer.alloc(32, 2),
    chunks: chunks.shared,
    frames: { level: 3, source: 0, verifyAll: true },
    partSizes: { first: 2 ** 20, most: 2 ** 20 },
    numbers: new SharedArrayBuffer(4),
    sessionKey: key.reveal(),
    packets: Buffer.alloc(0),
  };
  await using crew = new Crew(() => settings, { threads: 2, memories: 2 });
  const lines = new LineQueue({
    chunks,
    listing: {
      add: (_: BytePath, bytes: Uint8Array) => {
        const decoded = decodeLine(bytes.subarray(0, -1));
        if ('entry' in decoded) listed.push({ path: decoded.entry.path, hash: decoded.entry.hash });
      },
    } as unknown as LinePorts['listing'],
    state: { add: () => undefined } as unknown as LinePorts['state'],
    gates: new Gates(setOf({ paths: ['/d'] })),
    tally: new RunTally(() => undefined),
  });
  const entries = new EntryStore(lines, {
    crew,
    parts: { start: () => undefined } as unknown as PartUploads,
    uploads: new Uploads(2),
    settledBefore: 0n,
    names: { user: () => undefined, group: () => undefined },
    tally: new RunTally(() => undefined),
    onRead: () => undefined,
  });
  entries.store(first, null);
  entries.store(second, null);
  await entries.finish();
  assert.deepEqual(listed, [
    { path: 'a', hash: digestOf(Buffer.from('another')) },
    { path: 'y', hash: digestOf(Buffer.from('the old one')) },
  ]);
});

describe('reading', () => {
  test('a long hole is handed out in stretches, so that nobody waits for its end', () => {
    const file = join(work, 'hole');
    writeFileSync(file, '');
    truncateSync(file, 100 * 2 ** 20);
    const opened = open(file);
    const buffer = Buffer.alloc(2 ** 17);
    let stretches = 0;
    while (opened.read(buffer, 0, buffer.length) === HOLE) stretches++;
    assert.ok(stretches >= 10, `${stretches} stretches`);
    assert.equal(opened.position, 100 * 2 ** 20);
    assert.deepEqual(opened.data, []);
    assert.ok(opened.isUnchanged());
    opened.close();
  });

  test('ends at the size that the file had when it was opened', () => {
    const file = join(work, 'growing');
    writeFileSync(file, 'x'.repeat(1000));
    const opened = open(file);
    const buffer = Buffer.alloc(600);
    let total = 0;
    for (let count = opened.read(buffer, 0, 600); count > 0; count = opened.read(buffer, 0, 600)) {
      total += count;
      writeFileSync(file, 'y'.repeat(500), { flag: 'a' });
    }
    assert.equal(total, 1000);
    assert.equal(opened.isUnchanged(), false);
    opened.close();
  });
});

test('a configured path in an excluded folder is backed up, the rest of the folder is not', () => {
  const path = (text: string) => pathFromText(text) as BytePath;
  const excluded = compileExcludes(['cache/', '*.tmp'], [path('d'), path('d/cache/ke*ep')]);
  assert.equal(excluded(path('d/cache'), true), true);
  assert.equal(excluded(path('d/cache/other'), false), true);
  assert.equal(excluded(path('d/cache/ke*ep/file'), false), false);
  assert.equal(excluded(path('d/cache/ke*ep/file.tmp'), false), true);
  assert.equal(excluded(path('d/cache/ke*ep/cache'), true), true);
  assert.equal(excluded(path('d/file'), false), false);
});

test('a required file that could not be read does not pass its gate', () => {
  const gates = new Gates(setOf({ paths: ['/d'], expect: { require: ['d/*.sql'] } }));
  gates.see(pathFromText('d/a.sql'), 'file', 10, false);
  const results = gates.results({ files: 1, bytes: 10 }, null);
  assert.deepEqual(
    results.filter(({ ok }) => !ok).map(({ gate }) => gate),
    ['path:1', 'require:1'],
  );
});

test('parts grow with their number, as far as memory allows', () => {
  const options = { memory: 2e9, partSize: 32 * 2 ** 20, lastRunBytes: 0, store: 's3://b' };
  const { partSizes, memories, threads } = planBudget(options, 2);
  assert.equal(partSizeOf(partSizes, 0), 32 * 2 ** 20);
  assert.equal(partSizeOf(partSizes, 10_000), 64 * 2 ** 20);
  assert.ok(partSizeOf(partSizes, 190_000) * memories * threads <= 2e9);
});

test('memory is shared out among as many threads as have room for it', () => {
  for (const cores of [1, 2, 3, 4, 64]) {
    for (const memory of [200e6, 250e6, 350e6, 500e6, 2e9]) {
      const { threads, memories, partSizes, uploads } = planBudget(
        { memory, partSize: 32 * 2 ** 20, lastRunBytes: 0, store: 'file:///store' },
        cores,
      );
      assert.ok(threads >= 1 && threads <= Math.min(cores, 4));
      assert.ok(partSizes.first >= MIN_PART_SIZE && uploads >= 1);
      assert.ok(threads * memories * partSizes.most < memory);
    }
  }
  // What else there is was measured: so much may be left for parts at the default, however many a run has.
  for (const [store, cores, threads, mostForParts] of [
    ['file:///store', 4, 3, 66e6],
    ['file:///store', 2, 2, 121e6],
    ['s3://bucket', 4, 2, 91e6],
  ] as const) {
    const budget = planBudget({ memory: 350e6, partSize: 32 * 2 ** 20, lastRunBytes: 0, store }, cores);
    assert.equal(budget.threads, threads);
    assert.ok(threads * budget.memories * budget.partSizes.most < mostForParts, `${store}, ${cores} cores`);
  }
  assert.throws(() => planBudget({ memory: 150e6, partSize: 2 ** 25, lastRunBytes: 0, store: 'file:///store' }, 2), {
    code: 'memory-too-small',
  });
});
