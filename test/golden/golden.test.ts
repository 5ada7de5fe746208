/**
 * Every released format restores for ever: the frozen repositories, with today's code and by the command line alone,
 * hold what was written down when they were made.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ended, offsite, oneDocument } from '../helpers/offsite.ts';
import { type Listed, listingOf } from './listing.ts';

type Expected = Record<string, { type: string; outcome: string; entries: Record<string, Listed> }>;

const work = mkdtempSync(join(tmpdir(), 'golden-'));
after(() => rmSync(work, { recursive: true, force: true }));
const isRoot = process.geteuid?.() === 0;

for (const version of ['v1']) {
  describe(`repository ${version}`, () => {
    const top = join(import.meta.dirname, version);
    const expected = JSON.parse(readFileSync(join(top, 'expected.json'), 'utf8')) as Expected;
    const believed = ['--store', `file://${join(top, 'store')}`, '--key', join(top, 'keys/private.asc')];
    const ids = Object.keys(expected);

    test('lists its runs; the newest is the suspect one that was accepted', async () => {
      const said = ended(await offsite(['runs', '--json', ...believed]), 0);
      const { runs } = oneDocument<{ runs: Record<string, unknown>[] }>(said);
      assert.deepEqual(
        runs.map(({ run, type, outcome, accepted, certified }) => [run, type, outcome, accepted, certified]),
        Object.entries(expected).map(([run, { type, outcome }]) => [run, type, outcome, true, true]),
      );
      const ls = ended(await offsite(['ls', 'latest', '--json', ...believed]), 0);
      assert.equal(oneDocument(ls).run, ids.at(-1));
    });

    for (const run of ids) {
      test(`run ${run} restores to what was written down`, async () => {
        const target = join(work, run);
        const said = await offsite(['restore', run, '--json', '--to', target, ...believed]);
        const { errors, verified } = oneDocument<{ errors: unknown[]; verified: boolean }>(ended(said, 0));
        assert.deepEqual([errors, verified], [[], true]);
        const [found, wanted] = [listingOf(target), expected[run]?.entries ?? {}];
        assert.deepEqual(Object.keys(found), Object.keys(wanted));
        for (const [path, entry] of Object.entries(wanted)) assertSame(found[path], entry, path);
      });
    }

    test('verifies down to the content', async () => {
      const said = ended(await offsite(['verify', '--all', '--read-data', '--json', ...believed]), 0);
      const { verified, runs } = oneDocument<{ verified: boolean; runs: { report: { level: string } }[] }>(said);
      assert.deepEqual([verified, runs.length, runs[0]?.report.level], [true, ids.length, 'content']);
    });

    test('is small, and holds what makes it worth keeping', () => {
      const bytes = readdirSync(top, { recursive: true, withFileTypes: true })
        .filter((one) => one.isFile())
        .reduce((sum, one) => sum + statSync(join(one.parentPath, one.name)).size, 0);
      assert.ok(bytes < 300_000, `${bytes} bytes`);
      const entries = Object.entries(expected[ids[0] ?? '']?.entries ?? {});
      const has = (what: (path: string, entry: Listed) => boolean) =>
        assert.ok(entries.some(([path, entry]) => what(path, entry)));
      has((path) => path.includes('\n'));
      has((path) => path.endsWith('/caf\xe9'));
      has((path) => path === '.stage/cats.sql');
      has((_, { link }) => link !== undefined);
      has((_, { target }) => target !== undefined);
      has((_, { size }) => size === 0);
      has((path, { size }) => path.endsWith('/sparse') && size === 1_500_000);
      has((path, { size = 0 }) => path.endsWith('/several chunks') && size > 2_000_000);
    });
  });
}

function assertSame(found: Listed | undefined, wanted: Listed, path: string): void {
  const { mtime, mode, ...rest } = wanted;
  const { mtime: time, mode: bits, ...others } = found ?? { mtime: null, mode: '' };
  assert.deepEqual(others, rest, path);
  // Set-id bits go with the owner, which only root can set.
  if (isRoot || !/^[2-7]/.test(mode)) assert.equal(bits, mode, path);
  // To a microsecond: that is how far Node can set times.
  if (mtime !== null) assert.ok(Math.abs(Number(time) - Number(mtime)) < 2e-6, `${path}: ${time} instead of ${mtime}`);
}
