/** Since when what is in a fleet file has been there; and that no slot is lost or missed by what the stamps say. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Json } from '../../contract/canonical.ts';
import { type Fleet, parseFleet } from '../../contract/fleet.ts';
import { stamped } from '../../contract/fleet-stamps.ts';
import { slotsBetween } from '../../functions/rules/slots.ts';

type Written = Record<string, unknown>;

const T1 = '2026-11-20T00:00:00Z';
/** While the full of midnight is open, and before the incremental of six o'clock. */
const T2 = '2026-11-22T03:00:00Z';
const RECIPIENT = '0123456789ABCDEF0123456789ABCDEF01234567';

const HOSTS = { carcosa: { node: 'mi-carcosa', sets: ['data'] }, purr: { node: 'mi-purr', sets: ['data', 'etc'] } };
const DAILY = {
  hosts: ['carcosa', 'purr'],
  full: 'cron(0 0 ? * SUN *)',
  incremental: 'cron(0 6 * * ? *)',
  deadline: '8h',
};

const file = (hosts: Written = HOSTS, policies: Written = { daily: DAILY }): Written => ({
  ...{ store: 's3://backups', recipients: [RECIPIENT], hosts, policies },
});

/** The files, applied one after the other; the last one as it is stored then. */
function applied(...files: [string, Written][]): Fleet {
  let before: Fleet | null = null;
  for (const [now, written] of files) {
    const fleet = parseFleet(written, 'fleet.yml', new Date(now));
    before = parseFleet(stamped(written as Json, { fleet, before, now }), 'fleet.yml', new Date(now));
  }
  return before as unknown as Fleet;
}

/** What is due after the second file was applied, on that day: `HH:MM type host/set …`. */
function dueAfter(fleet: Fleet, from = T2): string[] {
  const midnight = new Date(`${from.slice(0, 10)}T23:59:59Z`);
  return slotsBetween(fleet, new Date(Date.parse(from) - 1), midnight).map(
    ({ due, type, asked }) =>
      `${due.toISOString().slice(11, 16)} ${type} ${asked.map(({ host, set }) => `${host}/${set}`).join(' ')}`,
  );
}

describe('stamps', () => {
  it('of a first file are the time it was applied, whatever the file says itself', () => {
    const lies = { since: '2020-01-01T00:00:00Z' };
    const fleet = applied([
      T1,
      file(
        { carcosa: { ...HOSTS.carcosa, ...lies } },
        { daily: { ...DAILY, hosts: ['carcosa'], ...lies, joined: { carcosa: { data: '2020-01-01T00:00:00Z' } } } },
      ),
    ]);
    assert.equal(fleet.hosts.carcosa?.since, T1);
    assert.deepEqual([fleet.policies.daily?.since, fleet.policies.daily?.joined], [T1, undefined]);
  });

  it('stay while nothing changes, spelt otherwise or not', () => {
    const again = file(HOSTS, { daily: { ...DAILY, deadline: '480m' } });
    const { hosts, policies } = applied([T1, file()], [T2, again]);
    assert.deepEqual([hosts.carcosa?.since, hosts.purr?.since, policies.daily?.since], [T1, T1, T1]);
    assert.equal(policies.daily?.joined, undefined);
  });

  it('are new of a policy with another schedule or deadline, and stay with other members, sets or splay', () => {
    const sinceWith = (more: Written) =>
      applied([T1, file()], [T2, file(HOSTS, { daily: { ...DAILY, ...more } })]).policies.daily?.since;
    assert.equal(sinceWith({ full: 'cron(0 1 ? * SUN *)' }), T2);
    assert.equal(sinceWith({ incremental: 'cron(0 7 * * ? *)' }), T2);
    assert.equal(sinceWith({ deadline: '7h' }), T2);
    assert.equal(sinceWith({ hosts: ['purr'], sets: ['etc'], splay: '5m' }), T1);
  });

  it('are new of a host under another name, and of one with another node', () => {
    const { ythill, purr } = applied(
      [T1, file()],
      [
        T2,
        file(
          { ythill: HOSTS.carcosa, purr: { ...HOSTS.purr, node: 'mi-new' } },
          { daily: { ...DAILY, hosts: ['ythill', 'purr'] } },
        ),
      ],
    ).hosts;
    assert.deepEqual([ythill?.since, purr?.since], [T2, T2]);
  });

  it('survive a third file, and end with what they are of', () => {
    const joins = file(HOSTS, { daily: { ...DAILY, hosts: ['carcosa', 'purr'] } });
    const alone = file(HOSTS, { daily: { ...DAILY, hosts: ['carcosa'] } });
    const later = '2026-11-23T03:00:00Z';
    assert.deepEqual(applied([T1, alone], [T2, joins], [later, joins]).policies.daily?.joined, {
      purr: { data: T2, etc: T2 },
    });
    assert.equal(applied([T1, alone], [T2, joins], [later, alone]).policies.daily?.joined, undefined);
    const leftAndCame = applied([T1, joins], [T2, alone], [later, joins]);
    assert.deepEqual(leftAndCame.policies.daily?.joined, { purr: { data: later, etc: later } });
    // A policy that is new itself says it for all of them.
    const anew = file(HOSTS, { daily: { ...DAILY, deadline: '7h' } });
    assert.equal(applied([T1, alone], [T2, joins], [later, anew]).policies.daily?.joined, undefined);
  });
});

/** The full of midnight, due before T2, is open until eight; whoever was asked for it needs no incremental at six. */
describe('what is due after a change while a full is open', () => {
  it('nothing new where nothing changed', () => assert.deepEqual(dueAfter(applied([T1, file()], [T2, file()])), []));

  const cases: [string, Written, Written, string][] = [
    [
      'a host that is new',
      file({ carcosa: HOSTS.carcosa }, { daily: { ...DAILY, hosts: ['carcosa'] } }),
      file(),
      'purr/data purr/etc',
    ],
    [
      'a host that was there and joins the policy',
      file(HOSTS, { daily: { ...DAILY, hosts: ['carcosa'] } }),
      file(),
      'purr/data purr/etc',
    ],
    ['a set that a host got', file({ ...HOSTS, purr: { ...HOSTS.purr, sets: ['data'] } }), file(), 'purr/etc'],
    ['a set that the policy got', file(HOSTS, { daily: { ...DAILY, sets: ['data'] } }), file(), 'purr/etc'],
    [
      'a host with another node',
      file(),
      file({ ...HOSTS, carcosa: { ...HOSTS.carcosa, node: 'mi-new' } }),
      'carcosa/data',
    ],
    [
      'a host that is waked up',
      file({ ...HOSTS, carcosa: { ...HOSTS.carcosa, pause: { until: '2026-12-24' } } }),
      file(),
      'carcosa/data',
    ],
    [
      'a host whose pause was over and is struck out',
      file(
        { ...HOSTS, carcosa: { ...HOSTS.carcosa, pause: { until: '2026-11-22' } } },
        { daily: { ...DAILY, full: 'cron(30 23 ? * SAT *)' } },
      ),
      file(HOSTS, { daily: { ...DAILY, full: 'cron(30 23 ? * SAT *)' } }),
      'carcosa/data',
    ],
  ];
  for (const [what, before, after, asked] of cases) {
    it(`${what} gets the incremental, because nobody asked it for that full`, () =>
      assert.deepEqual(dueAfter(applied([T1, before], [T2, after])), [`06:00 incremental ${asked}`]));
    it(`${what} is not held to what was due before`, () => {
      const fleet = applied([T1, before], [T2, after]);
      const named = asked.split(' ');
      const early = slotsBetween(fleet, new Date(T1), new Date(Date.parse(T2) - 1)).flatMap((slot) => slot.asked);
      assert.deepEqual(
        early.filter(({ host, set }) => named.includes(`${host}/${set}`)),
        [],
      );
    });
  }

  it('a policy whose incremental is moved behind the change: due at its new time, and not at the old one', () => {
    const moved = file(HOSTS, { daily: { ...DAILY, full: undefined, incremental: 'cron(0 12 * * ? *)' } });
    assert.deepEqual(dueAfter(applied([T1, file()], [T2, JSON.parse(JSON.stringify(moved))])), [
      '12:00 incremental carcosa/data purr/data purr/etc',
    ]);
  });

  it('the minute of the change itself belongs to the new file', () => {
    const at = '2026-11-22T06:00:00Z';
    const moved = file(HOSTS, { daily: { ...DAILY, full: 'cron(0 0 1 * ? *)' } });
    assert.deepEqual(dueAfter(applied([T1, file()], [at, moved]), at), [
      '06:00 incremental carcosa/data purr/data purr/etc',
    ]);
  });
});
