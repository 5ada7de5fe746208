import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptanceKind, trustKind } from '../../contract/trust.ts';
import { refused } from './samples.ts';

const FPR = '0123456789ABCDEF0123456789ABCDEF01234567';
const KEY = { fingerprint: FPR, from: 1, until: null };
const SAMPLE = {
  type: 'offsite/trust/1',
  format: 1,
  serial: 3,
  hosts: {
    'AROAEXAMPLE:mi-0': {
      name: 'carcosa',
      keys: [
        { ...KEY, until: 11 },
        { ...KEY, from: 12 },
      ],
    },
    purr: { name: 'purr', keys: [KEY] },
  },
};
const parse = (change: object) => trustKind.parse({ ...SAMPLE, ...change }, 'trust.json');
const withKey = (change: object) => parse({ hosts: { purr: { name: 'purr', keys: [{ ...KEY, ...change }] } } });

describe('trust.json', () => {
  it('is read', () => assert.deepEqual(parse({}), SAMPLE));

  it('keeps what newer versions put there, at every depth: it is written anew with it', () => {
    const more = { later: 1, hosts: { purr: { name: 'purr', keys: [{ ...KEY, later: [2] }], later: { a: 3 } } } };
    assert.deepEqual(parse(more), { ...SAMPLE, ...more });
  });

  const changes: [why: string, change: object][] = [
    ['no serial', { serial: undefined }],
    ['serial 0', { serial: 0 }],
    ['no hosts', { hosts: undefined }],
    ['a list of hosts', { hosts: [] }],
    ['a prefix that is none', { hosts: { '../x': SAMPLE.hosts.purr } }],
    ['a name that is none', { hosts: { purr: { ...SAMPLE.hosts.purr, name: 'p/urr' } } }],
    ['a host without keys', { hosts: { purr: { name: 'purr', keys: [] } } }],
    ['more keys than anybody has', { hosts: { purr: { name: 'purr', keys: Array(101).fill(KEY) } } }],
  ];
  for (const [why, change] of changes) {
    it(`with ${why} is refused`, () => refused('document-invalid', () => parse(change), /^trust\.json is not a valid/));
  }

  it('with a key that is wrong is refused', () => {
    const wrong = [
      { fingerprint: FPR.toLowerCase() },
      { fingerprint: FPR.slice(8) },
      { from: 0 },
      { from: null },
      { until: 0 },
      { until: undefined },
    ];
    for (const change of wrong) refused('document-invalid', () => withKey(change), /hosts\.purr\.keys\.0\./);
  });

  it('of a newer version is unknown', () => {
    refused('format-unknown', () => parse({ type: 'offsite/trust/2' }));
    refused('format-unknown', () => parse({ critical: ['revoked'], revoked: [] }));
  });
});

describe('an acceptance', () => {
  const ACCEPTED = {
    type: 'offsite/accepted/1',
    format: 1,
    prefix: 'purr',
    set: 'data',
    run: '20260105T040000Z-0123456789ab',
    payload: 'a'.repeat(64),
    because: 'the database was emptied on purpose',
    at: '2026-01-06T09:00:00Z',
  };

  it('is read', () => assert.deepEqual(acceptanceKind.parse(ACCEPTED, 'x'), ACCEPTED));

  it('names what it is of, and why', () => {
    for (const name of ['prefix', 'set', 'run', 'payload', 'because', 'at']) {
      refused('document-invalid', () => acceptanceKind.parse({ ...ACCEPTED, [name]: '' }, 'x'), new RegExp(name));
    }
    refused('document-invalid', () => acceptanceKind.parse({ ...ACCEPTED, because: 'x'.repeat(1001) }, 'x'), /because/);
  });
});
