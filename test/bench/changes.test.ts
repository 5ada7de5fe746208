/** What the benchmark does to a corpus: the share of it that was said, and nothing outside of it. */

import assert from 'node:assert/strict';
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { changePart, filesBelow } from '../../bench/changes.ts';
import { twoOf } from '../../bench/twice.ts';
import { Sandbox } from '../helpers/sandbox.ts';

/** 400 files in two directories, and links to what lies outside. */
function corpus(sandbox: Sandbox): string[] {
  for (const folder of ['a', 'b']) mkdirSync(sandbox.path(folder), { recursive: true });
  for (let i = 0; i < 400; i++) writeFileSync(sandbox.path(`${i % 2 === 0 ? 'a' : 'b'}/${i}`), `${i},`.repeat(999));
  symlinkSync(sandbox.outside, sandbox.path('a/outside'));
  symlinkSync(join(sandbox.outside, 'precious'), sandbox.path('b/precious'));
  return filesBelow(sandbox.target);
}

test('links are not followed: what lies outside of the corpus is none of it', () => {
  using sandbox = new Sandbox();
  const files = corpus(sandbox);
  assert.equal(files.length, 400);
  assert.deepEqual(files, files.toSorted());
  changePart(files, 1, 'all of them');
  assert.equal(readFileSync(join(sandbox.outside, 'precious'), 'utf8'), 'do not touch');
});

test('about one file in so many is written anew, as large as it was, the same ones for the same seed', () => {
  const changedOf = (oneIn: number, seed: string) => {
    using sandbox = new Sandbox();
    const files = corpus(sandbox);
    const before = new Map(files.map((file) => [file, readFileSync(file)]));
    changePart(files, oneIn, seed);
    assert.ok(files.every((file) => statSync(file).size === before.get(file)?.length));
    return files
      .filter((file) => !before.get(file)?.equals(readFileSync(file)))
      .map((file) => file.slice(sandbox.target.length));
  };
  const twentieth = changedOf(20, 'x');
  assert.ok(twentieth.length > 8 && twentieth.length < 40, `${twentieth.length}`);
  assert.deepEqual(changedOf(20, 'x'), twentieth);
  assert.notDeepEqual(changedOf(20, 'y'), twentieth);
  assert.equal(changedOf(1, 'x').length, 400);
});

test('the second corpus is as large and as compressible as the first, and has nothing of it', () => {
  using sandbox = new Sandbox();
  const sizes = corpus(sandbox).map((file) => statSync(file).size);
  linkSync(sandbox.path('a/0'), sandbox.path('a/again'));
  const folder = twoOf(sandbox.target);
  const [one, other] = ['one', 'other'].map((name) => filesBelow(join(folder, name))) as [string[], string[]];
  assert.deepEqual(
    one.map((file) => file.slice(join(folder, 'one').length)),
    other.map((file) => file.slice(join(folder, 'other').length)),
  );
  assert.equal(one.length, sizes.length + 1);
  const contents = new Set(one.map((file) => readFileSync(file, 'latin1')));
  for (const [i, file] of other.entries()) {
    const [here, there] = [readFileSync(one[i] ?? ''), readFileSync(file)];
    assert.ok(!contents.has(there.toString('latin1')), file);
    assert.equal(there.length, here.length);
    assert.ok(Math.abs(gzipSync(there).length - gzipSync(here).length) <= 16, file);
  }
});
