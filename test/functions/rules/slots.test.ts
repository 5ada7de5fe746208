/** Who is due when: hand-written cases, and an oracle that walks minute by minute and shares no code with the rule. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Fleet, parseFleet } from '../../../contract/fleet.ts';
import { runIdForSlot } from '../../../contract/ids.ts';
import { manualSlot, slotAt, slotsBetween } from '../../../functions/rules/slots.ts';

const NOW = new Date('2026-11-01T00:00:00Z');
const MINUTE = 60_000;

type Written = Record<string, unknown>;

function fleetOf(policies: Record<string, Written>, hosts: Record<string, Written> = { carcosa: {} }): Fleet {
  const written = {
    store: 's3://backups',
    recipients: ['0123456789ABCDEF0123456789ABCDEF01234567'],
    hosts: Object.fromEntries(
      Object.entries(hosts).map(([name, host]) => [name, { node: `mi-${name}`, sets: ['data'], ...host }]),
    ),
    policies: Object.fromEntries(
      Object.entries(policies).map(([name, policy]) => [name, { hosts: Object.keys(hosts), ...policy }]),
    ),
  };
  return parseFleet(written, 'fleet.yml', NOW);
}

const at = (text: string) => new Date(text.length === 16 ? `${text}:00Z` : text);

/** `due type host/set …` for each slot. */
function due(fleet: Fleet, from: string, to: string): string[] {
  return slotsBetween(fleet, at(from), at(to)).map(
    ({ due, type, policy, asked }) =>
      `${due.toISOString().slice(0, 16)} ${policy} ${type} ${asked.map(({ host, set }) => `${host}/${set}`).join(' ')}`,
  );
}

const NIGHTLY = { incremental: 'cron(0 4 * * ? *)', deadline: '8h' };

describe('slotsBetween', () => {
  test('names the due minutes in (from, to], the end included and the beginning not', () => {
    const fleet = fleetOf({ nightly: NIGHTLY });
    assert.deepEqual(due(fleet, '2026-11-02T04:00', '2026-11-04T04:00'), [
      '2026-11-03T04:00 nightly incremental carcosa/data',
      '2026-11-04T04:00 nightly incremental carcosa/data',
    ]);
    assert.deepEqual(due(fleet, '2026-11-02T04:01', '2026-11-03T03:59'), []);
    assert.deepEqual(due(fleet, '2026-11-03T04:00', '2026-11-03T04:00'), []);
  });

  test('gives deadline, splay and the run id that the host derives too', () => {
    const [slot] = slotsBetween(
      fleetOf({ nightly: { ...NIGHTLY, splay: '30m' } }),
      at('2026-11-03T03:00'),
      at('2026-11-03T05:00'),
    );
    assert.equal(slot?.deadline.toISOString(), '2026-11-03T12:00:00.000Z');
    assert.equal(slot?.splay, 30 * MINUTE);
    const run = runIdForSlot({ policy: 'nightly', due: at('2026-11-03T04:00'), node: 'mi-carcosa', set: 'data' });
    assert.deepEqual(slot?.asked, [{ host: 'carcosa', node: 'mi-carcosa', set: 'data', run }]);
  });

  test('asks each host for all its sets, or for those of the list that it has', () => {
    const hosts = { carcosa: { sets: ['data'] }, purr: { sets: ['etc', 'var'] } };
    assert.deepEqual(due(fleetOf({ nightly: NIGHTLY }, hosts), '2026-11-03T00:00', '2026-11-03T05:00'), [
      '2026-11-03T04:00 nightly incremental carcosa/data purr/etc purr/var',
    ]);
    const some = fleetOf({ nightly: { ...NIGHTLY, sets: ['data', 'etc'] } }, hosts);
    assert.deepEqual(due(some, '2026-11-03T00:00', '2026-11-03T05:00'), [
      '2026-11-03T04:00 nightly incremental carcosa/data purr/etc',
    ]);
    const one = fleetOf({ nightly: { ...NIGHTLY, hosts: ['purr'], sets: ['var'] } }, hosts);
    assert.deepEqual(due(one, '2026-11-03T00:00', '2026-11-03T05:00'), [
      '2026-11-03T04:00 nightly incremental purr/var',
    ]);
  });

  describe('an incremental gives way to a full of its policy', () => {
    const both = (full: string, incremental: string, deadline = '8h') =>
      fleetOf({ weekly: { full, incremental, deadline } });

    test('at the same minute', () => {
      assert.deepEqual(due(both('cron(0 4 ? * MON *)', 'cron(0 4 * * ? *)'), '2026-11-01T12:00', '2026-11-03T12:00'), [
        '2026-11-02T04:00 weekly full carcosa/data',
        '2026-11-03T04:00 weekly incremental carcosa/data',
      ]);
    });

    test('while the full is open, up to its deadline', () => {
      const fleet = both('cron(0 0 1 * ? *)', 'cron(0 1,7,8 1 * ? *)', '60m');
      assert.deepEqual(due(fleet, '2026-11-30T12:00', '2026-12-01T12:00'), [
        '2026-12-01T00:00 weekly full carcosa/data',
        '2026-12-01T01:00 weekly incremental carcosa/data',
        '2026-12-01T07:00 weekly incremental carcosa/data',
        '2026-12-01T08:00 weekly incremental carcosa/data',
      ]);
      const longer = both('cron(0 0 1 * ? *)', 'cron(0 1,7,15 1 * ? *)', '6h');
      assert.deepEqual(due(longer, '2026-11-30T12:00', '2026-12-01T23:00'), [
        '2026-12-01T00:00 weekly full carcosa/data',
        '2026-12-01T07:00 weekly incremental carcosa/data',
        '2026-12-01T15:00 weekly incremental carcosa/data',
      ]);
    });

    test('where the full is due within the next 60 minutes, and not 61', () => {
      const near = both('cron(0 5 1 * ? *)', 'cron(0 4 * * ? *)');
      assert.deepEqual(due(near, '2026-11-30T12:00', '2026-12-01T12:00'), [
        '2026-12-01T05:00 weekly full carcosa/data',
      ]);
      const far = both('cron(1 5 1 * ? *)', 'cron(0 4 * * ? *)');
      assert.deepEqual(due(far, '2026-11-30T12:00', '2026-12-01T12:00'), [
        '2026-12-01T04:00 weekly incremental carcosa/data',
        '2026-12-01T05:01 weekly full carcosa/data',
      ]);
    });

    test('also where the full lies outside the span asked for', () => {
      const fleet = both('cron(0 5 1 * ? *)', 'cron(0 4,6 * * ? *)', '2h');
      assert.deepEqual(due(fleet, '2026-12-01T03:00', '2026-12-01T04:30'), []);
      assert.deepEqual(due(fleet, '2026-12-01T05:30', '2026-12-01T06:30'), []);
    });

    test('and not to a full of another policy', () => {
      const fleet = fleetOf({ a: { full: 'cron(0 4 * * ? *)', deadline: '8h' }, b: NIGHTLY });
      assert.equal(due(fleet, '2026-11-03T00:00', '2026-11-03T12:00').length, 2);
    });

    test('for each host by itself: a full that is not due for it protects nothing of it', () => {
      const hosts = { carcosa: {}, late: { since: '2026-11-02T05:00:00Z' }, away: { pause: { until: '2026-11-02' } } };
      const fleet = fleetOf(
        { weekly: { full: 'cron(0 4 2 * ? *)', incremental: 'cron(0 6 * * ? *)', deadline: '8h' } },
        hosts,
      );
      assert.deepEqual(due(fleet, '2026-11-02T00:00', '2026-11-02T12:00'), [
        '2026-11-02T04:00 weekly full carcosa/data away/data',
        '2026-11-02T06:00 weekly incremental late/data',
      ]);
      const paused = { carcosa: {}, away: { pause: { until: '2026-11-02' } } };
      const night = fleetOf(
        { weekly: { full: 'cron(30 23 1 * ? *)', incremental: 'cron(0 2 * * ? *)', deadline: '8h' } },
        paused,
      );
      assert.deepEqual(due(night, '2026-11-01T12:00', '2026-11-02T12:00'), [
        '2026-11-01T23:30 weekly full carcosa/data',
        '2026-11-02T02:00 weekly incremental away/data',
      ]);
    });
  });

  describe('nothing is due', () => {
    test('before the stamp of host or policy; the stamped second counts', () => {
      const hosts = {
        carcosa: {},
        young: { since: '2026-11-03T04:00:00Z' },
        younger: { since: '2026-11-03T04:00:01Z' },
      };
      assert.deepEqual(due(fleetOf({ nightly: NIGHTLY }, hosts), '2026-11-03T00:00', '2026-11-03T05:00'), [
        '2026-11-03T04:00 nightly incremental carcosa/data young/data',
      ]);
      const policy = { ...NIGHTLY, since: '2026-11-03T04:00:01Z' };
      assert.deepEqual(due(fleetOf({ nightly: policy }), '2026-11-01T00:00', '2026-11-04T05:00'), [
        '2026-11-04T04:00 nightly incremental carcosa/data',
      ]);
    });

    test('for a paused host, until the first minute of the day named', () => {
      const hosts = { carcosa: { pause: { until: '2026-11-04' } } };
      assert.deepEqual(due(fleetOf({ nightly: NIGHTLY }, hosts), '2026-11-02T00:00', '2026-11-05T00:00'), [
        '2026-11-04T04:00 nightly incremental carcosa/data',
      ]);
      const midnight = fleetOf({ nightly: { ...NIGHTLY, incremental: 'cron(0 0 * * ? *)' } }, hosts);
      assert.deepEqual(due(midnight, '2026-11-02T12:00', '2026-11-04T12:00'), [
        '2026-11-04T00:00 nightly incremental carcosa/data',
      ]);
    });
  });

  test('slots of one minute come in order of their policies', () => {
    const fleet = fleetOf({ b: NIGHTLY, a: NIGHTLY });
    assert.deepEqual(
      slotsBetween(fleet, at('2026-11-03T00:00'), at('2026-11-03T12:00')).map(({ policy }) => policy),
      ['a', 'b'],
    );
  });
});

describe('slotAt', () => {
  const fleet = fleetOf({ nightly: NIGHTLY });
  test('finds the slot of that very minute and no other', () => {
    assert.equal(slotAt(fleet, 'nightly', at('2026-11-03T04:00'))?.type, 'incremental');
    assert.equal(slotAt(fleet, 'nightly', at('2026-11-03T04:01')), null);
    assert.equal(slotAt(fleet, 'weekly', at('2026-11-03T04:00')), null);
    assert.equal(slotAt(fleet, 'constructor', at('2026-11-03T04:00')), null);
  });
});

describe('manualSlot', () => {
  const fleet = fleetOf({ nightly: NIGHTLY }, { purr: { sets: ['etc', 'var'] } });
  const wanted = {
    host: 'purr',
    type: 'full',
    due: new Date('2026-11-03T04:05:06.789Z'),
    deadline: at('2026-11-03T12:00'),
  } as const;
  test('asks one host, due to the second', () => {
    const slot = manualSlot(fleet, wanted);
    assert.equal(slot?.policy, 'manual');
    assert.equal(slot?.due.toISOString(), '2026-11-03T04:05:06.000Z');
    assert.deepEqual(
      slot?.asked.map(({ set }) => set),
      ['etc', 'var'],
    );
    assert.deepEqual(
      manualSlot(fleet, { ...wanted, sets: ['var'] })?.asked.map(({ set }) => set),
      ['var'],
    );
  });
  test('knows no host that the fleet file does not name', () => {
    assert.equal(manualSlot(fleet, { ...wanted, host: 'carcosa' }), null);
    assert.equal(manualSlot(fleet, { ...wanted, host: 'constructor' }), null);
  });
});

describe('properties', () => {
  const minuteOfDay = fc.integer({ min: 0, max: 1439 });
  const cronOfDay = minuteOfDay.map((minute) => ({
    minute,
    text: `cron(${minute % 60} ${Math.floor(minute / 60)} * * ? *)`,
  }));
  const policy = fc.record({
    full: cronOfDay,
    incremental: cronOfDay,
    deadlineMinutes: fc.integer({ min: 1, max: 1440 }),
  });
  const START = Date.parse('2026-11-10T00:00:00Z');
  const span = fc.tuple(
    fc.integer({ min: 0, max: 4000 }),
    fc.integer({ min: 0, max: 4000 }),
    fc.integer({ min: 0, max: 4000 }),
  );

  test('minute by minute it is the same, for a daily full and a daily incremental', () => {
    fc.assert(
      fc.property(
        policy,
        fc.integer({ min: 0, max: 4000 }),
        fc.integer({ min: 1, max: 3000 }),
        (random, offset, length) => {
          const { full, incremental, deadlineMinutes } = random;
          const fleet = fleetOf({
            p: { full: full.text, incremental: incremental.text, deadline: `${deadlineMinutes}m` },
          });
          const found = slotsBetween(
            fleet,
            new Date(START + offset * MINUTE),
            new Date(START + (offset + length) * MINUTE),
          );
          const expected: string[] = [];
          for (let minute = offset + 1; minute <= offset + length; minute++) {
            const inDay = minute % 1440;
            if (inDay === full.minute) expected.push(`${minute} full`);
            else if (inDay === incremental.minute) {
              const sinceFull = (((inDay - full.minute) % 1440) + 1440) % 1440;
              const untilFull = (((full.minute - inDay) % 1440) + 1440) % 1440;
              if (sinceFull >= deadlineMinutes && untilFull > 60) expected.push(`${minute} incremental`);
            }
          }
          assert.deepEqual(
            found.map(({ due, type }) => `${(due.getTime() - START) / MINUTE} ${type}`),
            expected,
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test('two spans side by side name together what one span over both names', () => {
    fc.assert(
      fc.property(policy, span, ({ full, incremental, deadlineMinutes }, offsets) => {
        const fleet = fleetOf({
          p: { full: full.text, incremental: incremental.text, deadline: `${deadlineMinutes}m` },
        });
        const [a, b, c] = offsets.toSorted((one, other) => one - other).map((n) => new Date(START + n * MINUTE)) as [
          Date,
          Date,
          Date,
        ];
        assert.deepEqual([...slotsBetween(fleet, a, b), ...slotsBetween(fleet, b, c)], slotsBetween(fleet, a, c));
      }),
      { numRuns: 200 },
    );
  });
});
