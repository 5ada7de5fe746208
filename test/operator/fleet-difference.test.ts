/** What a change of the fleet file is called, as its operator reads it. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Fleet, parseFleet } from '../../contract/fleet.ts';
import { differences } from '../../operator/fleet-difference.ts';

const RECIPIENT = '0123456789ABCDEF0123456789ABCDEF01234567';
const OTHER = '89ABCDEF0123456789ABCDEF0123456789ABCDEF';
const HOSTS = { carcosa: { node: 'mi-1', sets: ['data'] }, purr: { node: 'mi-2', sets: ['etc', 'var'] } };
const POLICY = { hosts: ['carcosa', 'purr'], full: 'cron(0 0 1 * ? *)', deadline: '8h' };

type Part = Record<string, unknown>;

const file = (more: Part = {}): Fleet =>
  parseFleet(
    { store: 's3://b', recipients: [RECIPIENT], hosts: HOSTS, policies: { monthly: POLICY }, ...more },
    'fleet.yml',
    new Date('2026-11-01T00:00:00Z'),
  );
const withHost = (more: Part, name: 'carcosa' | 'purr' = 'carcosa') =>
  file({ hosts: { ...HOSTS, [name]: { ...HOSTS[name], ...more } } });
const withPolicy = (more: Part) => file({ policies: { monthly: { ...POLICY, ...more } } });
const said = (before: Fleet | null, after: Fleet) => differences(before, after).map(({ text }) => text);

test('nothing is said of what is the same, stamps and spelling aside', () => {
  assert.deepEqual(said(file(), file()), []);
  assert.deepEqual(said(file(), withPolicy({ deadline: '480m', sets: 'all', since: '2026-11-01T00:00:00Z' })), []);
  assert.deepEqual(said(file(), file({ digest: 'cron(0 7 * * ? *)' })), []);
});

test('a first file', () => {
  assert.deepEqual(said(null, file({ heartbeat: 'https://example.org/ping' })), [
    'the first fleet file of s3://b, for the stack offsite',
    `every backup must be readable by ${RECIPIENT}`,
    'heartbeat to https://example.org/ping',
    'host carcosa is new: node mi-1, set data',
    'host purr is new: node mi-2, sets etc, var',
    'policy monthly is new: 2 hosts (carcosa, purr), all sets, full cron(0 0 1 * ? *), deadline 8h',
  ]);
});

describe('of the whole fleet', () => {
  const cases: [string, Part, string[]][] = [
    ['store', { store: 's3://c' }, ['store: s3://b becomes s3://c']],
    ['stack', { stack: 'other' }, ['stack: offsite becomes other; the rules of offsite stay']],
    ['recipients', { recipients: [OTHER] }, [`recipients: ${OTHER} added`, `recipients: ${RECIPIENT} removed`]],
    ['digest', { digest: 'cron(0 9 * * ? *)' }, ['digest: due at cron(0 9 * * ? *) instead of cron(0 7 * * ? *)']],
    ['heartbeat', { heartbeat: 'https://example.org/a' }, ['heartbeat: https://example.org/a']],
  ];
  for (const [what, more, texts] of cases) test(what, () => assert.deepEqual(said(file(), file(more)), texts));
  test('a heartbeat taken away', () =>
    assert.deepEqual(said(file({ heartbeat: 'https://example.org/a' }), file()), [
      'heartbeat: none any more (was https://example.org/a)',
    ]));
});

describe('of a host', () => {
  test('added and removed', () => {
    const more = file({ hosts: { ...HOSTS, third: { node: 'mi-3', sets: ['data'], pause: { until: '2026-12-24' } } } });
    assert.deepEqual(said(file(), more), [
      'host third is new: node mi-3, set data; is paused until 2026-12-24: nothing is due before that day',
    ]);
    assert.deepEqual(said(more, file()), ['host third is removed (node mi-3); its backups stay']);
  });

  test('renamed, which is not one added and one removed', () => {
    const hosts = { ythill: { node: 'mi-1', sets: ['data', 'etc'] }, purr: HOSTS.purr };
    const after = file({ hosts, policies: { monthly: { ...POLICY, hosts: ['ythill', 'purr'] } } });
    const [first] = differences(file(), after);
    assert.deepEqual([first?.what, first?.name], ['renamed', 'ythill']);
    assert.deepEqual(said(file(), after), [
      'host ythill is what carcosa was called (node mi-1); its history until now stays under carcosa',
      'host ythill sets: etc added',
      'policy monthly hosts: ythill added',
      'policy monthly hosts: carcosa removed',
    ]);
  });

  test('two that changed their nodes with each other are two other machines', () => {
    const after = file({
      hosts: { carcosa: { ...HOSTS.carcosa, node: 'mi-2' }, purr: { ...HOSTS.purr, node: 'mi-1' } },
    });
    assert.deepEqual(said(file(), after), [
      'host carcosa is another machine: node mi-2 instead of mi-1',
      'host purr is another machine: node mi-1 instead of mi-2',
    ]);
  });

  const paused = withHost({ pause: { until: '2026-12-24' } });
  const cases: [string, Fleet, Fleet, string][] = [
    [
      'its sets',
      file(),
      withHost({ sets: ['var', 'home'] }, 'purr'),
      'host purr sets: home added, host purr sets: etc removed',
    ],
    ['the order of its sets', file(), withHost({ sets: ['var', 'etc'] }, 'purr'), 'host purr sets: in another order'],
    ['a pin', file(), withHost({ signingKey: OTHER }), `host carcosa pinned signing key: ${OTHER}`],
    [
      'no pin',
      withHost({ signingKey: OTHER }),
      file(),
      `host carcosa pinned signing key: none any more (was ${OTHER})`,
    ],
    ['a pause', file(), paused, 'host carcosa is paused until 2026-12-24: nothing is due before that day'],
    [
      'another pause',
      paused,
      withHost({ pause: { until: '2027-01-01' } }),
      'host carcosa is paused until 2027-01-01 instead of 2026-12-24: nothing is due before that day',
    ],
    ['no pause', paused, file(), 'host carcosa is not paused any more (was until 2026-12-24)'],
    [
      'anomalies off',
      file(),
      withHost({ anomalies: 'off' }),
      'host carcosa has no run held against earlier ones any more',
    ],
    [
      'anomalies off for a set',
      file(),
      withHost({ anomalies: { etc: 'off' } }, 'purr'),
      'host purr has no run of etc held against earlier ones any more',
    ],
    [
      'anomalies on',
      withHost({ anomalies: 'off' }),
      file(),
      'host carcosa has its runs held against earlier ones again',
    ],
  ];
  for (const [what, before, after, text] of cases) test(what, () => assert.equal(said(before, after).join(', '), text));
});

describe('of a policy', () => {
  test('added and removed', () => {
    const two = file({
      policies: { monthly: POLICY, nightly: { ...POLICY, hosts: ['purr'], sets: ['etc'], splay: '30m' } },
    });
    assert.deepEqual(said(file(), two), [
      'policy nightly is new: 1 host (purr), set etc, full cron(0 0 1 * ? *), deadline 8h, splay 30m',
    ]);
    assert.deepEqual(said(two, file()), ['policy nightly is removed']);
  });

  test('of many hosts, the first ones', () => {
    const hosts = Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [`h${i}`, { node: `mi-${i}`, sets: ['data'] }]),
    );
    const after = file({ hosts, policies: { daily: { ...POLICY, hosts: Object.keys(hosts) } } });
    assert.match(said(null, after).at(-1) ?? '', /9 hosts \(h0, h1, h2, h3, h4 and 4 more\)/);
  });

  const some = withPolicy({ sets: ['data', 'etc'] });
  const cases: [string, Fleet, Fleet, string[]][] = [
    ['its hosts', file(), withPolicy({ hosts: ['purr'] }), ['policy monthly hosts: carcosa removed']],
    [
      'its sets',
      some,
      withPolicy({ sets: ['data', 'var'] }),
      ['policy monthly sets: var added', 'policy monthly sets: etc removed'],
    ],
    ['some sets instead of all', file(), some, ['policy monthly is of sets data, etc alone now']],
    ['all sets instead of some', some, file(), ['policy monthly is of all sets now']],
    [
      'its schedules',
      file(),
      withPolicy({ full: 'cron(0 1 1 * ? *)', incremental: 'cron(0 4 ? * MON *)' }),
      [
        'policy monthly full: cron(0 1 1 * ? *) instead of cron(0 0 1 * ? *)',
        'policy monthly incremental: cron(0 4 ? * MON *)',
      ],
    ],
    [
      'deadline and splay',
      file(),
      withPolicy({ deadline: '90m', splay: '45s' }),
      ['policy monthly deadline: 90m instead of 8h', 'policy monthly splay: 45s instead of 0s'],
    ],
  ];
  for (const [what, before, after, texts] of cases) test(what, () => assert.deepEqual(said(before, after), texts));
});
