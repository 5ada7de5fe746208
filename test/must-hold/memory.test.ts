/** The memory budget, against a file much larger than it. */

import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Host } from './host.ts';

const GIB = 2 ** 30;

/** A file of bytes that neither compress nor repeat. */
function writeNoise(file: string, size: number): void {
  const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(4 * 2 ** 20);
  const descriptor = openSync(file, 'w');
  for (let written = 0; written < size; written += zeros.length) writeSync(descriptor, cipher.update(zeros));
  closeSync(descriptor);
}

test('a full backup of a 3 GiB file peaks under 350 MB', () => {
  using host = new Host(['/']);
  const tree = join(host.work, 'tree');
  mkdirSync(tree);
  writeNoise(join(tree, 'big'), 3 * GIB);
  host.configure({ data: { paths: [tree] } });
  const { json, peak } = host.backup();
  assert.equal(json.outcome, 'complete');
  assert.equal(json.newBytes, 3 * GIB);
  assert.ok(peak < 350e6, `the peak was ${Math.round(peak / 1e6)} MB`);
});
