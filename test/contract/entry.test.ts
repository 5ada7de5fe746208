/** An entry's lines: whatever a file system can hold comes back, and no line of a hostile listing is believed. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type BytePath, pathFromBytes, pathFromText } from '../../contract/byte-path.ts';
import {
  decodeLine,
  ENTRY_TYPES,
  type Entry,
  encodeEntry,
  type Location,
  MAX_LOCATIONS_A_LINE,
} from '../../contract/entry.ts';
import { damages, isRefused, refused } from './samples.ts';

const bytePath = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map(pathFromBytes),
  fc.string({ unit: 'binary', minLength: 1 }).map(pathFromText),
);
const count = fc.maxSafeInteger().map(Math.abs);
const id = fc.nat({ max: 2 ** 32 - 1 });
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const location: fc.Arbitrary<Location> = fc.record(
  { source: count, part: count, frameOffset: count, frameLength: count, offset: count, length: count, digest: hash },
  { requiredKeys: ['source', 'part', 'frameOffset', 'frameLength', 'offset', 'length'], noNullPrototype: true },
);
const time = fc
  .tuple(fc.integer({ min: -(10 ** 14), max: 10 ** 14 }), fc.nat({ max: 999_999_999 }))
  .map(([seconds, nanoseconds]) => `${seconds}.${String(nanoseconds).padStart(9, '0')}`);
const REQUIRED = ['path', 'root', 'type', 'mode', 'uid', 'gid', 'mtime'] as const;

const entries = fc.record(
  {
    path: bytePath,
    root: fc.constantFrom('/', '.stage'),
    type: fc.constantFrom(...ENTRY_TYPES),
    mode: fc.nat({ max: 0o7777 }),
    uid: id,
    gid: id,
    user: bytePath,
    group: bytePath,
    mtime: time,
    size: count,
    target: bytePath,
    device: fc.tuple(id, id),
    xattrs: fc.array(
      fc.record(
        { name: bytePath, value: fc.uint8Array().map((bytes) => Buffer.from(bytes)) },
        { noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
    link: bytePath,
    data: fc.array(fc.tuple(count, count), { maxLength: 5 }),
    hash,
    locations: fc.array(location, { maxLength: 5 }),
    error: fc.constantFrom('EACCES', 'EIO'),
    stale: fc.constant(true as const),
    unstable: fc.constant(true as const),
  },
  { requiredKeys: [...REQUIRED], noNullPrototype: true },
) as fc.Arbitrary<Entry>;

/** What a reader of the listing puts together. */
function decode(text: string): Entry {
  assert.ok(text.endsWith('\n'));
  const [first, ...more] = text
    .slice(0, -1)
    .split('\n')
    .map((line) => decodeLine(Buffer.from(line)));
  assert.ok(first !== undefined && 'entry' in first);
  const { entry } = first;
  for (const line of more) {
    assert.ok('more' in line);
    entry.locations = [...(entry.locations ?? []), ...line.more];
  }
  return entry;
}

describe('any entry comes back', () => {
  it('whatever it is', () => {
    const property = fc.property(entries, (entry) => assert.deepEqual(decode(encodeEntry(entry)), entry));
    fc.assert(property, { numRuns: 1000 });
  });

  it('as the same bytes, in whatever order its keys were set', () => {
    const property = fc.property(entries, (entry) => {
      const lines = encodeEntry(entry);
      const turned = Object.fromEntries(Object.entries(entry).reverse()) as unknown as Entry;
      assert.equal(encodeEntry(turned), lines);
      assert.equal(encodeEntry({ ...entry, size: entry.size } as Entry), lines, 'undefined is absent');
      assert.equal(encodeEntry(decode(lines)), lines);
    });
    fc.assert(property);
  });

  it('in different bytes for different entries', () => {
    const property = fc.property(entries, entries, (one, other) => {
      assert.notEqual(encodeEntry(one), encodeEntry({ ...other, path: `${one.path}x` as BytePath }));
    });
    fc.assert(property);
  });

  for (const many of [MAX_LOCATIONS_A_LINE, MAX_LOCATIONS_A_LINE + 1, 3 * MAX_LOCATIONS_A_LINE + 7]) {
    it(`with ${many} locations, 4096 a line`, () => {
      const digest = Buffer.alloc(32, 7).toString('base64');
      const locations = Array.from({ length: many }, (_, i) => {
        return { source: 0, part: i, frameOffset: i * 3, frameLength: 100, offset: 0, length: 1, digest };
      });
      const entry = { ...SAMPLE, locations };
      const lines = encodeEntry(entry);
      assert.equal(lines.split('\n').length - 1, Math.ceil(many / MAX_LOCATIONS_A_LINE));
      assert.deepEqual(decode(lines), entry);
    });
  }

  it('sparse', () => {
    const entry: Entry = {
      ...SAMPLE,
      size: 2 ** 40,
      data: [
        [0, 4096],
        [2 ** 39, 1],
      ],
    };
    assert.deepEqual(decode(encodeEntry(entry)), entry);
  });

  it('names that are no UTF-8 are base64, all others are legible', () => {
    const name = pathFromBytes(Buffer.from([0x61, 0xff]));
    const xattrs = [{ name, value: Buffer.from([0]) }];
    const line = encodeEntry({ ...SAMPLE, path: name, target: name, user: name, group: name, link: name, xattrs });
    const fields = JSON.parse(line) as Record<string, unknown>;
    for (const field of ['path', 'target', 'user', 'group', 'link']) {
      assert.deepEqual([fields[field], fields[`${field}64`]], [undefined, 'Yf8=']);
    }
    assert.deepEqual(fields.xattrs, [{ name64: 'Yf8=', value: 'AA==' }]);
    assert.match(encodeEntry({ ...SAMPLE, path: pathFromText('ä\n"/b') }), /^\{"path":"ä\\n\\"\/b",/);
  });
});

const SAMPLE: Entry = {
  path: pathFromText('etc/hosts'),
  root: '/',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: '1700000000.123456789',
};
const LINE = JSON.parse(encodeEntry(SAMPLE)) as Record<string, unknown>;
const HASH = Buffer.alloc(32, 7).toString('base64');

it('the line of the format', () => {
  const locations = [{ source: 2, part: 7, frameOffset: 100, frameLength: 50, offset: 3, length: 9 }];
  assert.equal(
    encodeEntry({ ...SAMPLE, size: 9, hash: HASH, locations }),
    '{"path":"etc/hosts","root":"/","type":"file","mode":420,"uid":0,"gid":0,"mtime":"1700000000.123456789",' +
      `"size":9,"hash":"${HASH}","locations":[[2,7,100,50,3,9]]}\n`,
  );
});

it('keys of newer versions are passed over', () => {
  assert.deepEqual(decodeLine(Buffer.from(JSON.stringify({ ...LINE, birth: '1.000000000' }))), { entry: SAMPLE });
});

describe('hostile lines are refused', () => {
  const decodeRaw = (text: string | Buffer) => decodeLine(Buffer.from(text as string));
  const raw: [why: string, line: string | Buffer][] = [
    ['nothing', ''],
    ['no JSON', '{'],
    ['two in one', `${JSON.stringify(LINE)}${JSON.stringify(LINE)}`],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['null', 'null'],
    ['an array', '[]'],
    ['a text', '"etc"'],
    ['no entry', '{}'],
    ['an inherited path', JSON.stringify({ ...LINE, path: undefined }).replace('{', '{"__proto__":{"path":"etc"},')],
    ['nesting without end', `{"more":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ];
  for (const [why, line] of raw)
    it(why, () => refused('listing-invalid', () => decodeRaw(line), /a line of the listing/));

  const location = [0, 1, 0, 10, 0, 10];
  const changes: [why: string, change: Record<string, unknown>][] = [
    ['no path', { path: undefined }],
    ['path twice', { path64: 'YQ==' }],
    ['target twice', { target: 'a', target64: 'YQ==' }],
    ['half a surrogate pair', { path: '\ud800' }],
    ['a path that is no text', { path: 7 }],
    ['base64 that is none', { path: undefined, path64: '*' }],
    ['base64 without padding', { path: undefined, path64: 'YQ' }],
    ['base64 of which bits are lost', { path: undefined, path64: 'YR==' }],
    ['no root', { root: undefined }],
    ['another root', { root: '/etc' }],
    ['another type', { type: 'door' }],
    ['a mode beyond 07777', { mode: 0o10000 }],
    ['a negative mode', { mode: -1 }],
    ['a mode as text', { mode: '0644' }],
    ['an owner beyond 32 bits', { uid: 2 ** 32 }],
    ['a broken owner', { gid: 1.5 }],
    ['a time as a number', { mtime: 1700000000 }],
    ['a time without nanoseconds', { mtime: '1700000000' }],
    ['a time with eight digits', { mtime: '1700000000.12345678' }],
    ['a negative size', { size: -1 }],
    ['a size beyond 2^53', { size: 2 ** 53 }],
    ['half a device', { device: [8] }],
    ['an attribute without a name', { xattrs: [{ value: '' }] }],
    ['an attribute with two names', { xattrs: [{ name: 'a', name64: 'YQ==', value: '' }] }],
    ['an attribute without a value', { xattrs: [{ name: 'user.a' }] }],
    ['an attribute whose value is no base64', { xattrs: [{ name: 'user.a', value: 'a b' }] }],
    ['half an extent', { data: [[0]] }],
    ['a negative extent', { data: [[-1, 1]] }],
    ['a hash in hex', { hash: 'ab'.repeat(32) }],
    ['a short hash', { hash: Buffer.alloc(31).toString('base64') }],
    ['a false stale', { stale: false }],
    ['unstable as text', { unstable: 'yes' }],
    ['an error without end', { error: 'E'.repeat(65) }],
    ['locations that are none', { locations: {} }],
    ['a short location', { locations: [location.slice(1)] }],
    ['a long location', { locations: [[...location, HASH, 1]] }],
    ['a location with a broken number', { locations: [[0.5, ...location.slice(1)]] }],
    ['a location with a negative number', { locations: [[...location.slice(1), -1]] }],
    ['a location with a short digest', { locations: [[...location, 'YQ==']] }],
    ['more locations than a line has', { locations: Array(MAX_LOCATIONS_A_LINE + 1).fill(location) }],
    ['an entry that is more, too', { more: [location] }],
  ];
  for (const [why, change] of changes) {
    it(why, () => refused('listing-invalid', () => decodeRaw(JSON.stringify({ ...LINE, ...change }))));
  }

  it('as are hostile lines of further locations', () => {
    for (const more of [
      null,
      {},
      [null],
      [[]],
      [location.map(String)],
      Array(MAX_LOCATIONS_A_LINE + 1).fill(location),
    ]) {
      refused('listing-invalid', () => decodeRaw(JSON.stringify({ more })));
    }
    assert.deepEqual(decodeRaw('{"more":[]}'), { more: [] });
  });

  it('damage is refused, or gives an entry whose lines are read alike', () => {
    const damaged = entries.chain((entry) => damages(Buffer.from(encodeEntry(entry).split('\n')[0] ?? '')));
    const property = fc.property(damaged, (line) => {
      isRefused(['listing-invalid'], () => {
        const decoded = decodeLine(line);
        if ('entry' in decoded) assert.deepEqual(decode(encodeEntry(decoded.entry)), decoded.entry);
      });
    });
    fc.assert(property, { numRuns: 2000 });
  });
});
