import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDocument } from 'yaml';
import { type Fleet, parseFleet } from '../../contract/fleet.ts';
import { literally, refused } from './samples.ts';

const NOW = new Date('2026-05-01T12:00:00Z');
const read = (value: unknown, now = NOW): Fleet => parseFleet(value, 'fleet.yml', now);
const says = (work: () => unknown, message: string) =>
  refused('fleet-invalid', work, literally(`fleet.yml: ${message}`));

/** The sample of the command line's page. */
const WHOLE = `
store: s3://my-backups
stack: offsite-prod
recipients: [0123456789ABCDEF0123456789ABCDEF01234567]
hosts:
  carcosa: { node: mi-0123456789abcdef0, sets: [data] }
  purr:    { node: i-0123456789abcdef0, sets: [etc, var, home] }
policies:
  weekly:
    hosts: [carcosa, purr]
    sets: all
    full: cron(0 0 1 * ? *)
    incremental: cron(0 4 ? * MON *)
    deadline: 8h
    splay: 30m
digest: cron(0 7 * * ? *)
heartbeat: https://example.org/ping/abc
`;
const yaml = (text: string): unknown => parseDocument(text).toJS();
const SAMPLE = yaml(WHOLE) as { hosts: Record<string, object>; policies: { weekly: object } };

const change = (more: object) => () => read({ ...SAMPLE, ...more });
const changeHost = (more: object) => change({ hosts: { ...SAMPLE.hosts, purr: { ...SAMPLE.hosts.purr, ...more } } });
const changePolicy = (more: object) => change({ policies: { weekly: { ...SAMPLE.policies.weekly, ...more } } });

describe('a fleet file', () => {
  it('is read whole', () => {
    assert.deepEqual(read(yaml(WHOLE)), {
      ...SAMPLE,
      policies: { weekly: { ...SAMPLE.policies.weekly, deadline: 8 * 3_600_000, splay: 1_800_000 } },
    });
  });

  it('may have hosts and sets whose unusual runs are to be noted alone', () => {
    const line = (text: string) => read(yaml(WHOLE.replace('[data] }', `[data], anomalies: ${text} }`))).hosts.carcosa;
    assert.equal(line('off')?.anomalies, 'off');
    assert.deepEqual(line('{ data: off }')?.anomalies, { data: 'off' });
    assert.equal(read(yaml(WHOLE)).hosts.carcosa?.anomalies, undefined);
    says(changeHost({ anomalies: { data: 'off' } }), 'hosts.purr.anomalies: the host has no set data');
    says(
      changeHost({ anomalies: 'on' }),
      'hosts.purr.anomalies: must be `off`, or sets by name with `off` (found "on")',
    );
    says(changeHost({ anomalies: { etc: 'on' } }), 'hosts.purr.anomalies');
  });

  it('may have pins, pauses and stamps', () => {
    const { hosts } = changeHost({
      signingKey: '89ABCDEF0123456789ABCDEF0123456789ABCDEF',
      pause: { until: '2026-12-24' },
      since: '2026-04-01T00:00:00Z',
    })();
    assert.deepEqual(hosts.purr?.pause, { until: '2026-12-24' });
    changePolicy({ since: '2026-04-01T00:00:00Z' })();
    assert.deepEqual(
      read(yaml(WHOLE.replace('[data] }', '[data], pause: { until: 2026-12-24 } }'))).hosts.carcosa?.pause,
      {
        until: '2026-12-24',
      },
    );
  });

  it('has defaults', () => {
    const { weekly } = changePolicy({ sets: undefined, deadline: undefined, splay: undefined })().policies;
    assert.deepEqual([weekly?.sets, weekly?.deadline, weekly?.splay], ['all', 8 * 3_600_000, 0]);
    assert.equal(change({ stack: undefined, digest: undefined, heartbeat: undefined })().stack, 'offsite');
  });

  it('may ask for one type alone, and for some sets', () => {
    changePolicy({ full: undefined })();
    changePolicy({ incremental: undefined, sets: ['data', 'home'] })();
  });

  it('may have 140 policies', () => {
    const many = (count: number) =>
      change({
        policies: Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, SAMPLE.policies.weekly])),
      });
    assert.equal(Object.keys(many(140)().policies).length, 140);
    says(many(141), 'policies: 141 are more than the 140 that fit one event bus');
  });
});

describe('what is refused, with its field named', () => {
  it('an unknown host', () =>
    says(changePolicy({ hosts: ['carcosa', 'nobody'] }), 'policies.weekly.hosts: no host nobody'));
  it('an unknown host that every object has', () =>
    says(changePolicy({ hosts: ['toString'] }), 'policies.weekly.hosts.0: not a valid host name'));
  it('an unknown set', () =>
    says(changePolicy({ sets: ['data', 'dta'] }), 'policies.weekly.sets: none of its hosts has a set dta'));
  it('a set that only a host of another policy has', () =>
    says(
      changePolicy({ hosts: ['carcosa'], sets: ['home'] }),
      'policies.weekly.sets: none of its hosts has a set home',
    ));
  it('a duplicate node', () =>
    says(
      changeHost({ node: 'mi-0123456789abcdef0' }),
      'hosts.purr.node: mi-0123456789abcdef0 is the node of carcosa already',
    ));
  it('a policy without schedule', () =>
    says(changePolicy({ full: undefined, incremental: undefined }), 'policies.weekly.full: needs a schedule'));
  it('a policy without hosts', () =>
    says(changePolicy({ hosts: [] }), 'policies.weekly.hosts: must name at least one host (found [])'));
  it('a policy that names no hosts', () =>
    says(changePolicy({ hosts: undefined }), 'policies.weekly.hosts: is missing: must be a list'));
  it('a policy without sets', () =>
    says(changePolicy({ sets: [] }), 'policies.weekly.sets: must name at least one set (found [])'));
  it('a host or set named twice in a policy', () => {
    says(changePolicy({ hosts: ['purr', 'carcosa', 'purr'] }), 'policies.weekly.hosts: names purr twice');
    says(changePolicy({ sets: ['etc', 'etc'] }), 'policies.weekly.sets: names etc twice');
  });
  it('a host with no sets', () => {
    says(changeHost({ sets: [] }), 'hosts.purr.sets: must name at least one set (found [])');
    says(changeHost({ sets: undefined }), 'hosts.purr.sets: is missing: must be a list');
  });
  it('a host with a set twice', () =>
    says(changeHost({ sets: ['etc', 'var', 'etc'] }), 'hosts.purr.sets: names etc twice'));

  it('a cron that EventBridge refuses', () => {
    const refusedBy = [
      ['0 4 * * ? *', 'the schedule is "0 4 * * ? *"'],
      ['rate(1 day)', 'the schedule is "rate(1 day)"'],
      ['cron(60 4 * * ? *)', 'minutes is "60"'],
      ['cron(0 4 * * * *)', 'day-of-month and day-of-week is "* *"'],
    ];
    for (const [schedule, message] of refusedBy) {
      says(changePolicy({ incremental: schedule }), `policies.weekly.incremental: cron: ${message}`);
      says(changePolicy({ full: schedule }), `policies.weekly.full: cron: ${message}`);
      says(change({ digest: schedule }), `digest: cron: ${message}`);
    }
    says(changePolicy({ full: 7 }), 'policies.weekly.full: must be a text (found 7)');
  });

  it('a cron that has no due time in 400 days', () => {
    for (const schedule of [
      'cron(0 0 30 FEB ? *)',
      'cron(0 0 1 1 ? 2025)',
      'cron(0 0 1 1 ? 2028)',
      'cron(0 0 29 FEB ? *)',
    ]) {
      says(changePolicy({ full: schedule }), `policies.weekly.full: ${schedule} is never due in the next 400 days`);
    }
    says(change({ digest: 'cron(0 0 30 2 ? *)' }), 'digest: cron(0 0 30 2 ? *) is never due in the next 400 days');
    const leap = { ...SAMPLE, policies: { weekly: { ...SAMPLE.policies.weekly, full: 'cron(0 0 29 FEB ? *)' } } };
    read(leap, new Date('2027-03-01T00:00:00Z'));
  });

  it('a policy of the name that is kept, a host without any of its sets, and a deadline that no command lives to see', () => {
    const { weekly } = SAMPLE.policies;
    says(
      () => parseFleet({ ...SAMPLE, policies: { manual: weekly } }, 'fleet.yml', NOW),
      'policies.manual: the name is kept',
    );
    says(
      changePolicy({ hosts: ['carcosa', 'purr'], sets: ['data'] }),
      'policies.weekly.hosts: purr has none of the sets data',
    );
    says(changePolicy({ deadline: '31d', incremental: undefined }), 'policies.weekly.deadline: must be 30d or less');
  });

  it('a deadline longer than the shortest interval of the same cron', () => {
    says(
      changePolicy({ incremental: 'cron(0 0/6 * * ? *)' }),
      'policies.weekly.deadline: 480 minutes is longer than the shortest time between two incremental runs, 360 minutes',
    );
    // The shortest month is the one that counts, and hours that are not evenly spread.
    says(
      changePolicy({ deadline: '29d', incremental: undefined }),
      'policies.weekly.deadline: 41760 minutes is longer',
    );
    changePolicy({ deadline: '28d', incremental: undefined })();
    says(changePolicy({ incremental: 'cron(0 4,9 * * ? *)' }), 'policies.weekly.deadline: 480 minutes is longer');
    changePolicy({ incremental: 'cron(0 0/6 * * ? *)', deadline: '6h' })();
    changePolicy({ incremental: 'cron(0/1 * * * ? *)', deadline: '1m', splay: '0s' })();
  });

  it('a deadline below a minute', () =>
    says(changePolicy({ deadline: '59s' }), 'policies.weekly.deadline: must be 1m or more (found 59 seconds)'));

  it('a splay that reaches the deadline, or is longer than a job can say', () => {
    says(
      changePolicy({ splay: '8h' }),
      'policies.weekly.splay: 480 minutes is not shorter than the deadline, 480 minutes',
    );
    says(
      changePolicy({ splay: '25h', deadline: '5d', incremental: undefined }),
      'policies.weekly.splay: must be 24h or less (found 1500 minutes)',
    );
    changePolicy({ splay: '24h', deadline: '5d' })();
  });

  it('policy names beyond a-z, 0-9 and -', () => {
    for (const name of ['Weekly', 'week_ly', 'week.ly', '', 'a'.repeat(25), '../x']) {
      says(
        change({ policies: { [name]: SAMPLE.policies.weekly } }),
        `policies.${name}: not a valid policy name (a-z, 0-9, -, 24 at most)`,
      );
    }
  });

  const others: [why: string, work: () => unknown, message: string][] = [
    ['an empty file', () => read(null), 'store: is missing: must be a text'],
    ['a list', () => read([]), 'must be a mapping (found [])'],
    ['no store', change({ store: undefined }), 'store: '],
    ['an empty store', change({ store: '' }), 'store: '],
    ['no recipients', change({ recipients: undefined }), 'recipients: '],
    ['empty recipients', change({ recipients: [] }), 'recipients: must name at least one primary key (found [])'],
    ['a key file for a recipient', change({ recipients: ['me.asc'] }), 'recipients.0: must be a fingerprint of 40'],
    ['a short fingerprint', change({ recipients: ['0123456789ABCDEF'] }), 'recipients.0: must be a fingerprint'],
    ['a fingerprint that YAML reads as a number', change({ recipients: [1.2e39] }), 'recipients.0: must be a text'],
    ['a stack name in capitals', change({ stack: 'Offsite' }), 'stack: must be a stack name (found "Offsite")'],
    [
      'a mistyped key, which makes another one missing',
      change({ policies: undefined, polices: {} }),
      'unknown key "polices"',
    ],
    ['a list of hosts', change({ hosts: ['carcosa'] }), 'hosts: must be a mapping'],
    ['a host name with a slash', change({ hosts: { 'a/b': SAMPLE.hosts.purr } }), 'hosts.a/b: not a valid host name'],
    ['a node that is none', changeHost({ node: 'mi 0' }), 'hosts.purr.node: must be a node id (found "mi 0")'],
    ['no node', changeHost({ node: undefined }), 'hosts.purr.node: '],
    ['a set name in capitals', changeHost({ sets: ['Etc'] }), 'hosts.purr.sets.0: not a valid set name'],
    ['a pin that is no fingerprint', changeHost({ signingKey: 'abc' }), 'hosts.purr.signingKey: must be a fingerprint'],
    ['a pause for ever', changeHost({ pause: {} }), 'hosts.purr.pause.until: '],
    [
      'a pause until no day',
      changeHost({ pause: { until: '2026-02-30' } }),
      'hosts.purr.pause.until: must be a date like 2026-12-24 (found "2026-02-30")',
    ],
    [
      'a pause until month 13',
      changeHost({ pause: { until: '2026-13-01' } }),
      'hosts.purr.pause.until: must be a date',
    ],
    ['a pause until an instant', changeHost({ pause: { until: '2026-12-24T00:00:00Z' } }), 'hosts.purr.pause.until: '],
    ['a stamp that is none', changeHost({ since: '2026-04-01' }), 'hosts.purr.since: not a valid instant'],
    [
      'sets that are neither all nor a list',
      changePolicy({ sets: 'data' }),
      'policies.weekly.sets: must be `all` or a list of sets (found "data")',
    ],
    [
      'a deadline without a unit',
      changePolicy({ deadline: 8 }),
      'policies.weekly.deadline: must be a duration like 90s, 30m, 6h or 31d (found 8)',
    ],
    [
      'a heartbeat that is no URL',
      change({ heartbeat: 'example.org' }),
      'heartbeat: must be a URL like https://example.org/ping',
    ],
    ['a heartbeat to a file', change({ heartbeat: 'file:///etc/passwd' }), 'heartbeat: must be a URL like https://'],
  ];
  for (const [why, work, message] of others) it(why, () => says(work, message));

  it('unknown keys, at every depth', () => {
    says(change({ policy: {} }), 'unknown key "policy"');
    says(changeHost({ set: ['etc'] }), 'hosts.purr: unknown key "set"');
    says(changeHost({ pause: { until: '2026-12-24', from: '2026-12-01' } }), 'hosts.purr.pause: unknown key "from"');
    says(changePolicy({ increment: 'cron(0 4 * * ? *)' }), 'policies.weekly: unknown key "increment"');
  });

  it('__proto__ among the names', () => {
    says(
      () => read(yaml(WHOLE.replace('  carcosa:', '  __proto__: { node: i-1, sets: [a] }\n  carcosa:'))),
      'hosts: unknown key "__proto__"',
    );
    says(
      () => read(yaml(WHOLE.replace('  weekly:', '  __proto__: {}\n  weekly:'))),
      'policies: unknown key "__proto__"',
    );
  });
});
