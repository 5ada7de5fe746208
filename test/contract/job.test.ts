import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { instantText } from '../../contract/ids.ts';
import { decodeJob, encodeJob, type Job, MAX_JOB_BYTES } from '../../contract/job.ts';
import { damages, hosts, instants, isRefused, policies, refused, runIds, sets, shas } from './samples.ts';

const RUN = '20260104T040000Z-0123456789ab';
const pointer = { run: runIds, payload: shas };
const plain = { noNullPrototype: true };
const instantTexts = instants.map(instantText);
const setJobs = fc.record(
  {
    base: fc.option(fc.record(pointer, plain)),
    head: fc.option(fc.record({ ...pointer, sequence: fc.integer({ min: 1 }) }, plain)),
  },
  plain,
);
const jobs: fc.Arbitrary<Job> = fc.record(
  {
    v: fc.constant(1 as const),
    policy: policies,
    due: instantTexts,
    type: fc.constantFrom('full', 'incremental'),
    deadline: instantTexts,
    splay: fc.nat({ max: 86_400 }),
    hosts: fc.dictionary(hosts, fc.dictionary(sets, setJobs, { maxKeys: 3, ...plain }), { maxKeys: 4, ...plain }),
  },
  plain,
);

const SAMPLE = {
  v: 1,
  policy: 'weekly',
  due: '2026-01-05T04:00:00Z',
  type: 'incremental',
  deadline: '2026-01-05T12:00:00Z',
  splay: 1800,
  hosts: {
    'mi-0': {
      data: { base: { run: RUN, payload: 'a'.repeat(64) }, head: null },
      etc: { base: null, head: null },
    },
  },
};
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (change: object) => decodeJob(encode({ ...SAMPLE, ...change }));

it('any job comes back, in a text that no shell misreads', () => {
  const property = fc.property(jobs, (job) => {
    const text = encodeJob(job);
    assert.match(text, /^[A-Za-z0-9_-]+$/);
    assert.deepEqual(decodeJob(text), job);
  });
  fc.assert(property);
  assert.deepEqual(decode({}), SAMPLE);
});

it('keys of newer stacks are passed over', () => {
  const { later } = decode({ later: 1 }) as Job & { later: number };
  assert.equal(later, 1);
  const more = { 'mi-0': { data: { base: null, head: null, later: 1 } } };
  assert.deepEqual(decode({ hosts: more }).hosts, { 'mi-0': { data: { base: null, head: null } } });
});

describe('a wrong job is refused', () => {
  const texts: [why: string, text: string, message: RegExp][] = [
    ['nothing', '', /not base64url/],
    ['base64 of the other kind', 'e30=', /not base64url/],
    ['a line break', 'e30\n', /not base64url/],
    ['shell', '$(reboot)', /not base64url/],
    ['no JSON', encode(1).slice(1), /not JSON|not valid/],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]).toString('base64url'), /not JSON/],
    ['too long', 'A'.repeat(2 * MAX_JOB_BYTES + 1), /too long/],
    ['null', encode(null), /expected object/],
    ['an array', encode([SAMPLE]), /expected object/],
  ];
  for (const [why, text, message] of texts) it(why, () => refused('job-invalid', () => decodeJob(text), message));

  const changes: [why: string, change: object, message: RegExp][] = [
    ['a newer version', { v: 2 }, /v: /],
    ['no version', { v: undefined }, /v: /],
    ['a policy that is none', { policy: '../x' }, /policy: not a valid policy name/],
    ['an instant that is none', { due: '2026-02-30T00:00:00Z' }, /due: /],
    ['no deadline', { deadline: null }, /deadline: /],
    ['another type', { type: 'auto' }, /type: /],
    ['a splay beyond a day', { splay: 86_401 }, /splay: /],
    ['a negative splay', { splay: -1 }, /splay: /],
    ['a node that is none', { hosts: { '../x': {} } }, /hosts\.\.\.\/x: /],
    ['a set that is none', { hosts: { 'mi-0': { Data: { base: null, head: null } } } }, /hosts\.mi-0\.Data: /],
    ['a set that every object has', { hosts: { 'mi-0': { constructor: { base: null, head: null } } } }, /constructor/],
    ['a base without a hash', { hosts: { a: { b: { base: { run: RUN }, head: null } } } }, /base\.payload: /],
    [
      'a head without a sequence',
      { hosts: { a: { b: { base: null, head: { run: RUN, payload: 'a'.repeat(64) } } } } },
      /sequence: /,
    ],
    ['no base', { hosts: { a: { b: { head: null } } } }, /base: /],
    ['a list of hosts', { hosts: [] }, /hosts: /],
  ];
  for (const [why, change, message] of changes) it(why, () => refused('job-invalid', () => decode(change), message));

  it('__proto__ among the hosts changes nothing', () => {
    const text = JSON.stringify(SAMPLE).replace('"mi-0"', '"__proto__":{"polluted":{"base":null,"head":null}},"mi-0"');
    const job = decodeJob(Buffer.from(text).toString('base64url'));
    assert.deepEqual(Object.keys(job.hosts), ['mi-0']);
    assert.equal(Object.getPrototypeOf(job.hosts), Object.prototype);
  });

  it('damage is refused, or gives a job', () => {
    const damaged = damages(Buffer.from(encode(SAMPLE))).map((bytes) => bytes.toString('latin1'));
    const property = fc.property(damaged, (text) => {
      isRefused(['job-invalid'], () => encodeJob(decodeJob(text)));
    });
    fc.assert(property, { numRuns: 1000 });
  });
});
