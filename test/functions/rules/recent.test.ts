import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type DayFigures, latestKind } from '../../../contract/verdict.ts';
import { recentAfter } from '../../../functions/rules/recent.ts';

type Judged = Parameters<typeof recentAfter>[1];
const BEGAN = Date.parse('2026-01-01T00:00:00Z');

/** An accepted incremental so many hours after the beginning. */
function run(hours: number, more: Partial<Judged> = {}): Judged {
  return {
    accepted: true,
    witness: 'manifest',
    received: `${new Date(BEGAN + hours * 3_600_000).toISOString().slice(0, 19)}Z`,
    backup: 'incremental',
    files: 100 + hours,
    bytes: 1000 + hours,
    newBytes: 10,
    storedBytes: 5,
    change: { changedFiles: 4, replacedFiles: 3, replacedBytes: 7, objectBytes: 9 },
    ...more,
  };
}
const after = (...runs: Judged[]) => runs.reduce<DayFigures[]>(recentAfter, []);

describe('recentAfter', () => {
  test('keeps one day for many runs: the last level, the largest changes, the busiest run', () => {
    const busy = {
      newBytes: 99,
      storedBytes: 98,
      change: { changedFiles: 9, replacedFiles: 8, replacedBytes: 1, objectBytes: 1 },
    };
    const [day, ...others] = after(run(1), run(2, busy), run(3));
    assert.deepEqual(others, []);
    assert.deepEqual(day, {
      ...{ day: '2026-01-01', backup: 'incremental', byOperator: false, received: '2026-01-01T03:00:00Z' },
      ...{ files: 103, bytes: 1003, replacedFiles: 8, replacedBytes: 7, newBytes: 99, storedBytes: 98 },
    });
  });
  test('keeps five weeks of incrementals and six days with fulls, the newest first, whatever lies between them', () => {
    const days = Array.from({ length: 400 }, (_, i) => run(i * 24, i % 30 === 29 ? { backup: 'full' } : {}));
    const kept = after(...days);
    const of = (backup: string) => kept.filter((one) => one.backup === backup);
    assert.deepEqual([of('incremental').length, of('full').length], [35, 6]);
    assert.deepEqual(
      kept,
      kept.toSorted((one, other) => (one.day < other.day ? 1 : -1)),
    );
    assert.equal(of('incremental')[0]?.day, days.at(-1)?.received?.slice(0, 10));
    const latest = { ...{ type: latestKind.type, format: 1, host: 'h', set: 's', prefix: 'AROA:mi-1' }, recent: kept };
    const rest = { head: null, base: null, baseAbove: 0, good: null, accepted: null, configHash: null };
    assert.ok(Buffer.byteLength(JSON.stringify({ ...latest, ...rest })) < latestKind.maxBytes / 5);
    assert.deepEqual(latestKind.parse({ ...latest, ...rest }, 'latest').recent, kept);
  });
  test('of a full all content and all objects count, and nothing was replaced', () => {
    const [day] = after(run(1, { backup: 'full', newBytes: 1, storedBytes: 1 }));
    assert.deepEqual([day?.newBytes, day?.storedBytes], [1001, 9]);
  });
  test('a full and an incremental of one day are two', () => {
    assert.deepEqual(
      after(run(1), run(2, { backup: 'full' })).map(({ backup }) => backup),
      ['full', 'incremental'].sort().reverse(),
    );
  });
  test('what is not accepted leaves nothing, nor do verdicts older than these figures', () => {
    assert.deepEqual(after(run(1, { accepted: false }), run(1, { change: null }), run(1, { received: null })), []);
  });
  test('whose last word was the operator’s says so', () => {
    assert.equal(after(run(1, { witness: 'acceptance' }), run(2))[0]?.byOperator, true);
  });
  test('order and repetition make no difference', () => {
    const one = fc
      .record({
        hours: fc.nat(24 * 60),
        isFull: fc.boolean(),
        figure: fc.nat(5),
        other: fc.nat(5),
        byOperator: fc.boolean(),
      })
      .map(({ hours, isFull, figure, other, byOperator }) =>
        run(hours, {
          ...{ bytes: figure, files: other, newBytes: other, storedBytes: figure },
          backup: isFull ? 'full' : 'incremental',
          witness: byOperator ? 'acceptance' : 'manifest',
          change: { changedFiles: figure, replacedFiles: other, replacedBytes: figure, objectBytes: other },
        }),
      );
    fc.assert(
      fc.property(
        fc.array(one, { minLength: 1, maxLength: 80 }),
        fc.array(fc.nat(), { maxLength: 80 }),
        (runs, order) => {
          const shuffled = order.map((n) => runs[n % runs.length] as Judged);
          assert.deepEqual(after(...shuffled, ...runs.toReversed()), after(...runs));
        },
      ),
    );
  });
});
