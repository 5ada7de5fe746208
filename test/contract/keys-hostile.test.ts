/** Nothing is a key that building would not have made. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ObjectKey, objectKey, parseObjectKey } from '../../contract/keys.ts';
import { anyKey, C, DUE, FPR, PART, R, SHA, SPELLED } from './key-samples.ts';
import { isRefused, refused } from './samples.ts';

describe('what is no key is null', () => {
  const PART_TEXT = `data/AROA:mi-0/data/${C}/${R}`;
  const table: [why: string, texts: string[]][] = [
    ['nothing, or no known top', ['', '/', 'x', 'foo/bar', 'config', 'config/', 'Config/trust.json', 'runs']],
    [
      'dots',
      [`runs/../data/${R}/manifest.json`, `runs/carcosa/../${R}/manifest.json`, `runs/./data/${R}/manifest.json`],
    ],
    ['dots in files', ['latest/carcosa/...json', 'alerts/...json', 'recovery/../config', 'hosts/carcosa/..asc']],
    ['empty pieces', [`runs//data/${R}/manifest.json`, `/runs/carcosa/data/${R}/manifest.json`, 'config//trust.json']],
    ['a slash at the end', ['config/trust.json/', `runs/carcosa/data/${R}/`, `runs/carcosa/data/${R}/manifest.json/`]],
    [
      'padding',
      ['7', '00007', '0000007', '+00007', '0x0007', '000007.0', '1e5', '٠٠٠٠٠٧'].map(
        (n) => `${PART_TEXT}/${n}-${SHA}.pgp`,
      ),
    ],
    [
      'numbers with zeros before',
      ['alive-01', 'alive-', 'alive-1.0', 'alive--1'].map((f) => `runs/a/b/${R}/${f}.json`),
    ],
    ['too great a number', [`${PART_TEXT}/1000000000-${SHA}.pgp`, `keys/a/b/${R}/1000000000.json`]],
    [
      'uppercase hashes',
      [`${PART_TEXT}/000007-${SHA.toUpperCase()}.pgp`, `config/fleet/20260105T040000Z-${SHA.toUpperCase()}.json`],
    ],
    ['hashes of another length', [`${PART_TEXT}/000007-${SHA}0.pgp`, `${PART_TEXT}/000007-${SHA.slice(1)}.pgp`]],
    ['lowercase fingerprints', [`hosts/carcosa/${FPR.toLowerCase()}.asc`]],
    [
      'extra pieces',
      [`${PART_TEXT}/x/000007-${SHA}.pgp`, `latest/carcosa/data/x.json`, 'config/fleet/x/y.json', 'audit/state.json/x'],
    ],
    [
      'too few pieces',
      [`data/a/b/${R}/000007-${SHA}.pgp`, `runs/a/${R}/manifest.json`, 'slots/20260105T040000Z/weekly'],
    ],
    [
      'other ends',
      [`${PART_TEXT}/000007-${SHA}.gpg`, `runs/a/b/${R}/manifest.json.bak`, 'latest/carcosa/data', 'latest/a/b.JSON'],
    ],
    ['doubled ends', ['latest/carcosa/data.json.json', `accepted/a/b/${R}.json.json`, `hosts/a/${FPR}.asc.asc`]],
    [
      'unicode',
      ['latest/carcosä/data.json', 'latest/carcosa/dätä.json', 'ｃonfig/trust.json', 'config/trust.json\u200b'],
    ],
    [
      'control characters',
      ['config/trust.json\n', 'latest/carcosa/data\0.json', ' config/trust.json', 'config\\trust.json'],
    ],
    ['an index or a key object among the data', [`${PART_TEXT}/index-${SHA}.pgp`, `${PART_TEXT}/key-1-${SHA}.pgp`]],
    [
      'a run that never was',
      [`runs/a/b/20260230T000000Z-0123456789ab/manifest.json`, 'slots/20260230T000000Z/weekly/closed.json'],
    ],
    [
      'uppercase in runs',
      [`runs/a/b/${R.toUpperCase()}/manifest.json`, `runs/a/b/${R.toLowerCase().replace('z', 'Z')}/manifest.json`],
    ],
    [
      'inherited names',
      ['latest/constructor/data.json', 'latest/carcosa/constructor.json', `runs/__proto__/data/${R}/manifest.json`],
    ],
    [
      'problems',
      ['alerts/missed.json', 'alerts/missed.data.json', 'alerts/missed..carcosa.json', 'alerts/Missed.-.-.json'],
    ],
  ];
  for (const [why, texts] of table) {
    it(why, () => {
      for (const text of texts) assert.equal(parseObjectKey(text), null, text);
    });
  }

  it('any text at all is one key or none', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'data',
        'meta',
        'runs',
        'keys',
        'config',
        'slots',
        'latest',
        'fleet',
        'sent',
        'verdicts',
        '..',
        '',
      ),
      fc.constantFrom(
        C,
        R,
        'a',
        `000001-${SHA}.pgp`,
        `index-${SHA}.pgp`,
        'manifest.json',
        '1.json',
        '20260105T040000Z',
      ),
      fc.string({ maxLength: 6 }),
    );
    const texts = fc.oneof(
      fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('/')),
      fc.tuple(anyKey, fc.nat(), fc.string({ maxLength: 2 })).map(([key, at, put]) => {
        const text = objectKey(key);
        const place = at % (text.length + 1);
        return text.slice(0, place) + put + text.slice(place + (at % 2));
      }),
    );
    const property = fc.property(texts, (text) => {
      const key = parseObjectKey(text);
      if (key !== null) assert.equal(objectKey(key), text);
    });
    fc.assert(property, { numRuns: 3000 });
  });
});

describe('hostile pieces are not spelled', () => {
  const HOSTILE = [
    '',
    '.',
    '..',
    'a/b',
    '../x',
    'é',
    'a\n',
    'a\0',
    'x/manifest.json',
    `data/${R}/manifest.json#`,
    '__proto__',
  ];

  for (const [key] of SPELLED) {
    it(key.kind, () => {
      for (const [name, value] of Object.entries(key)) {
        if (name === 'kind' || typeof value !== 'string') continue;
        for (const piece of HOSTILE) {
          const hostile = { ...key, [name]: piece } as ObjectKey;
          refused('object-key-invalid', () => objectKey(hostile));
        }
      }
    });
  }

  it('numbers that are none', () => {
    for (const number of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9, 1e21]) {
      refused('object-key-invalid', () => objectKey({ kind: 'data', ...PART, number, sha: SHA }));
      refused('object-key-invalid', () => objectKey({ kind: 'sent', due: DUE, policy: 'weekly', number }));
      refused('object-key-invalid', () => objectKey({ kind: 'session-key', ...PART, attempt: number, sha: SHA }));
    }
  });

  it('no piece makes one kind into another', () => {
    const piece = fc.string({
      unit: fc.constantFrom('/', '.', '-', 'a', 'sent', 'verdicts', R, '0', '.json'),
      maxLength: 6,
    });
    const property = fc.property(anyKey, piece, fc.nat(), (key, hostile, which) => {
      const names = Object.entries(key).filter(([name, value]) => name !== 'kind' && typeof value === 'string');
      const [name] = names[which % Math.max(1, names.length)] ?? [];
      if (name === undefined) return;
      const changed = { ...key, [name]: hostile } as ObjectKey;
      if (isRefused(['object-key-invalid'], () => objectKey(changed))) return;
      assert.deepEqual(parseObjectKey(objectKey(changed)), changed);
    });
    fc.assert(property, { numRuns: 2000 });
  });
});
