/** What goes to threads and comes back: parts in memory that is used again, checked there and nowhere else. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BytePath } from '../../../contract/byte-path.ts';
import { planRestore, restore } from '../../../host-agent/restore.ts';
import { openDirectoryStore } from '../../../store/directory.ts';
import type { ObjectStore } from '../../../store/port.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun, type WrittenRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();
const PARTS = 12;

/** Parts of different sizes, with a file in each and one in all of them. */
async function manyParts(): Promise<{ written: WrittenRun; contents: Buffer[] }> {
  const made = new SyntheticRun(host);
  const contents = Array.from({ length: PARTS }, (_, i) => randomBytes(200_000 * (1 + ((i * 5) % PARTS))));
  const chunks = contents.map((content, i) => {
    if (i > 0) made.nextPart();
    return made.chunk(content);
  });
  made.add({ path: 'all' as BytePath, ...made.contentOf(chunks) });
  made.directory('d');
  for (const [i, chunk] of chunks.entries()) {
    made.add({ path: `d/file-${String(i).padStart(2, '0')}` as BytePath, ...made.contentOf([chunk]) });
  }
  return { written: await made.write(), contents };
}

/** The host's store in a folder, which reads into the memory that it is given. */
async function inFolder(sandbox: Sandbox): Promise<ObjectStore> {
  const folder = join(sandbox.root, 'store');
  mkdirSync(folder);
  const store = await openDirectoryStore(folder, { create: true });
  for await (const { key } of host.store.list('')) {
    await store.put(key, (await host.store.get(key)).body, { condition: 'absent' });
  }
  return store;
}

for (const kind of ['memory', 'folder'] as const) {
  for (const workers of [0, 1, 2, 4]) {
    test(`parts of many sizes from a store in ${kind}, with ${workers} threads and memory for few`, async () => {
      using sandbox = new Sandbox();
      const { written, contents } = await manyParts();
      const reader = await host.open(written.run, kind === 'folder' ? await inFolder(sandbox) : host.store);
      const plan = await planRestore(reader, []);
      const report = await restore({ reader, plan, target: sandbox.target, workers, memory: 6_000_000 });
      assert.deepEqual(report.errors, []);
      assert.equal(report.verified, true);
      assert.ok(readFileSync(sandbox.path('all')).equals(Buffer.concat(contents)));
      for (const [i, content] of contents.entries()) {
        assert.ok(readFileSync(sandbox.path(`d/file-${String(i).padStart(2, '0')}`)).equals(content), `file ${i}`);
      }
    });
  }
}

for (const workers of [0, 2]) {
  test(`a part with another hash is never decrypted, with ${workers} threads: its files are named`, async () => {
    using sandbox = new Sandbox();
    const { written, contents } = await manyParts();
    const [, , hurt = ''] = written.dataKeys;
    const { body } = await host.store.get(hurt);
    // A bit of the session-key packets, which no decryption would notice.
    body[20] = (body[20] ?? 0) ^ 1;
    host.store.overwrite(hurt, body);
    const reader = await host.open(written.run);
    const report = await restore({ reader, plan: await planRestore(reader, []), target: sandbox.target, workers });
    assert.deepEqual(report.errors.map(({ path, code }) => `${code} ${path}`).sort(), [
      'object-damaged all',
      'object-damaged d/file-02',
    ]);
    assert.ok(report.errors.every(({ message }) => message.includes(hurt) && message.includes('SHA-256')));
    assert.equal(report.files, PARTS - 1);
    assert.equal(sandbox.tree().all, undefined);
    assert.ok(readFileSync(sandbox.path('d/file-11')).equals(contents[11] ?? Buffer.of()));
  });
}
