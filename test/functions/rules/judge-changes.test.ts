/** A run against those before it: what is unusual, what is not, what people read, and that no figures make it throw. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Counts } from '../../../contract/manifest.ts';
import { type Problem, problemKind } from '../../../contract/problem.ts';
import type { DayFigures } from '../../../contract/verdict.ts';
import { type Before, type ChangeFacts, changeOf, type Figures } from '../../../functions/rules/changes.ts';
import { bytes, count, range, share } from '../../../functions/rules/figures.ts';
import { changeRules } from '../../../functions/rules/judge-changes.ts';
import { renderProblem } from '../../../functions/rules/render.ts';
import { assertGolden } from '../../helpers/golden.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-21T04:20:00Z');
const dayOf = (ago: number) => new Date(NOW - ago * DAY).toISOString();

/** A day like any other of a set of 10,000 files and 40 GB: 12 to 90 files, 30 to 225 MB, which compress to a third. */
function day(ago: number, more: Partial<DayFigures> = {}): DayFigures {
  const files = 12 + ((ago * 29) % 79);
  return {
    day: dayOf(ago).slice(0, 10),
    backup: 'incremental',
    byOperator: false,
    received: `${dayOf(ago).slice(0, 19)}Z`,
    files: 10_004,
    bytes: 40e9,
    replacedFiles: files,
    replacedBytes: files * 2.5e6,
    newBytes: files * 2.5e6,
    storedBytes: files * 0.8e6,
    ...more,
  };
}
const full = (ago: number, more: Partial<DayFigures> = {}) =>
  day(ago, { backup: 'full', replacedFiles: 0, replacedBytes: 0, newBytes: 40e9, storedBytes: 14e9, ...more });
const MONTH = [...Array.from({ length: 20 }, (_, i) => day(i + 1)), full(21), full(51)];
const BEFORE: Before = { run: '20261120T040000Z-0123456789ab', files: 10_004, bytes: 40e9, isWhole: true };

const facts = (more: Partial<ChangeFacts> = {}): ChangeFacts => {
  return { before: BEFORE, recent: MONTH, doubted: null, elapsed: DAY, isOtherConfig: false, ...more };
};
const counted = (more: Partial<Counts> = {}): Counts => {
  const usual = { files: 10_004, directories: 500, bytes: 40e9, changedFiles: 40, newBytes: 100e6, storedBytes: 33e6 };
  return { ...usual, ...more };
};
const incremental = (more: Partial<Counts> = {}, gates: Figures['gates'] = []): Figures => {
  const counts = counted(more);
  return { actual: 'incremental', counts, gates, objects: [['data/1', counts.storedBytes, '', 1]] };
};
const fullOf = (storedBytes: number, more: Partial<Counts> = {}): Figures => {
  const counts = counted({ changedFiles: 10_004, newBytes: 40e9, storedBytes, ...more });
  return { actual: 'full', counts, gates: [], objects: [['data/1', storedBytes, '', 1]] };
};
/** The host could compare, and its config lets the set fall to a half. */
const GATE = [{ gate: 'maxShrink', expected: 20e9, found: 40e9, ok: true }];
const codes = (figures: Figures, around = facts()) => changeRules(figures, around).map(({ code }) => code);

const ENCRYPTED = { changedFiles: 9812, newBytes: 38.2e9, storedBytes: 38.1e9 };

describe('changeRules', () => {
  test('a day like the others is nothing, and neither is one three times as busy', () => {
    assert.deepEqual(codes(incremental()), []);
    assert.deepEqual(codes(incremental({ changedFiles: 270, newBytes: 675e6, storedBytes: 225e6 })), []);
    assert.deepEqual(codes(fullOf(14.1e9)), []);
  });

  describe('compressibility', () => {
    test('all of it replaced by what does not compress, where it usually does', () => {
      assert.deepEqual(codes(incremental(ENCRYPTED)), ['compressibility']);
    });
    test('a twentieth of it is enough; less, or as much of what always compressed so, is not', () => {
      const some = (part: number) =>
        incremental({ changedFiles: 600, newBytes: part * 40e9, storedBytes: part * 40e9 });
      assert.deepEqual([codes(some(0.051)), codes(some(0.049))], [['compressibility'], []]);
      const packed = MONTH.map((one) => ({ ...one, storedBytes: one.newBytes }));
      assert.deepEqual(codes(some(0.2), facts({ recent: packed })), []);
    });
    test('what is added on top is not in the place of anything', () => {
      const photos = { files: 14_004, bytes: 60e9, changedFiles: 4040, newBytes: 20.1e9, storedBytes: 20e9 };
      assert.deepEqual(codes(incremental(photos)), []);
    });
    test('a full that takes more than what was added explains', () => {
      assert.deepEqual(codes(fullOf(22e9)), ['compressibility']);
      assert.deepEqual(codes(fullOf(22e9, { bytes: 48e9 })), []);
    });
    test('a full that takes next to nothing, though it holds as much', () => {
      assert.deepEqual(codes(fullOf(0.5e9)), ['compressibility']);
      assert.deepEqual(codes(fullOf(7.1e9)), []);
    });
    test('a full is measured by all its objects, those of an interrupted attempt included', () => {
      const continued = fullOf(0.5e9, { newBytes: 1e9 });
      const objects: Figures['objects'] = [...continued.objects, ['data/2', 13.5e9, '', 1]];
      assert.deepEqual(codes({ ...continued, objects }), []);
    });
  });

  describe('changed', () => {
    test('most files, though with nothing new: renamed, or given to another owner', () => {
      assert.deepEqual(codes(incremental({ changedFiles: 10_004 })), ['changed']);
    });
    test('most bytes, though they compress as ever', () => {
      assert.deepEqual(codes(incremental({ changedFiles: 5, newBytes: 20e9, storedBytes: 7e9 })), ['changed']);
    });
    test('after what could not be read, files that can be read again are no measure', () => {
      const around = facts({ before: { ...BEFORE, isWhole: false } });
      assert.deepEqual(codes(incremental({ changedFiles: 10_004 }), around), []);
      assert.deepEqual(codes(incremental(ENCRYPTED), around), ['compressibility']);
    });
    test('after three weeks without a run, three weeks of changes are usual', () => {
      const busy = MONTH.map((one) => ({ ...one, replacedBytes: one.backup === 'full' ? 0 : 1e9 }));
      const figures = incremental({ changedFiles: 900, newBytes: 15e9, storedBytes: 5e9 });
      assert.deepEqual(codes(figures, facts({ recent: busy })), ['changed']);
      assert.deepEqual(codes(figures, facts({ recent: busy, elapsed: 21 * DAY })), []);
    });
    test('small sets change all of themselves every day', () => {
      const recent = MONTH.map((one) => ({ ...one, files: 3, bytes: 90_000, replacedFiles: 0, replacedBytes: 0 }));
      const figures = incremental({ files: 3, bytes: 90_000, changedFiles: 3, newBytes: 90_000, storedBytes: 95_000 });
      const before = { ...BEFORE, files: 3, bytes: 90_000 };
      assert.deepEqual(codes(figures, facts({ recent, before })), []);
    });
  });

  describe('shrink and growth', () => {
    const half = { files: 10_004, bytes: 19e9 };
    test('less than half of what is usual, of files or of bytes', () => {
      assert.deepEqual(codes(incremental(half, GATE)), ['shrink']);
      assert.deepEqual(codes(incremental({ files: 4000 }, GATE)), ['shrink']);
      assert.deepEqual(codes(incremental({ bytes: 21e9, files: 6000 }, GATE)), []);
    });
    test('over three days, though no day is half of the one before it', () => {
      const falling = [day(1, { bytes: 25e9 }), day(2, { bytes: 32e9 }), ...MONTH.slice(2)];
      const around = facts({ recent: falling, before: { ...BEFORE, bytes: 25e9 } });
      const gate = [{ gate: 'maxShrink', expected: 12.5e9, found: 18e9, ok: true }];
      assert.deepEqual(codes(incremental({ bytes: 18e9 }, gate), around), ['shrink']);
    });
    test('the host’s config may let it fall further', () => {
      const gate = [{ gate: 'maxShrink', expected: 4e9, found: 19e9, ok: true }];
      assert.deepEqual(codes(incremental(half, gate)), []);
      assert.deepEqual(codes(incremental({ bytes: 3.9e9 }, gate)), ['shrink']);
    });
    test('where the host could not compare, the run before it is the measure', () => {
      assert.deepEqual(codes(incremental(half), facts({ recent: [] })), ['shrink']);
      assert.deepEqual(codes(incremental(half), facts({ recent: [], before: null })), []);
    });
    test('several times what it ever held; a set with another config may', () => {
      const grown = incremental({ bytes: 130e9, changedFiles: 90, newBytes: 90e9, storedBytes: 80e9 });
      assert.deepEqual(codes(grown), ['growth']);
      assert.deepEqual(codes(grown, facts({ isOtherConfig: true })), []);
      assert.deepEqual(codes(incremental({ bytes: 110e9, newBytes: 70e9, storedBytes: 60e9 })), []);
      assert.deepEqual(codes(incremental({ files: 140_000, changedFiles: 130_000 })), ['growth']);
    });
  });

  test('a full after an unusual run that nobody accepted is doubted, an incremental is compared', () => {
    const doubted = facts({ doubted: BEFORE.run });
    assert.deepEqual([codes(fullOf(14e9), doubted), codes(incremental(), doubted)], [['after-unusual'], []]);
    assert.deepEqual(codes(fullOf(22e9), doubted), ['compressibility']);
  });

  describe('too little is known', () => {
    test('in the first week of a set, and of a full before there was one', () => {
      const week = facts({ recent: MONTH.slice(0, 7) });
      assert.deepEqual([codes(incremental(ENCRYPTED), week), codes(fullOf(39e9), week)], [[], []]);
      const recent = [...Array.from({ length: 8 }, (_, i) => day(i + 1)), full(9)];
      assert.deepEqual(codes(incremental(ENCRYPTED), facts({ recent })), ['compressibility']);
    });
    test('without any run before', () => {
      assert.deepEqual(codes(incremental(ENCRYPTED), facts({ before: null, recent: [] })), []);
    });
  });

  describe('what the operator accepted', () => {
    const accepted = (more: Partial<DayFigures>) =>
      facts({ recent: [day(1, { byOperator: true, ...more }), ...MONTH.slice(1)] });
    test('passes again the next day, and is the new size', () => {
      const shrunk = { ...accepted({ bytes: 5e9, files: 2000 }), before: { ...BEFORE, bytes: 5e9, files: 2000 } };
      const gate = [{ gate: 'maxShrink', expected: 2.5e9, found: 5e9, ok: true }];
      assert.deepEqual(codes(incremental({ bytes: 5e9, files: 2000 }, gate), shrunk), []);
      assert.deepEqual(codes(incremental({ bytes: 2.4e9, files: 2000 }), shrunk), ['shrink']);
      const renamed = accepted({ replacedFiles: 10_004 });
      assert.deepEqual(codes(incremental({ changedFiles: 10_004 }), renamed), []);
    });
    test('excuses no encryption, unless it did not compress itself', () => {
      const moved = accepted({ replacedFiles: 9812, replacedBytes: 38e9, newBytes: 38e9, storedBytes: 13e9 });
      assert.deepEqual(codes(incremental(ENCRYPTED), moved), ['compressibility']);
      const packed = accepted({ replacedFiles: 9812, replacedBytes: 38e9, newBytes: 38e9, storedBytes: 38e9 });
      assert.deepEqual(codes(incremental(ENCRYPTED), packed), []);
    });
    test('of a full is what later fulls are measured against', () => {
      const recent = [full(1, { byOperator: true, storedBytes: 39e9 }), ...MONTH];
      assert.deepEqual(codes(fullOf(39e9), facts({ recent })), []);
    });
  });

  describe('whatever the figures', () => {
    const figure = fc.oneof(fc.constant(0), fc.constant(Number.MAX_SAFE_INTEGER), fc.maxSafeNat(), fc.nat(1000));
    const days = fc
      .tuple(fc.nat(400), figure, figure, figure, figure, figure, figure, fc.boolean(), fc.boolean())
      .map(([ago, files, all, replacedFiles, replacedBytes, newBytes, storedBytes, isFull, byOperator]) =>
        day(ago, {
          ...{ files, bytes: all, replacedFiles, replacedBytes, newBytes, storedBytes, byOperator },
          backup: isFull ? 'full' : 'incremental',
        }),
      );
    const run = fc
      .tuple(figure, figure, figure, figure, figure, fc.boolean(), fc.boolean())
      .map(([files, all, changedFiles, newBytes, storedBytes, isFull, hasGate]): Figures => {
        const counts = { files, directories: 0, bytes: all, changedFiles, newBytes, storedBytes };
        const gates = hasGate ? [{ gate: 'maxShrink', expected: changedFiles, found: all, ok: true }] : [];
        return { actual: isFull ? 'full' : 'incremental', counts, gates, objects: [['data/1', storedBytes, '', 1]] };
      });
    const around = fc.record({
      before: fc.option(fc.record({ run: fc.constant('r'), files: figure, bytes: figure, isWhole: fc.boolean() })),
      recent: fc.array(days, { maxLength: 41 }).map((all) => all.sort((one, other) => (one.day < other.day ? 1 : -1))),
      doubted: fc.constantFrom(null, 'r'),
      elapsed: fc.option(fc.maxSafeInteger()),
      isOtherConfig: fc.boolean(),
    });

    test('it never throws, each code is there once and in one order, and the words are fit to be read', () => {
      const order = ['compressibility', 'changed', 'after-unusual', 'shrink', 'growth'];
      fc.assert(
        fc.property(run, around, (figures, known) => {
          const found = changeRules(figures, known);
          const places = found.map(({ code }) => order.indexOf(code));
          assert.ok(
            places.every((place, i) => place >= 0 && place > (places[i - 1] ?? -1)),
            String(places),
          );
          for (const { text, brief = '' } of found) {
            assert.doesNotMatch(text, /NaN|Infinity|undefined|null|e\+/);
            assert.ok(brief.length > 0 && brief.length <= 80 && text.length < 500, text);
          }
          const change = changeOf(figures, known.before);
          for (const value of Object.values(change))
            assert.ok(value === null || Number.isSafeInteger(value), String(value));
        }),
        { numRuns: 2000 },
      );
    });

    test('a run like all its predecessors is never suspect', () => {
      const size = fc.nat(1e12);
      fc.assert(
        fc.property(
          size,
          size,
          size,
          size,
          fc.integer({ min: 1, max: 40 }),
          (files, all, newBytes, storedBytes, length) => {
            const changedFiles = Math.min(files, newBytes);
            const fresh = Math.min(all, newBytes);
            const same = {
              files,
              bytes: all,
              replacedFiles: changedFiles,
              replacedBytes: fresh,
              newBytes: fresh,
              storedBytes,
            };
            const recent = Array.from({ length }, (_, i) =>
              i % 7 === 6 ? full(i + 1, { ...same, newBytes: all, storedBytes }) : day(i + 1, same),
            );
            const known = facts({ recent, before: { ...BEFORE, files, bytes: all } });
            const counts = { files, bytes: all, changedFiles, newBytes: fresh, storedBytes };
            assert.deepEqual(codes(incremental(counts), known), []);
            assert.deepEqual(codes(fullOf(storedBytes, { ...counts, newBytes: all }), known), []);
          },
        ),
        { numRuns: 1000 },
      );
    });
  });
});

describe('what people read', () => {
  const problem = (figures: Figures, around = facts()): Problem => {
    const run = '20261121T040000Z-0123456789ab';
    const at = '2026-11-21T04:00:00Z';
    const reasons = changeRules(figures, around);
    return {
      ...{ type: problemKind.type, format: 1, kind: 'suspect', host: 'carcosa', set: 'home', policy: null, reasons },
      ...{ began: { policy: 'nightly', due: at, run, at }, recorded: at, told: null, under: null, repeats: 0 },
      ...{ spoken: [], further: [], furtherCount: 0, closed: null },
    };
  };
  const good = {
    run: BEFORE.run,
    payload: 'a'.repeat(64),
    sequence: 41,
    received: '2026-11-20T04:20:00Z',
    bytes: 40e9,
  };
  const newest = { ...good, files: 10_004, prefix: 'AROAEXAMPLE:mi-1', at: '2026-11-20T04:00:00Z' };
  const view = {
    ...{ now: new Date('2026-11-21T04:21:00Z'), displayName: 'Offsite', store: 's3://my-backups' },
    goodOf: () => [{ set: 'home', run: newest }],
  };
  const CASES: Record<string, Problem> = {
    'suspect-compressibility': problem(incremental(ENCRYPTED)),
    'suspect-compressibility-full': problem(fullOf(22e9)),
    'suspect-compressibility-emptied': problem(fullOf(0.5e9)),
    'suspect-changed': problem(incremental({ changedFiles: 10_004, newBytes: 0 })),
    'suspect-shrink-usual': problem(incremental({ files: 3, bytes: 3e6 }, GATE)),
    'suspect-growth': problem(incremental({ bytes: 1.3e12, changedFiles: 90, newBytes: 1.2e12, storedBytes: 80e9 })),
  };
  for (const [name, one] of Object.entries(CASES)) {
    test(name, () => {
      const { subject, sms, email } = renderProblem(one, view);
      assert.ok(subject.length < 100 && sms.length <= 140 - 'Offsite> '.length);
      assertGolden(new URL(`../golden/${name}.txt`, import.meta.url), `Subject: ${subject}\nSMS: ${sms}\n\n${email}`);
    });
  }

  test('figures', () => {
    assert.deepEqual([0, 999, 1000, 9812, 1234567].map(count), ['0', '999', '1,000', '9,812', '1,234,567']);
    const sizes = [0, 1, 999, 1000, 9949, 9951, 999_499, 999_500, 40e9, 1.3e12, Number.MAX_SAFE_INTEGER];
    const words = '0 bytes|1 byte|999 bytes|1.0 kB|9.9 kB|10 kB|999 kB|1.0 MB|40 GB|1.3 TB|9.0 PB';
    assert.deepEqual(sizes.map(bytes).join('|'), words);
    assert.deepEqual([0, 0.001, 0.31, 0.999, 1, 1.02].map(share), [
      '0 %',
      'under 1 %',
      '31 %',
      '99 %',
      '100 %',
      '102 %',
    ]);
    assert.deepEqual(
      [range(12, 90, count), range(3e6, 9e6, bytes), range(5, 5, count)],
      ['12 to 90', '3.0 to 9.0 MB', '5'],
    );
    assert.deepEqual(range(9e6, 3e9, bytes), '9.0 MB to 3.0 GB');
  });
});
