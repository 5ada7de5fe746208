/** What the benchmark says of a chain: the second and the last incremental, and what the chain came to. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChainCase, type ChainResult, chainReport } from '../../bench/chain.ts';
import { type TwiceResult, twiceTable } from '../../bench/twice.ts';

const contender = (name: string) => ({
  ...{ name, setting: 'alike' as const, version: '1', speaksS3: null },
  prepare: () => assert.fail('nothing is run here'),
});
const result = (name: string, what: ChainCase, cpu: number, stored: number): ChainResult => ({
  ...{ round: 0, contender: name, case: what, stored },
  cost: { wall: cpu / 2, cpu, peak: 1e6 },
});

test('the last incrementals stand beside those from the second on, medians of three', () => {
  const cpu = [9, 1, 1, 1, 5, 5, 2, 2, 2];
  const stored = [9e6, 1e6, 2e6, 3e6, 5e6, 5e6, 4e6, 4e6, 7e6];
  const results = ['offsite', 'peer'].flatMap((name) => [
    result(name, 'full', 10, 100e6),
    ...cpu.map((seconds, i) => result(name, `incremental ${i + 1}`, seconds, stored[i] ?? 0)),
  ]);
  const report = chainReport(results, [contender('offsite'), contender('peer')], 9);
  assert.match(report, /^\| offsite \| 0\.50 \| 1\.00 \| 1\.00 \| 2\.00 \| 2\.00 \| 2\.00 \| 4\.00 \| 40\.00 \|$/m);
  assert.match(report, /^\| incremental 9 \| peer \| 1\.00 \| 2\.00 \| 1 \| 7\.00 \| 1\.00 \|$/m);
  assert.doesNotMatch(report, /incremental 5/);
});

test('twice the data stands beside once, within a round', () => {
  const of = (round: number, size: 'once' | 'twice', wall: number): TwiceResult => ({
    ...{ round, size, contender: 'offsite', case: 'full', stored: 0 },
    cost: { wall, cpu: wall * 2, peak: wall * 1e6 },
  });
  const results = [of(0, 'once', 1), of(0, 'twice', 3), of(1, 'twice', 4), of(1, 'once', 4), of(2, 'once', 2)];
  const table = twiceTable([...results, of(2, 'twice', 4)], [contender('offsite')]);
  assert.match(table, /^\| full \| offsite \| 2\.00 \| 4\.00 \| 2\.00 \| 4\.00 \| 8\.00 \| 2\.00 \| 2 \| 4 \|$/m);
});
