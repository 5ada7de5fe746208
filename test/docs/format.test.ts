/** docs/format.md says what the code does: its tables are held against the code that they describe. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type * as z from 'zod';
import type { BytePath } from '../../contract/byte-path.ts';
import { ENTRY_TYPES, type Entry, encodeEntry } from '../../contract/entry.ts';
import * as fleetStore from '../../contract/fleet-store.ts';
import * as ids from '../../contract/ids.ts';
import { objectKey, parseObjectKey } from '../../contract/keys.ts';
import { CIPHER, manifestKind, OUTCOMES, PROMOTIONS } from '../../contract/manifest.ts';
import { problemKind } from '../../contract/problem.ts';
import { indexKind } from '../../contract/run-index.ts';
import { aliveKind, skippedKind, startedKind } from '../../contract/run-notes.ts';
import { acceptanceKind, trustKind } from '../../contract/trust.ts';
import * as verdict from '../../contract/verdict.ts';
import { AVERAGE_CHUNK, MAX_CHUNK, MIN_CHUNK, SEGMENT } from '../../host-agent/engine/chunker.ts';
import { literalHeader, MDC, PREFIX, seipdHeader } from '../../pgp/packets.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const document = readFileSync(`${ROOT}docs/format.md`, 'utf8');

/** The rows of the first table below a heading that begins with `heading`, cells without backquotes around them. */
function tableUnder(heading: string, which = 0): string[][] {
  const start = document.search(new RegExp(`^#+ ${heading}`, 'm'));
  assert.ok(start >= 0, `docs/format.md has no heading ${heading}`);
  const body = document.slice(start).split('\n').slice(1);
  const end = body.findIndex((line) => line.startsWith('#'));
  const tables = body
    .slice(0, end < 0 ? undefined : end)
    .join('\n')
    .split(/\n(?!\|)/)
    .map((block) => block.split('\n').filter((line) => line.startsWith('|')))
    .filter((lines) => lines.length > 2);
  const lines = tables[which];
  assert.ok(lines !== undefined, `docs/format.md has no table ${which} under ${heading}`);
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

/** What a cell holds between backquotes. */
const codesIn = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');

const column = (rows: string[][], at: number): string[] => rows.flatMap((row) => codesIn(row[at]));

const source = (file: string) => readFileSync(`${ROOT}${file}`, 'utf8');

/** The value of a numeric constant in a file, exported or not. */
function constant(file: string, name: string): number {
  const expression = new RegExp(`const ${name}(?:: \\w+)? = ([0-9_ *+-]+);`).exec(source(file))?.[1];
  assert.ok(expression !== undefined, `${file} has no constant ${name} made of numbers`);
  return expression
    .replaceAll('_', '')
    .split(/ \* (?!\*)/)
    .map((factor) => factor.split(' ** ').map(Number))
    .reduce((product, [base = 0, exponent = 1]) => product * base ** exponent, 1);
}

describe('docs/format.md', () => {
  describe('object keys', () => {
    const rows = tableUnder('1. Object keys');

    test('all kinds of the code, and no others', () => {
      const union = /export type ObjectKey =([\s\S]*?);\n\n/.exec(source('contract/keys.ts'))?.[1] ?? '';
      const kinds = [...union.matchAll(/kind: '([a-z-]+)'/g)].map((match) => match[1]);
      assert.ok(kinds.length > 20);
      assert.deepEqual(column(rows, 0).sort(), kinds.sort());
    });

    for (const [kind = '', form = '', example = ''] of rows.map((row) => row.slice(0, 3))) {
      test(`${kind}: the example has the form, and the code builds and parses it`, () => {
        const [text = ''] = codesIn(example);
        const key = parseObjectKey(text);
        assert.ok(key !== null);
        assert.equal(key.kind, codesIn(kind)[0]);
        assert.equal(objectKey(key), text);
        const forms = codesIn(form).map(
          (one) => new RegExp(`^${one.replaceAll('.', '\\.').replaceAll(/<(\w+)>/g, piece)}$`),
        );
        assert.ok(forms.some((one) => one.test(text)));
      });
    }

    const pieces = new Map(
      tableUnder('1. Object keys', 1).flatMap(([names, form]) =>
        codesIn(names).map((name) => [name, codesIn(form)[0] ?? '']),
      ),
    );
    const piece = (_: string, name: string) =>
      `(?:${name === 'problem' ? '[a-z-]+\\.[^./]+\\.[^/]+' : (pieces.get(`<${name}>`) ?? assert.fail(name))})`;

    test('the pieces have the forms of the code', () => {
      const forms: [name: string, is: (text: string) => boolean, samples: string[]][] = [
        [
          '<prefix>',
          ids.isPrefix,
          ['a', 'AROAX:i-1', 'a@b=c+d', '-a', 'a/b', `a${'b'.repeat(190)}`, `a${'b'.repeat(191)}`],
        ],
        ['<host>', ids.isHostName, ['a', 'A.b_c-d', '.a', 'a:b', `a${'b'.repeat(62)}`, `a${'b'.repeat(63)}`]],
        ['<set>', ids.isSetName, ['a', 'a_b-c', 'A', '-a', `a${'b'.repeat(31)}`, `a${'b'.repeat(32)}`]],
        ['<policy>', ids.isPolicyName, ['a', '-', 'a_b', 'a'.repeat(24), 'a'.repeat(25), '']],
        [
          '<run>',
          ids.isRunId,
          ['20260101T000000Z-0123456789ab', '20260101T000000Z-0123456789AB', '20260101-0123456789ab'],
        ],
        ['<fingerprint>', ids.isFingerprint, ['A'.repeat(40), 'a'.repeat(40), 'A'.repeat(64)]],
      ];
      for (const [name, is, samples] of forms) {
        const form = new RegExp(`^${pieces.get(name)}$`);
        for (const sample of samples) assert.equal(is(sample), form.test(sample), `${name} ${sample}`);
      }
    });

    test('the names that are none', () => {
      const listed = /is none of ([\s\S]*?)\.\s/.exec(document)?.[1] ?? '';
      const names = Object.getOwnPropertyNames(Object.prototype).filter((name) => /^[A-Za-z]/.test(name));
      assert.deepEqual(codesIn(listed).sort(), names.sort());
      for (const name of names) assert.equal(ids.isHostName(name), false);
    });

    test('numbers have six digits and no more than they need', () => {
      const key = (number: string) =>
        `data/a/b/20260101T000000Z-0123456789ab/20260101T000000Z-0123456789ab/${number}-${'0'.repeat(32)}.pgp`;
      for (const good of ['000000', '000017', '999999', '1000000', '999999999'])
        assert.ok(parseObjectKey(key(good)), good);
      for (const bad of ['17', '0000017', '01000000', '1000000000']) assert.equal(parseObjectKey(key(bad)), null, bad);
    });
  });

  describe('documents', () => {
    const kinds = [
      manifestKind,
      indexKind,
      trustKind,
      acceptanceKind,
      startedKind,
      aliveKind,
      skippedKind,
      verdict.verdictKind,
      verdict.latestKind,
      verdict.expectedKind,
      verdict.sentKind,
      verdict.closedKind,
      verdict.auditStateKind,
      problemKind,
      fleetStore.fleetPointerKind,
      fleetStore.fleetVersionKind,
    ];

    test('all types, with their limits', () => {
      const listed = tableUnder('3.1 Types').map(([type, , , limit]) => [codesIn(type)[0], Number(limit)]);
      assert.deepEqual(listed.sort(), kinds.map(({ type, maxBytes }) => [type, maxBytes]).sort());
    });

    test('no other types in the code', () => {
      const files = readdirSync(`${ROOT}contract`).map((file) => source(`contract/${file}`));
      const names = files.flatMap((text) =>
        [...text.matchAll(/= documentKind\('([a-z-]+)'/g)].map((match) => match[1]),
      );
      assert.deepEqual(names.map((name) => `offsite/${name}/1`).sort(), kinds.map(({ type }) => type).sort());
    });

    const keysOf = (shape: object) => Object.keys(shape).sort();
    const innerOf = (type: unknown) => keysOf((type as z.ZodObject).shape);

    test('the fields of trust.json and of acceptances', () => {
      const fields = column(tableUnder('4.1 trust.json'), 0);
      assert.deepEqual(fields.filter((name) => !name.includes('.')).sort(), keysOf(trustKind.shape));
      const host = (trustKind.shape.hosts as z.ZodRecord<z.ZodString, z.ZodObject>).valueType;
      assert.deepEqual(innerOf(host), ['keys', 'name']);
      const key = (host.shape.keys as z.ZodArray<z.ZodObject>).element;
      const listed = fields.filter((name) => name.includes('[].')).map((name) => name.replace(/.*\[\]\./, ''));
      assert.deepEqual(listed.sort(), innerOf(key));
      assert.deepEqual(column(tableUnder('4.2 Acceptance'), 0).sort(), keysOf(acceptanceKind.shape));
    });

    test('the fields of the manifest, and the values', () => {
      const rows = tableUnder('5. The manifest');
      assert.deepEqual(column(rows, 0).sort(), keysOf(manifestKind.shape));
      assert.deepEqual(column(tableUnder('5. The manifest', 1), 0).sort(), innerOf(manifestKind.shape.counts));
      const values = new Map(tableUnder('5. The manifest', 2).map(([what = '', cell = '']) => [what, codesIn(cell)]));
      assert.deepEqual(values.get('outcomes'), [...OUTCOMES]);
      assert.deepEqual(values.get('reasons of `promoted`'), [...PROMOTIONS]);
      const warnings = /export type WarningCode = ([^;]+);/.exec(source('host-agent/engine/tally.ts'))?.[1] ?? '';
      assert.deepEqual(
        values.get('warnings'),
        [...warnings.matchAll(/'(\w+)'/g)].map((match) => match[1]),
      );
      const rowOf = (name: string) => rows.find(([cell]) => codesIn(cell)[0] === name) ?? assert.fail(name);
      assert.deepEqual(codesIn(rowOf('cipher')[1]), [CIPHER]);
      for (const name of ['gates', 'scripts', 'warnings'] as const) {
        const inner = innerOf((manifestKind.shape[name] as z.ZodArray<z.ZodObject>).element);
        const [shown = ''] = codesIn(rowOf(name)[2]);
        assert.deepEqual([...shown.matchAll(/"(\w+)"/g)].map((match) => match[1]).sort(), inner);
      }
      const limits = {
        sources: 10_000,
        keyObjects: 100_000,
        objects: 200_000,
        gates: 10_000,
        scripts: 10_000,
        warnings: 100,
      };
      for (const [name, limit] of Object.entries(limits)) {
        assert.match(rowOf(name)[1] ?? '', new RegExp(`at most ${limit}$`));
        const type = manifestKind.shape[name as keyof typeof limits] as z.ZodArray;
        assert.equal(
          type.safeParse(Array(limit + 1)).error?.issues.some(({ code }) => code === 'too_big'),
          true,
          name,
        );
      }
    });

    test('the fields of the index', () => {
      const rows = tableUnder('9.4 The index');
      assert.deepEqual(column(rows, 0).sort(), keysOf(indexKind.shape));
      for (const name of ['scripts', 'warnings'] as const) {
        const inner = innerOf((indexKind.shape[name] as z.ZodArray<z.ZodObject>).element);
        const row = rows.find(([cell]) => codesIn(cell)[0] === name);
        assert.deepEqual([...(codesIn(row?.[2])[0] ?? '').matchAll(/"(\w+)"/g)].map((match) => match[1]).sort(), inner);
      }
    });

    test('the fields of run notes', () => {
      const listed = tableUnder('10. Run notes').map(([type, fields]) => [codesIn(type)[0], codesIn(fields).sort()]);
      const notes = { started: startedKind, alive: aliveKind, skipped: skippedKind };
      assert.deepEqual(
        listed,
        Object.entries(notes).map(([name, { shape }]) => [name, keysOf(shape)]),
      );
    });
  });

  test('the bytes of a part', () => {
    const rows = tableUnder('6.1 Parts');
    const bytesOf = (cell = '') => Buffer.from((codesIn(cell)[0] ?? '').replaceAll(' ', ''), 'hex');
    const seipd = seipdHeader(1000);
    assert.deepEqual(bytesOf(rows[1]?.[0]), seipd.subarray(0, 2));
    assert.deepEqual(bytesOf(rows[2]?.[0]), seipd.subarray(6));
    assert.equal(seipd.readUInt32BE(2), 1 + 18 + 12 + 1000 + 22);
    assert.match(rows[1]?.[1] ?? '', /1 \+ 18 \+ 12 \+ n \+ 22,/);
    assert.equal(rows[3]?.[0], `${PREFIX} octets`);
    const literal = literalHeader(1000);
    assert.deepEqual(bytesOf(rows[4]?.[0]), literal.subarray(0, 2));
    assert.deepEqual(bytesOf(rows[5]?.[0]), literal.subarray(6));
    assert.equal(literal.readUInt32BE(2), 6 + 1000);
    assert.equal(MDC, 2 + 20);
  });

  test('the chunker', () => {
    const listed = new Map(tableUnder('8.1 Chunks').map(([name = '', value]) => [name, Number(value)]));
    assert.deepEqual(
      [...listed],
      Object.entries({ minimum: MIN_CHUNK, average: AVERAGE_CHUNK, maximum: MAX_CHUNK, segment: SEGMENT }),
    );
  });

  test('the fields of a line', () => {
    const bytes = 'x' as BytePath;
    const entry: Required<Entry> = {
      path: bytes,
      root: '/',
      type: 'file',
      mode: 0,
      uid: 0,
      gid: 0,
      user: bytes,
      group: bytes,
      mtime: '0.000000000',
      size: 0,
      target: bytes,
      device: [0, 0],
      xattrs: [{ name: bytes, value: Buffer.alloc(0) }],
      link: bytes,
      data: [],
      hash: '',
      locations: [],
      error: 'EIO',
      stale: true,
      unstable: true,
    };
    const rows = tableUnder('9.1 Lines');
    assert.deepEqual(column(rows, 0).sort(), Object.keys(JSON.parse(encodeEntry(entry)) as object).sort());
    const row = rows.find(([cell]) => cell === '`type`');
    assert.deepEqual(codesIn(row?.[1]), [...ENTRY_TYPES]);
    // Bytes that are no text: every field that says so has a second form.
    const odd = 'ÿ' as BytePath;
    const names = {
      path: odd,
      user: odd,
      group: odd,
      target: odd,
      link: odd,
      xattrs: [{ name: odd, value: Buffer.alloc(0) }],
    };
    const encoded = encodeEntry({ ...entry, ...names });
    const listed = rows.filter(([, type = '']) => /^bytes|": bytes/.test(type)).flatMap(([cell]) => codesIn(cell));
    for (const name of listed) assert.ok(encoded.includes(name === 'xattrs' ? '"name64"' : `"${name}64"`), name);
  });

  for (const [what = '', value = '', place] of tableUnder('13. Limits')) {
    test(`limit: ${what}`, () => {
      const [file = '', name = ''] = codesIn(place);
      assert.equal(constant(file, name), Number(value));
    });
  }

  test('links lead somewhere', () => {
    for (const [, target = ''] of document.matchAll(/\]\(([^)#]+)\)/g)) assert.ok(source(`docs/${target}`).length > 0);
    for (const [, file = ''] of document.matchAll(/`((?:test|recovery)\/[\w./-]+)`/g)) {
      if (file !== 'recovery/README.txt') assert.ok(source(file).length > 0);
    }
  });
});
