/** A valid manifest, and the keys in it. */

import { canonicalJson } from '../../contract/canonical.ts';
import { objectKey } from '../../contract/keys.ts';
import { type Manifest, parseManifest } from '../../contract/manifest.ts';
export const CHAIN = '20260101T000000Z-000000000000';
export const RUN = '20260105T040000Z-0123456789ab';
export const BASE = '20260104T040000Z-0123456789ab';
export const [A, B, C, D, E] = ['a', 'b', 'c', 'd', 'e'].map((digit) => digit.repeat(64)) as [
  string,
  string,
  string,
  string,
  string,
];
export const PLACE = { prefix: 'AROA:mi-0', set: 'data', chain: CHAIN, run: RUN };
export const short = (sha: string) => sha.slice(0, 32);

export const DATA_KEY = objectKey({ kind: 'data', ...PLACE, number: 7, sha: short(A) });
export const META_KEY = objectKey({ kind: 'meta', ...PLACE, number: 7, sha: short(B) });
export const INDEX_KEY = objectKey({ kind: 'index', ...PLACE, sha: short(C) });
export const SESSION_KEY = objectKey({ kind: 'session-key', ...PLACE, attempt: 2, sha: short(D) });
export const KEY = objectKey({ kind: 'manifest', ...PLACE });

export const SAMPLE = {
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
export type Sample = Record<keyof typeof SAMPLE, unknown>;

export const parse = (manifest: object, key = KEY): Manifest =>
  parseManifest(Buffer.from(canonicalJson(manifest)), key);
export const changed = (change: Partial<Sample>) => parse({ ...SAMPLE, ...change });
