/** What the benchmark prints: medians, ratios round by round, and which of them count. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { medianOf, summarize, tableOf } from '../../bench/report.ts';
import { CASES, type Result } from '../../bench/round.ts';

const contender = (name: string, setting: 'alike' | 'defaults') => ({
  ...{ name, setting, version: '1', speaksS3: null },
  prepare: () => assert.fail('nothing is run here'),
});
const contenders = [contender('offsite', 'alike'), contender('peer', 'alike'), contender('fat', 'alike')];
const full = (round: number, name: string, wall: number, stored: number): Result => ({
  ...{ round, contender: name, case: 'full', stored },
  cost: { wall, cpu: wall * 2, peak: 1e6 },
});

describe('medians', () => {
  it('are the middle one, or the mean of the two in the middle', () => {
    assert.equal(medianOf([3, 1, 2]), 2);
    assert.equal(medianOf([4, 1, 2, 3]), 2.5);
    assert.ok(Number.isNaN(medianOf([])));
  });
});

describe('the summary', () => {
  const results = [
    ...[full(0, 'offsite', 1, 100), full(0, 'peer', 4, 105), full(0, 'fat', 2, 106)],
    ...[full(1, 'offsite', 3, 100), full(1, 'peer', 6, 105), full(1, 'fat', 2, 106)],
    ...[full(2, 'offsite', 2, 100), full(2, 'peer', 8, 105), full(2, 'fat', 2, 106)],
  ];
  const rows = summarize(results, contenders, CASES);

  it('compares within a round: the machine may be slower in the next', () => {
    const peer = rows.find((row) => row.contender === 'peer');
    assert.equal(peer?.wall, 6);
    assert.equal(peer?.ratio, 0.25);
  });

  it('counts no peer that stores more than 1.05 of ours, and none at its defaults', () => {
    assert.deepEqual(
      rows.map(({ contender: name, counts }) => [name, counts]),
      [
        ['offsite', false],
        ['peer', true],
        ['fat', false],
      ],
    );
    const defaults = summarize(results, [contenders[0] ?? assert.fail(), contender('peer', 'defaults')], CASES);
    assert.equal(defaults.find((row) => row.contender === 'peer')?.counts, false);
    assert.match(tableOf(defaults), /\| peer \| 6\.00 \| 12\.00 \| 1 \| 0\.00 \| \(0\.25\) \|/);
  });

  it('has no row for a case that was not run', () => {
    assert.ok(rows.every((row) => row.case === 'full'));
  });
});
