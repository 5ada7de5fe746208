/** The form of a manifest: each field, bytes that are not canonical, sizes, newer versions. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../../contract/canonical.ts';
import { objectKey } from '../../contract/keys.ts';
import { manifestKind, parseManifest } from '../../contract/manifest.ts';
import {
  A,
  BASE,
  CHAIN,
  changed,
  D,
  DATA_KEY,
  KEY,
  PLACE,
  parse,
  RUN,
  SAMPLE,
  SESSION_KEY,
  short,
} from './manifest-sample.ts';
import { damages, isRefused, refused } from './samples.ts';

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
