/** The index, and the notes that a host leaves beside its manifests. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pathFromBytes, pathFromText } from '../../contract/byte-path.ts';
import { decodePath, encodePath, indexKind, type RunIndex } from '../../contract/run-index.ts';
import { aliveKind, skippedKind, startedKind } from '../../contract/run-notes.ts';
import { refused } from './samples.ts';

const RUN = '20260105T040000Z-0123456789ab';
const HASH = Buffer.alloc(32, 7).toString('base64');
const CHUNK = [[0, 3, 0, 900, 0, 16_000], HASH, 'etc', 80];

const SAMPLE = {
  type: 'offsite/index/1',
  format: 1,
  run: RUN,
  chain: RUN,
  sources: [[RUN, RUN, null]],
  seed: HASH,
  listing: [CHUNK, [[0, 3, 900, 800, 0, 15_000], HASH, { path64: 'Yf8=' }, 75]],
  counts: { files: 10, directories: 3, bytes: 100, changedFiles: 1, newBytes: 50, storedBytes: 60 },
  scripts: [{ name: '10-postgres', exitCode: null, seconds: 12, output: 'no such database\n' }],
  gates: [{ gate: 'path:1', about: '/etc', expected: 1, found: 10, ok: true }],
  warnings: [{ code: 'unstable', path: 'var/log/syslog', detail: '' }],
  moreWarnings: 0,
};
const parse = (change: object): RunIndex => {
  return indexKind.parseBytes(Buffer.from(JSON.stringify({ ...SAMPLE, ...change })), 'the sample');
};

it('an index is read', () => {
  assert.deepEqual(parse({}), SAMPLE);
  assert.deepEqual(parse({ listing: [] }).listing, []);
  refused('format-unknown', () => parse({ critical: ['salt'], salt: '' }));
  refused('format-unknown', () => parse({ type: 'offsite/index/2' }));
});

describe('a wrong index is refused', () => {
  const changes: [why: string, change: object][] = [
    ['no listing', { listing: undefined }],
    ['a chunk with a negative offset', { listing: [[[0, 3, -1, 900, 0, 1], HASH, 'etc', 80]] }],
    ['a chunk of seven numbers', { listing: [[[0, 3, 0, 900, 0, 1, 1], HASH, 'etc', 80]] }],
    ['a chunk without a digest', { listing: [[CHUNK[0], '', 'etc', 80]] }],
    ['a digest of which bits are lost', { listing: [[CHUNK[0], `${'A'.repeat(42)}B=`, 'etc', 80]] }],
    ['a chunk without a path', { listing: [[CHUNK[0], HASH, null, 80]] }],
    ['half a surrogate pair', { listing: [[CHUNK[0], HASH, '\ud800', 80]] }],
    ['a path64 that is none', { listing: [[CHUNK[0], HASH, { path64: 'Yf8' }, 80]] }],
    ['a path64 and more', { listing: [[CHUNK[0], HASH, { path64: 'Yf8=', path: 'a' }, 80]] }],
    ['a short seed', { seed: Buffer.alloc(16).toString('base64') }],
    ['a broken count', { moreWarnings: 0.5 }],
    ['sources that are none', { sources: [[RUN, RUN]] }],
  ];
  for (const [why, change] of changes) it(why, () => refused('document-invalid', () => parse(change), /the sample/));

  it('also where it is larger than any', () => {
    refused('document-too-large', () => indexKind.parseBytes({ length: 2 ** 28 + 1 } as Buffer, 'the sample'));
  });
});

it('a path in a document comes back, UTF-8 or not', () => {
  const paths = fc.oneof(fc.uint8Array().map(pathFromBytes), fc.string({ unit: 'binary' }).map(pathFromText));
  fc.assert(fc.property(paths, (path) => assert.equal(decodePath(JSON.parse(JSON.stringify(encodePath(path)))), path)));
  assert.equal(encodePath(pathFromText('é')), 'é');
  assert.deepEqual(encodePath(pathFromBytes(Buffer.from([0x61, 0xff]))), { path64: 'Yf8=' });
});

describe('notes beside a manifest', () => {
  const at = '2026-01-05T04:00:00Z';
  const notes = [
    [startedKind, { type: 'offsite/started/1', format: 1, run: RUN, at, deadline: null }],
    [aliveKind, { type: 'offsite/alive/1', format: 1, run: RUN, at, bytes: 7, eta: at }],
    [skippedKind, { type: 'offsite/skipped/1', format: 1, run: RUN, at, by: RUN, since: at }],
  ] as const;
  for (const [kind, note] of notes) {
    it(kind.type, () => {
      assert.deepEqual(kind.parse(note, 'x'), note);
      refused('document-invalid', () => kind.parse({ ...note, run: 'latest' }, 'x'), /run/);
      refused('document-invalid', () => kind.parse({ ...note, at: 'now' }, 'x'), /at/);
      refused('document-too-large', () => kind.parseBytes(Buffer.alloc(4097), 'x'));
    });
  }
});
