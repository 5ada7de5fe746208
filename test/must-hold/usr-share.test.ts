/** A real tree of tens of thousands of files: backed up, restored and compared; unchanged; all times touched. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareTrees } from '../../demo/compare.ts';
import { Host } from './host.ts';

const TREE = '/usr/share';
let host: Host;
let copy: string;

before(() => {
  host = new Host(['/']);
  copy = join(host.work, 'tree');
  // A copy, because times will be touched; -a keeps links, modes, owners and times.
  assert.equal(spawnSync('cp', ['-a', TREE, copy]).status, 0);
  host.configure({ data: { paths: [copy] } });
});
after(() => host[Symbol.dispose]());

test('a full and its restore: contents, modes, owners, symlinks, hard links and times are equal', () => {
  const { json } = host.backup();
  assert.equal(json.outcome, 'complete');
  assert.equal(json.type, 'full');
  assert.ok(Number(json.files) > 10_000, `${TREE} has only ${json.files} files`);
  const target = join(host.work, 'restored');
  host.restore(target);
  assert.deepEqual(compareTrees(copy, join(target, copy)).differences, []);
});

test('an unchanged incremental stores less than 100 KiB and reads no file', () => {
  // The first one may read what was too young to be sure of.
  host.backup(['incremental']);
  const stored = host.storedBytes();
  const { json } = host.backup(['incremental']);
  assert.equal(json.type, 'incremental');
  assert.equal(json.changedFiles, 0);
  assert.equal(json.newBytes, 0);
  const grown = host.storedBytes() - stored;
  assert.ok(grown < 100 * 1024, `the store grew by ${grown} bytes`);
  assert.equal(Number(json.storedBytes) < 100 * 1024, true);
});

test('touching every time stores no content again', () => {
  assert.equal(spawnSync('sh', ['-c', `find ${copy} -type f -exec touch {} +`]).status, 0);
  const { json } = host.backup(['incremental']);
  assert.equal(json.type, 'incremental');
  assert.ok(Number(json.changedFiles) > 10_000);
  assert.equal(json.newBytes, 0);
});
