import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as z from 'zod';
import type { Json } from '../../contract/canonical.ts';
import { documentKind, FORMAT, field, firstIssue } from '../../contract/document.ts';
import { refused } from './samples.ts';

const kind = documentKind('sample', { maxBytes: 200, shape: { count: field.count, at: field.instant } });
const GOOD = { type: 'offsite/sample/1', format: FORMAT, count: 3, at: '2026-01-05T04:00:00Z' };
const parse = (change: Record<string, Json>) => kind.parse({ ...GOOD, ...change }, 'the sample');
const without = (name: string) => Object.fromEntries(Object.entries(GOOD).filter(([key]) => key !== name));

it('reads what it should', () => {
  assert.deepEqual(kind.parse(GOOD, 'x'), GOOD);
  assert.deepEqual(kind.parseBytes(Buffer.from(JSON.stringify(GOOD)), 'x'), GOOD);
  assert.equal(kind.type, 'offsite/sample/1');
});

describe('unknown keys', () => {
  it('are kept, so that who writes a document anew loses nothing', () => {
    const more = { later: { deep: [1, null, 'x'] }, constructor: 1 };
    assert.deepEqual(parse(more), { ...GOOD, ...more });
  });

  it('may be called __proto__ and do no harm', () => {
    const text = JSON.stringify(GOOD).replace('{', '{"__proto__":{"count":7,"polluted":1},');
    const read = kind.parseBytes(Buffer.from(text), 'x') as Record<string, unknown>;
    assert.deepEqual([read.count, read.polluted], [3, undefined]);
    refused('document-invalid', () => kind.parse(JSON.parse('{"__proto__":{"type":"offsite/sample/1"}}'), 'x'));
  });

  it('are refused as unknown where they are critical', () => {
    refused('format-unknown', () => parse({ critical: ['later'], later: 1 }), /understand "later"/);
    refused('format-unknown', () => parse({ critical: ['count', 'later'] }), /"later"/);
    refused('format-unknown', () => parse({ critical: [7] }), /understand 7/);
    refused('format-unknown', () => parse({ critical: ['toString'] }), /"toString"/);
    refused('format-unknown', () => parse({ critical: ['\u001b[2J'] }), /"\\u001b\[2J"/);
  });

  it('are none where the critical ones are all known', () => {
    for (const critical of [[], ['count'], ['type', 'format', 'critical', 'at', 'count']]) parse({ critical });
  });

  it('must be listed in the form of the format', () => {
    for (const critical of ['count', { count: true }, null, 7]) refused('document-invalid', () => parse({ critical }));
    refused('document-invalid', () => parse({ critical: Array(65).fill('count') }), /critical/);
  });
});

describe('what it is not', () => {
  it('a newer type or format is unknown, so that people are told to upgrade', () => {
    refused('format-unknown', () => parse({ type: 'offsite/sample/2' }), /the sample is of type offsite\/sample\/2/);
    refused('format-unknown', () => parse({ type: 'offsite/sample/10', format: 7 }));
    refused('format-unknown', () => parse({ format: 2 }), /of format 2/);
    refused('format-unknown', () => parse({ format: 0.5 }));
    refused('format-unknown', () => kind.parse({ type: 'offsite/sample/2' }, 'x'), /cannot read it/);
  });

  it('everything else is invalid', () => {
    const types = [
      'offsite/other/1',
      'offsite/sample/',
      'offsite/sample/x',
      'offsite/sample',
      'Offsite/sample/1',
      '',
      1,
      null,
    ];
    for (const type of types) refused('document-invalid', () => parse({ type }), /not of type offsite\/sample\/1/);
    for (const format of ['1', null, [1]]) refused('document-invalid', () => parse({ format }), /format/);
    for (const name of ['type', 'format', 'count', 'at']) {
      refused('document-invalid', () => kind.parse(without(name), 'x'), new RegExp(name));
    }
    for (const value of [null, [], [GOOD], 'x', 7, true]) {
      refused('document-invalid', () => kind.parse(value, 'the sample'), /the sample is not an object/);
    }
  });

  it('a type that would keep a careless comparison busy for hours is refused at once', () => {
    const start = process.cpuUsage();
    refused('document-invalid', () => parse({ type: `offsite/sample/${'1'.repeat(300_000)}x` }));
    const { user } = process.cpuUsage(start);
    assert.ok(user < 1_000_000, `${user / 1000} ms`);
  });

  it('the field is named', () => {
    refused('document-invalid', () => parse({ count: -1 }), /^the sample is not a valid offsite\/sample\/1: count: /);
    refused('document-invalid', () => parse({ at: 'yesterday' }), /: at: not a valid instant \(YYYY-MM-DDTHH:MM:SSZ\)/);
  });
});

describe('bytes', () => {
  it('beyond the cap are refused before they are read', () => {
    refused(
      'document-too-large',
      () => kind.parseBytes(Buffer.alloc(201, 0xff), 'the sample'),
      /201 bytes, more than 200/,
    );
    const text = JSON.stringify(GOOD);
    kind.parseBytes(Buffer.from(text.padEnd(200)), 'x');
  });

  it('that are no JSON or no UTF-8 are invalid', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('{'), Buffer.from([0xff]), Buffer.from('\ufeff{}')]) {
      refused('document-invalid', () => kind.parseBytes(bytes, 'the sample'), /^the sample is not/);
    }
  });

  it('nested without end are invalid, not a crash', () => {
    const deep = documentKind('deep', { maxBytes: 1e6, shape: { any: z.json() } });
    const text = `{"type":"offsite/deep/1","format":1,"any":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    refused('document-invalid', () => deep.parseBytes(Buffer.from(text), 'the sample'), /nested too deeply/);
  });
});

describe('pieces', () => {
  const table: [name: keyof typeof field, good: unknown[], bad: unknown[]][] = [
    [
      'instant',
      ['2026-01-05T04:00:00Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59Z'],
      [
        '2026-01-05T04:00:00.000Z',
        '2026-01-05T04:00:00+00:00',
        '2026-01-05T04:00Z',
        '2026-01-05',
        '2026-02-30T04:00:00Z',
        '2026-01-05T24:00:00Z',
        '2026-01-05T04:00:60Z',
        '2026-01-05t04:00:00z',
        '2026-01-05 04:00:00Z',
        // Both are what toISOString gives for such years, cut at the nineteenth character.
        '+010000-01-01T00:00Z',
        '-000001-01-01T00:00Z',
        0,
      ],
    ],
    ['count', [0, 1, 2 ** 53 - 1], [-1, 0.5, 2 ** 53, '1', null, Number.NaN, Number.POSITIVE_INFINITY]],
    ['sequence', [1, 2 ** 53 - 1], [0, -1, 1.5, '1']],
    ['base64', ['', 'YQ==', 'YWE=', 'YWFh'], ['Y', 'YQ', 'YQ=', 'YR==', 'YWF=', 'Y*==', 'YQ==YQ==', 'YQ==\n', '_-8=']],
    [
      'base64Of32',
      [Buffer.alloc(32, 7).toString('base64')],
      [Buffer.alloc(31).toString('base64'), `${'A'.repeat(42)}B=`, ''],
    ],
    ['sha256', ['ab'.repeat(32)], ['AB'.repeat(32), 'ab'.repeat(16)]],
  ];
  for (const [name, good, bad] of table) {
    it(name, () => {
      for (const value of good) assert.ok(field[name].safeParse(value).success, String(value));
      for (const value of bad) assert.ok(!field[name].safeParse(value).success, String(value));
    });
  }
});

it('the first issue has its place', () => {
  const { error } = z.object({ a: z.array(z.int()) }).safeParse({ a: [1, 'x'] });
  assert.match(firstIssue(error as z.ZodError), /^a\.1: /);
  assert.match(firstIssue(z.int().safeParse('x').error as z.ZodError), /^Invalid input/);
  assert.equal(firstIssue(new z.ZodError([])), 'invalid');
});
