/** Keys of every kind: any, and one of each as the format spells it. */

import fc from 'fast-check';
import type { ObjectKey } from '../../contract/keys.ts';
import { fingerprints, hosts, instants, policies, prefixes, runIds, sets, shortShas } from './samples.ts';

const numbers = fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 999_999_999 }));
const problem = fc
  .tuple(
    fc.constantFrom('missed', 'unknown-node', 'not-dispatched'),
    fc.option(sets, { nil: '-' }),
    fc.oneof(hosts, policies, fc.constant('-')),
  )
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
export const KINDS = Object.keys(PIECES) as ObjectKey['kind'][];
export const keyOf = (kind: ObjectKey['kind']) =>
  fc.record(
    { kind: fc.constant(kind), ...PIECES[kind] },
    { noNullPrototype: true },
  ) as unknown as fc.Arbitrary<ObjectKey>;
export const anyKey = fc.constantFrom(...KINDS).chain(keyOf);

export const C = '20260101T000000Z-000000000000';
export const R = '20260105T040000Z-0123456789ab';
export const SHA = '0123456789abcdef0123456789abcdef';
export const FPR = '0123456789ABCDEF0123456789ABCDEF01234567';
export const DUE = new Date('2026-01-05T04:00:00Z');
export const RUN = { prefix: 'AROA:mi-0', set: 'data', run: R };
export const PART = { ...RUN, chain: C };

/** The table of the format, spelled out: this is what lies in stores for years. */
export const SPELLED: [ObjectKey, string][] = [
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
  [{ kind: 'alert', problem: 'not-dispatched.-.nightly' }, 'alerts/not-dispatched.-.nightly.json'],
  [{ kind: 'recovery', file: 'recover.sh' }, 'recovery/recover.sh'],
];
