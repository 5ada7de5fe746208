/** Build and parse are inverse over every kind, and nothing is a key that building would not have made. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compactInstant } from '../../contract/ids.ts';
import { type ObjectKey, objectKey, parseObjectKey, placesOfHost, runFolder, slotFolder } from '../../contract/keys.ts';
import {
  fingerprints,
  hosts,
  instants,
  isRefused,
  policies,
  prefixes,
  refused,
  runIds,
  sets,
  shortShas,
} from './samples.ts';

const numbers = fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 999_999_999 }));
const problem = fc
  .tuple(fc.constantFrom('missed', 'unknown-node'), fc.option(sets, { nil: '-' }), fc.option(hosts, { nil: '-' }))
  .map((pieces) => pieces.join('.'));

const run = { prefix: prefixes, set: sets, run: runIds };
const part = { ...run, chain: runIds };
const slot = { due: instants, policy: policies };
const ofHost = { host: hosts, set: sets };

/** An arbitrary for every kind: a kind that is missing here does not compile. */
const PIECES: { [K in ObjectKey['kind']]: Record<string, fc.Arbitrary<unknown>> } = {
  host: { prefix: prefixes, fingerprint: fingerprints },
  data: { ...part, number: numbers, sha: shortShas },
  meta: { ...part, number: numbers, sha: shortShas },
  index: { ...part, sha: shortShas },
  'session-key': { ...part, attempt: numbers, sha: shortShas },
  started: run,
  alive: { ...run, number: numbers },
  skipped: run,
  manifest: run,
  'rewrapped-key': { ...run, number: numbers },
  accepted: run,
  trust: {},
  fleet: {},
  'fleet-version': { applied: instants, sha: shortShas },
  expected: slot,
  sent: { ...slot, number: numbers },
  'slot-verdict': { ...slot, ...ofHost, run: runIds },
  closed: slot,
  verdict: { ...ofHost, run: runIds },
  latest: ofHost,
  'audit-state': {},
  alert: { problem },
  recovery: { file: fc.constantFrom('README.txt', 'recover.sh') },
};
const KINDS = Object.keys(PIECES) as ObjectKey['kind'][];
const keyOf = (kind: ObjectKey['kind']) =>
  fc.record(
    { kind: fc.constant(kind), ...PIECES[kind] },
    { noNullPrototype: true },
  ) as unknown as fc.Arbitrary<ObjectKey>;
const anyKey = fc.constantFrom(...KINDS).chain(keyOf);

describe('build and parse are inverse', () => {
  for (const kind of KINDS) {
    it(kind, () => {
      const property = fc.property(keyOf(kind), (key) => {
        assert.deepEqual(parseObjectKey(objectKey(key)), key);
      });
      fc.assert(property, { numRuns: 60 });
    });
  }

  it('different keys have different texts', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (one, other) => {
        assert.equal(objectKey(one) === objectKey(other), JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });
});

const C = '20260101T000000Z-000000000000';
const R = '20260105T040000Z-0123456789ab';
const SHA = '0123456789abcdef0123456789abcdef';
const FPR = '0123456789ABCDEF0123456789ABCDEF01234567';
const DUE = new Date('2026-01-05T04:00:00Z');
const RUN = { prefix: 'AROA:mi-0', set: 'data', run: R };
const PART = { ...RUN, chain: C };

/** The table of the format, spelled out: this is what lies in stores for years. */
const SPELLED: [ObjectKey, string][] = [
  [{ kind: 'host', prefix: 'AROA:mi-0', fingerprint: FPR }, `hosts/AROA:mi-0/${FPR}.asc`],
  [{ kind: 'data', ...PART, number: 7, sha: SHA }, `data/AROA:mi-0/data/${C}/${R}/000007-${SHA}.pgp`],
  [{ kind: 'meta', ...PART, number: 1234567, sha: SHA }, `meta/AROA:mi-0/data/${C}/${R}/1234567-${SHA}.pgp`],
  [{ kind: 'index', ...PART, sha: SHA }, `meta/AROA:mi-0/data/${C}/${R}/index-${SHA}.pgp`],
  [{ kind: 'session-key', ...PART, attempt: 1, sha: SHA }, `meta/AROA:mi-0/data/${C}/${R}/key-1-${SHA}.pgp`],
  [{ kind: 'started', ...RUN }, `runs/AROA:mi-0/data/${R}/started.json`],
  [{ kind: 'alive', ...RUN, number: 3 }, `runs/AROA:mi-0/data/${R}/alive-3.json`],
  [{ kind: 'skipped', ...RUN }, `runs/AROA:mi-0/data/${R}/skipped.json`],
  [{ kind: 'manifest', ...RUN }, `runs/AROA:mi-0/data/${R}/manifest.json`],
  [{ kind: 'rewrapped-key', ...RUN, number: 2 }, `keys/AROA:mi-0/data/${R}/2.json`],
  [{ kind: 'accepted', ...RUN }, `accepted/AROA:mi-0/data/${R}.json`],
  [{ kind: 'trust' }, 'config/trust.json'],
  [{ kind: 'fleet' }, 'config/fleet.json'],
  [{ kind: 'fleet-version', applied: DUE, sha: SHA }, `config/fleet/20260105T040000Z-${SHA}.json`],
  [{ kind: 'expected', due: DUE, policy: 'weekly' }, 'slots/20260105T040000Z/weekly/expected.json'],
  [{ kind: 'sent', due: DUE, policy: 'weekly', number: 0 }, 'slots/20260105T040000Z/weekly/sent/0.json'],
  [
    { kind: 'slot-verdict', due: DUE, policy: 'weekly', host: 'carcosa', set: 'data', run: R },
    `slots/20260105T040000Z/weekly/verdicts/carcosa/data/${R}.json`,
  ],
  [{ kind: 'closed', due: DUE, policy: 'weekly' }, 'slots/20260105T040000Z/weekly/closed.json'],
  [{ kind: 'verdict', host: 'carcosa', set: 'data', run: R }, `verdicts/carcosa/data/${R}.json`],
  [{ kind: 'latest', host: 'carcosa', set: 'data' }, 'latest/carcosa/data.json'],
  [{ kind: 'audit-state' }, 'audit/state.json'],
  [{ kind: 'alert', problem: 'missed.data.carcosa' }, 'alerts/missed.data.carcosa.json'],
  [{ kind: 'recovery', file: 'recover.sh' }, 'recovery/recover.sh'],
];

it('every kind is spelled as the format says', () => {
  for (const [key, text] of SPELLED) {
    assert.equal(objectKey(key), text);
    assert.deepEqual(parseObjectKey(text), key);
  }
  assert.deepEqual(new Set(SPELLED.map(([key]) => key.kind)), new Set(KINDS));
});

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

describe('folders', () => {
  it('of a run and of a slot hold what lies in them', () => {
    assert.ok(objectKey({ kind: 'manifest', ...RUN }).startsWith(runFolder(RUN)));
    assert.ok(
      objectKey({ kind: 'closed', due: DUE, policy: 'weekly' }).startsWith(slotFolder({ due: DUE, policy: 'weekly' })),
    );
    assert.equal(slotFolder({ due: DUE, policy: 'w' }), `slots/${compactInstant(DUE)}/w/`);
  });

  it('of a host hold what a host writes and nothing else', () => {
    const own: ObjectKey['kind'][] = [
      'host',
      'data',
      'meta',
      'index',
      'session-key',
      'started',
      'alive',
      'skipped',
      'manifest',
    ];
    for (const [key, text] of SPELLED) {
      const isInside = placesOfHost('AROA:mi-0').some((place) => text.startsWith(place));
      assert.equal(isInside, own.includes(key.kind), text);
      assert.ok(!placesOfHost('AROA:mi-').some((place) => text.startsWith(place)), 'a prefix of another prefix');
    }
  });
});
