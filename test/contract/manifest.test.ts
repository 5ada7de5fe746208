import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../../contract/canonical.ts';
import { objectKey } from '../../contract/keys.ts';
import { type Manifest, manifestKind, OUTCOMES, parseManifest } from '../../contract/manifest.ts';
import { damages, isRefused, refused } from './samples.ts';

const CHAIN = '20260101T000000Z-000000000000';
const RUN = '20260105T040000Z-0123456789ab';
const BASE = '20260104T040000Z-0123456789ab';
const [A, B, C, D, E] = ['a', 'b', 'c', 'd', 'e'].map((digit) => digit.repeat(64)) as [
  string,
  string,
  string,
  string,
  string,
];
const PLACE = { prefix: 'AROA:mi-0', set: 'data', chain: CHAIN, run: RUN };
const short = (sha: string) => sha.slice(0, 32);

const DATA_KEY = objectKey({ kind: 'data', ...PLACE, number: 7, sha: short(A) });
const META_KEY = objectKey({ kind: 'meta', ...PLACE, number: 7, sha: short(B) });
const INDEX_KEY = objectKey({ kind: 'index', ...PLACE, sha: short(C) });
const SESSION_KEY = objectKey({ kind: 'session-key', ...PLACE, attempt: 2, sha: short(D) });
const KEY = objectKey({ kind: 'manifest', ...PLACE });

const SAMPLE = {
  type: 'offsite/manifest/1',
  format: 1,
  name: 'carcosa',
  prefix: PLACE.prefix,
  set: PLACE.set,
  run: RUN,
  chain: CHAIN,
  sequence: 12,
  previous: A,
  base: { run: BASE, payload: A },
  sources: [
    [CHAIN, CHAIN, E],
    [CHAIN, BASE, A],
    [CHAIN, RUN, null],
  ],
  requested: 'incremental',
  actual: 'incremental',
  promoted: null,
  policy: 'weekly',
  due: '2026-01-05T04:00:00Z',
  started: '2026-01-05T04:00:03Z',
  finished: '2026-01-05T04:10:00Z',
  agent: '0.1.0',
  cipher: 'seipd1',
  recipients: ['0123456789ABCDEF0123456789ABCDEF01234567'],
  keyObjects: [[2, SESSION_KEY, 900, D]],
  objects: [
    [DATA_KEY, 33_000_000, A, 2],
    [META_KEY, 20_000, B, 2],
    [INDEX_KEY, 4000, C, 2],
  ],
  index: INDEX_KEY,
  counts: { files: 10, directories: 3, bytes: 1e9, changedFiles: 1, newBytes: 33e6, storedBytes: 33e6 },
  outcome: 'complete',
  gates: [{ gate: 'minFiles', expected: 1, found: 10, ok: true }],
  scripts: [{ name: '10-postgres', exitCode: 0, seconds: 12 }],
  warnings: [{ code: 'unstable', count: 2 }],
  error: null,
  configHash: E,
  stateLost: false,
  ledgerUnknown: false,
};
type Sample = Record<keyof typeof SAMPLE, unknown>;

const parse = (manifest: object, key = KEY): Manifest => parseManifest(Buffer.from(canonicalJson(manifest)), key);
const changed = (change: Partial<Sample>) => parse({ ...SAMPLE, ...change });
const contradicts = (change: Partial<Sample>, message: RegExp) =>
  refused('manifest-invalid', () => changed(change), message);

it('a manifest is read', () => {
  assert.deepEqual(parse(SAMPLE), SAMPLE);
  assert.deepEqual(new Set(Object.keys(manifestKind.shape)), new Set(Object.keys(SAMPLE).slice(2)), 'of every field');
});

it('a failed run has a manifest too, without an index', () => {
  const failed = { outcome: 'failed', index: null, objects: [], keyObjects: [], sources: [], error: { code: 'busy' } };
  assert.equal(changed(failed).outcome, 'failed');
  changed({ ...failed, objects: [[DATA_KEY, 1, A, 2]], keyObjects: SAMPLE.keyObjects });
});

it('keys of newer versions are kept, critical ones and newer formats are unknown', () => {
  assert.equal((parse({ ...SAMPLE, later: 1 }) as unknown as { later: number }).later, 1);
  refused('format-unknown', () => parse({ ...SAMPLE, critical: ['later'], later: 1 }));
  refused('format-unknown', () => parse({ ...SAMPLE, type: 'offsite/manifest/2' }));
  refused('format-unknown', () => parse({ ...SAMPLE, format: 2 }));
});

describe('bytes that are not canonical are refused', () => {
  const text = canonicalJson(SAMPLE);
  const forms = [
    `${text}\n`,
    ` ${text}`,
    JSON.stringify(SAMPLE, null, 1),
    text.replace('"format":1', '"format":1.0'),
    '',
  ];
  for (const form of forms) {
    it(JSON.stringify(form.slice(0, 20)), () => {
      refused('document-invalid', () => parseManifest(Buffer.from(form), KEY), /manifest\.json is not/);
    });
  }
});

describe('each field', () => {
  /** Wrong values by field, and always one of another type. */
  const WRONG: { [K in keyof typeof SAMPLE]: unknown[] } = {
    type: ['offsite/index/1', 'manifest', 1],
    format: ['1', true],
    name: ['', '..', 'a/b', 'constructor'],
    prefix: ['', '../x', 'a b'],
    set: ['', 'Data', '..'],
    run: ['', 'latest', RUN.toUpperCase(), `${RUN}/..`],
    chain: ['', 'x', null],
    sequence: [0, -1, '12'],
    previous: ['', A.toUpperCase(), short(A)],
    base: [BASE, { run: BASE }, { run: BASE, payload: short(A) }],
    sources: [[[CHAIN, RUN]], [[CHAIN, RUN, null, 1]], [[CHAIN, 'x', null]], Array(10_001).fill([CHAIN, RUN, null])],
    requested: ['differential', null],
    actual: ['auto', null],
    promoted: ['no-base', { why: 'x' }, { reason: 'x'.repeat(65) }],
    policy: ['Weekly', ''],
    due: ['2026-01-05', '+010000-01-01T00:00Z'],
    started: [null, '2026-01-05T04:00:00'],
    finished: [null, 1_767_585_600],
    agent: [null, 'x'.repeat(65)],
    cipher: ['seipd2', 'aead', '', null],
    recipients: [[], ['0123456789abcdef0123456789abcdef01234567'], Array(65).fill(SAMPLE.recipients[0])],
    keyObjects: [[[0, SESSION_KEY, 900, D]], [[2, SESSION_KEY, 900]], [[2, SESSION_KEY, -1, D]]],
    objects: [[[DATA_KEY, -1, A, 2]], [[DATA_KEY, 1, short(A), 2]], [[DATA_KEY, 1, A, 0]], [[DATA_KEY, 1, A]]],
    index: [7, 'x'.repeat(1025)],
    counts: [null, { ...SAMPLE.counts, files: -1 }, { files: 1 }],
    outcome: ['skipped', 'missed', ''],
    gates: [[{ gate: 'minFiles', expected: 1, found: 1 }], [{ gate: 'minFiles', expected: -1, found: 1, ok: true }]],
    scripts: [[{ name: 'x', exitCode: '0', seconds: 1 }], [{ name: 'x'.repeat(256), exitCode: 0, seconds: 1 }]],
    warnings: [[{ code: 'unstable', count: 0 }], Array(101).fill({ code: 'unstable', count: 1 })],
    error: ['busy', { script: 'x' }],
    configHash: [short(A), null],
    stateLost: [0, null],
    ledgerUnknown: ['false', null],
  };
  for (const [name, values] of Object.entries(WRONG)) {
    it(`${name} that is wrong or absent`, () => {
      for (const value of [...values, { surely: 'wrong' }]) {
        refused(
          'document-invalid',
          () => changed({ [name]: value }),
          name === 'type' ? /type/ : new RegExp(`: ${name}`),
        );
      }
      const rest = Object.fromEntries(Object.entries(SAMPLE).filter(([key]) => key !== name));
      refused('document-invalid', () => parse(rest));
    });
  }
});

describe('what contradicts its own place', () => {
  it('prefix, set or run other than in the key', () => {
    contradicts({ prefix: 'AROA:mi-1' }, /says prefix AROA:mi-1/);
    contradicts({ set: 'etc' }, /says set etc/);
    contradicts({ run: BASE }, /says run 2026/);
    const elsewhere = objectKey({ kind: 'manifest', ...PLACE, prefix: 'AROA:mi-1' });
    refused('manifest-invalid', () => parse(SAMPLE, elsewhere), /says prefix AROA:mi-0/);
  });

  it('a key that is none of a manifest', () => {
    for (const key of ['', KEY.replace('manifest', 'started'), DATA_KEY, `${KEY}.bak`, KEY.replace('data/', '../')]) {
      refused('object-key-invalid', () => parse(SAMPLE, key));
    }
  });
});

describe('objects that are not its own', () => {
  const other = (change: object) => ({ ...PLACE, number: 8, sha: short(A), ...change });
  const stranger = (key: string) => ({ objects: [...SAMPLE.objects, [key, 1, A, 2]] });

  it('of another host or set', () => {
    contradicts(stranger(objectKey({ kind: 'data', ...other({ prefix: 'AROA:mi-1' }) })), /not its own/);
    contradicts(stranger(objectKey({ kind: 'data', ...other({ set: 'etc' }) })), /not its own/);
    contradicts(stranger(objectKey({ kind: 'meta', ...other({ prefix: 'AROA:mi' }) })), /not its own/);
  });

  it('of another kind', () => {
    const keys = [SESSION_KEY, KEY, 'config/trust.json', 'recovery/recover.sh', `latest/carcosa/data.json`];
    for (const key of keys) contradicts(stranger(key), /not its own/);
  });

  it('whose keys are none', () => {
    for (const key of ['', '..', `${DATA_KEY}x`, DATA_KEY.replace('000007', '7'), DATA_KEY.toUpperCase()]) {
      contradicts(stranger(key), /not its own/);
    }
    contradicts(stranger('\u001b[2Jdata'), /not its own: "\\u001b\[2Jdata"$/);
  });

  it('but runs of the same chain that never came to an end are', () => {
    changed({ objects: [...SAMPLE.objects, [objectKey({ kind: 'data', ...other({ run: BASE }) }), 1, A, 2]] });
  });

  it('whose hash is not the one in the name', () => {
    contradicts({ objects: [[DATA_KEY, 1, B, 2], ...SAMPLE.objects.slice(1)] }, /the hash of data\/.* is not the one/);
  });

  it('of which two have one number', () => {
    const twin = objectKey({ kind: 'data', ...other({ number: 7, sha: short(B) }) });
    contradicts({ objects: [...SAMPLE.objects, [twin, 1, B, 2]] }, /two objects are data 7/);
    contradicts(stranger(DATA_KEY), /two objects are data 7/);
    const secondIndex = objectKey({ kind: 'index', ...PLACE, sha: short(A) });
    contradicts({ objects: [...SAMPLE.objects, [secondIndex, 1, A, 2]] }, /two objects are index/);
  });
});

describe('key objects', () => {
  it('that are missing', () => {
    contradicts({ keyObjects: [] }, /no key object for attempt 2 of data/);
    contradicts({ objects: [[DATA_KEY, 1, A, 3], ...SAMPLE.objects.slice(1)] }, /no key object for attempt 3/);
  });

  it('that are not its own', () => {
    const elsewhere = objectKey({ kind: 'session-key', ...PLACE, set: 'etc', attempt: 2, sha: short(D) });
    for (const key of [elsewhere, DATA_KEY, ''])
      contradicts({ keyObjects: [[2, key, 900, D]] }, /key object that is not/);
  });

  it('of another attempt, or two of one', () => {
    contradicts({ keyObjects: [[3, SESSION_KEY, 900, D]] }, /for attempt 3/);
    contradicts({ keyObjects: [...SAMPLE.keyObjects, ...SAMPLE.keyObjects] }, /for attempt 2/);
  });

  it('whose hash is not the one in the name', () => {
    contradicts({ keyObjects: [[2, SESSION_KEY, 900, A]] }, /the hash of meta\/.* is not the one/);
  });
});

describe('the index', () => {
  it('is one of the objects', () => {
    contradicts({ index: INDEX_KEY.replace('ccc', 'ddd') }, /its index/);
    contradicts({ index: META_KEY }, /its index/);
    contradicts({ index: null }, /its index/);
    contradicts({ objects: SAMPLE.objects.slice(0, 2) }, /its index/);
  });

  it('is there unless the run failed', () => {
    for (const outcome of OUTCOMES) {
      if (outcome === 'failed') contradicts({ outcome }, /a failed run has no index/);
      else changed({ outcome });
    }
  });
});

describe('sources', () => {
  const last = [CHAIN, RUN, null];
  it('end with the run itself', () => {
    const message = /the last source is not the run itself/;
    contradicts({ sources: [] }, message);
    contradicts({ sources: [[CHAIN, BASE, A]] }, message);
    contradicts({ sources: [[CHAIN, RUN, A]] }, message);
    contradicts({ sources: [[BASE, RUN, null]] }, message);
    contradicts({ sources: [last, [CHAIN, BASE, A]] }, message);
  });

  it('have hashes before that', () => {
    contradicts({ sources: [[CHAIN, BASE, null], last] }, /a source has no hash/);
    contradicts({ sources: [last, last] }, /a source has no hash/);
    contradicts({ sources: [[CHAIN, RUN, A], last] }, /a source/);
  });
});

it('one that is larger than any is refused unread', () => {
  refused('document-too-large', () => parseManifest(Buffer.alloc(manifestKind.maxBytes + 1), KEY), /67108865 bytes/);
});

it('damage is refused, never a crash', () => {
  const damaged = damages(Buffer.from(canonicalJson(SAMPLE)));
  const property = fc.property(damaged, (bytes) => {
    isRefused(['document-invalid', 'manifest-invalid', 'format-unknown'], () => parseManifest(bytes, KEY));
  });
  fc.assert(property, { numRuns: 1000 });
});

it('a manifest of the largest size is read in time', () => {
  const objects = Array.from({ length: 60_000 }, (_, i) => {
    return [objectKey({ kind: 'data', ...PLACE, number: i, sha: short(A) }), 33_000_000, A, 2];
  });
  const payload = Buffer.from(canonicalJson({ ...SAMPLE, objects: [...objects, ...SAMPLE.objects.slice(1)] }));
  const start = process.cpuUsage();
  assert.equal(parseManifest(payload, KEY).objects.length, 60_002);
  assert.ok(process.cpuUsage(start).user < 4_000_000);
});
