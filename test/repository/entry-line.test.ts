import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BytePath } from '../../contract/byte-path.ts';
import { decodeLine, ENTRY_TYPES, type Entry, encodeEntry } from '../../contract/entry.ts';
import { readLine } from '../../repository/entry-line.ts';

const bytePath = fc
  .oneof(
    fc.string({ minLength: 1 }),
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map((b) => Buffer.from(b).toString('latin1')),
  )
  .map((text) => Buffer.from(text, 'latin1').toString('latin1') as BytePath);
const count = fc.oneof(fc.nat(), fc.maxSafeNat());
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('base64'));
const location = fc.record(
  { source: count, part: count, frameOffset: count, frameLength: count, offset: count, length: count, digest },
  { requiredKeys: ['source', 'part', 'frameOffset', 'frameLength', 'offset', 'length'] },
);
const entry: fc.Arbitrary<Entry> = fc.record(
  {
    path: bytePath,
    root: fc.constantFrom('/' as const, '.stage' as const),
    type: fc.constantFrom(...ENTRY_TYPES),
    mode: fc.nat(0o7777),
    uid: fc.nat(),
    gid: fc.constantFrom(0, 2 ** 32 - 1),
    mtime: fc.tuple(fc.integer(), fc.nat(999_999_999)).map(([s, n]) => `${s}.${String(n).padStart(9, '0')}`),
    user: bytePath,
    group: bytePath,
    size: count,
    target: bytePath,
    link: bytePath,
    hash: digest,
    device: fc.tuple(fc.nat(), fc.nat()),
    data: fc.array(fc.tuple(count, count), { maxLength: 3 }),
    locations: fc.array(location, { maxLength: 4 }),
    error: fc.constantFrom('EACCES', 'EIO'),
    stale: fc.constant(true as const),
    unstable: fc.constant(true as const),
  },
  { requiredKeys: ['path', 'root', 'type', 'mode', 'uid', 'gid', 'mtime'] },
) as fc.Arbitrary<Entry>;

/** What came of it, so that two ways can be compared. */
function outcome(read: typeof decodeLine, line: Uint8Array): unknown {
  try {
    return read(line);
  } catch (error) {
    return (error as { code?: string }).code ?? error;
  }
}

function agree(text: string): void {
  const line = Buffer.from(text);
  assert.deepEqual(outcome(readLine, line), outcome(decodeLine, line), text);
}

test('every entry is read as the schema reads it', () => {
  fc.assert(
    fc.property(entry, (one) => {
      for (const line of encodeEntry(one).split('\n').slice(0, -1)) agree(line);
    }),
    { numRuns: 500 },
  );
});

test('lines that are almost entries are judged as the schema judges them', () => {
  const values = fc.oneof(
    fc.constantFrom<unknown>(null, true, -1, -0, 1.5, 2 ** 53, 2 ** 32, 4096, '', 'x', '\u00e4', '\ud800', [], {}, '/'),
    fc.constantFrom<unknown>([[0, 0, 0, 1, 0, 1]], [[0, 0, 0, 1, 0]], [[0, 0, 0, 1, 0, 1, 'A'.repeat(43)]], [0], [[]]),
    fc.constantFrom<unknown>('0.000000000', '1.5', `${'A'.repeat(43)}=`, 'file', 'char', '.stage', { length: 6 }),
  );
  const keys = [
    'path',
    'path64',
    'root',
    'type',
    'mode',
    'uid',
    'mtime',
    'size',
    'hash',
    'locations',
    'user',
    'user64',
  ];
  const changes = fc.array(fc.tuple(fc.constantFrom(...keys, 'link', 'more', '__proto__', 'unknown'), values), {
    maxLength: 2,
  });
  fc.assert(
    fc.property(entry, changes, (one, changed) => {
      const line = JSON.parse(encodeEntry(one).split('\n')[0] ?? '');
      const fields = [...Object.entries(line), ...changed.map(([key, value]) => [key, value] as const)];
      const text = fields.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',');
      agree(`{${text}}`);
    }),
    { numRuns: 2000 },
  );
});

test('lines that are no entries', () => {
  for (const text of [
    '',
    'null',
    '[]',
    '1',
    '"path"',
    '{',
    '{}',
    '{"more":[]}',
    '{"more":[[0,0,0,1,0,1]]}',
    '\ufeff{}',
  ])
    agree(text);
  const line = Buffer.from('{"path":"\xff"}', 'latin1');
  assert.equal(outcome(readLine, line), 'listing-invalid');
});
