/** Cases that a review of the agent found, each first seen failing. */

import assert from 'node:assert/strict';
import { linkSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type BytePath, pathFromText } from '../../../contract/byte-path.ts';
import { parseHostConfig } from '../../../contract/host-config.ts';
import { planBudget } from '../../../host-agent/engine/budget.ts';
import { type EntryPorts, storeEntry } from '../../../host-agent/engine/store-entry.ts';
import { RunTally } from '../../../host-agent/engine/tally.ts';
import { compileExcludes } from '../../../host-agent/source/exclude.ts';
import { Gates } from '../../../host-agent/source/gates.ts';
import { HOLE, OpenFile, openRegularFile } from '../../../host-agent/source/read-file.ts';
import type { Found } from '../../../host-agent/source/scan.ts';
import { stage } from '../../../host-agent/source/stage.ts';

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
    stat: lstatSync(join(work, name), { bigint: true }),
  });
  const [first, second] = [foundAt('a'), foundAt('y')];
  writeFileSync(join(work, 'new'), 'another');
  renameSync(join(work, 'new'), a);
  const read: string[] = [];
  const ports: EntryPorts = {
    settledBefore: 0n,
    lstatAgain: ({ path }) => foundAt(path),
    names: { user: () => undefined, group: () => undefined },
    reader: {
      read: async (file: OpenFile) => {
        const bytes = Buffer.alloc(100);
        const count = file.read(bytes, 0, 100);
        read.push(bytes.toString('utf8', 0, count));
        return { hash: read.at(-1), locations: [], data: undefined, size: count };
      },
    } as unknown as EntryPorts['reader'],
    tally: new RunTally(() => undefined),
  };
  const links = new Map();
  const done = [await storeEntry(first, null, links, ports), await storeEntry(second, null, links, ports)];
  assert.deepEqual(read, ['another', 'the old one']);
  assert.deepEqual(
    done.map((one) => one?.entry.hash),
    ['another', 'the old one'],
  );
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
  const { partSizeOf, uploads } = planBudget({ memory: 2e9, partSize: 32 * 2 ** 20, lastRunBytes: 0 });
  assert.equal(partSizeOf(0), 32 * 2 ** 20);
  assert.equal(partSizeOf(10_000), 64 * 2 ** 20);
  assert.ok(partSizeOf(190_000) * (2 + uploads) <= 2e9);
});
