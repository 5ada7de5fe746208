import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Latest, type Verdict, verdictKind } from '../../../contract/verdict.ts';
import { isTie, latestAfter } from '../../../functions/rules/latest.ts';
import { outranks } from '../../../functions/rules/verdicts.ts';

const at = (sequence: number) => `2026-11-${String(sequence).padStart(2, '0')}T04:00:00Z`;
const runOf = (sequence: number, tail = '0') => `202611${String(sequence).padStart(2, '0')}T040000Z-${tail.repeat(12)}`;

/** A complete run's verdict; one a day, numbered by day. */
function verdict(sequence: number, more: Partial<Verdict> = {}): Verdict {
  return {
    type: verdictKind.type,
    format: 1,
    host: 'carcosa',
    set: 'data',
    run: runOf(sequence),
    policy: 'nightly',
    due: at(sequence),
    deadline: at(sequence),
    at: at(sequence),
    outcome: 'complete',
    witness: 'manifest',
    accepted: true,
    reasons: [],
    notices: [],
    judged: at(sequence),
    recorded: null,
    moves: { head: true, base: true, good: true, baseAbove: null },
    prefix: 'AROA:mi-1',
    payload: String(sequence % 10).repeat(64),
    sequence,
    backup: 'full',
    promoted: null,
    received: at(sequence),
    configHash: 'c'.repeat(64),
    newBytes: 1,
    storedBytes: 1,
    bytes: sequence * 100,
    files: 1,
    change: { changedFiles: 1, replacedFiles: sequence % 3, replacedBytes: (sequence * 7) % 5, objectBytes: 1 },
    ...more,
  };
}

const SUSPECT = {
  outcome: 'suspect',
  accepted: false,
  moves: { head: true, base: false, good: false, baseAbove: null },
} as const;
const PARTIAL = { outcome: 'partial', moves: { head: true, base: true, good: false, baseAbove: null } } as const;
const FAILED = {
  outcome: 'failed',
  accepted: false,
  moves: { head: false, base: false, good: false, baseAbove: null },
} as const;
const FORK = (sequence: number) =>
  ({
    outcome: 'suspect',
    accepted: false,
    moves: { head: false, base: false, good: false, baseAbove: sequence },
  }) as const;

const after = (...verdicts: Verdict[]) =>
  verdicts.reduce<Latest | null>((latest, one) => latestAfter(latest, one) ?? latest, null);
const sequences = (latest: Latest | null) => [latest?.head?.sequence, latest?.base?.sequence, latest?.good?.sequence];

describe('latest', () => {
  test('a complete run moves head, base and good, and is the newest accepted one', () => {
    const latest = after(verdict(1), verdict(2));
    assert.deepEqual(sequences(latest), [2, 2, 2]);
    assert.deepEqual(latest?.accepted, { run: runOf(2), at: at(2) });
    assert.deepEqual([latest?.base?.bytes, latest?.good?.at, latest?.configHash], [200, at(2), 'c'.repeat(64)]);
  });
  test('a partial one is no good one, a suspect one only the head, a failed one only the head', () => {
    assert.deepEqual(sequences(after(verdict(1), verdict(2, PARTIAL))), [2, 2, 1]);
    assert.deepEqual(sequences(after(verdict(1), verdict(2, SUSPECT))), [2, 1, 1]);
    assert.deepEqual(sequences(after(verdict(1), verdict(2, { ...FAILED, moves: SUSPECT.moves }))), [2, 1, 1]);
  });
  test('what has no believed manifest changes nothing', () => {
    assert.equal(
      latestAfter(after(verdict(1)), verdict(2, { ...FAILED, payload: null, prefix: null, sequence: null })),
      null,
    );
    assert.equal(latestAfter(null, verdict(2, { ...FAILED, payload: null, prefix: null, sequence: null })), null);
  });
  test('nothing moves to a lower sequence', () => {
    assert.deepEqual(sequences(after(verdict(3), verdict(2), verdict(1))), [3, 3, 3]);
    assert.deepEqual(sequences(after(verdict(3, SUSPECT), verdict(2))), [3, 2, 2]);
  });
  test('the same verdict again changes nothing', () => {
    for (const one of [verdict(2), verdict(2, PARTIAL), verdict(2, SUSPECT), verdict(2, FORK(2))]) {
      assert.equal(latestAfter(after(verdict(1), one), one), null);
    }
  });
  test('a fork takes the base away and stays the head of nobody', () => {
    const latest = after(verdict(1), verdict(2), verdict(2, { ...FORK(2), run: runOf(2, 'f') }));
    assert.deepEqual(sequences(latest), [2, undefined, 2]);
    assert.equal(latest?.baseAbove, 2);
  });
  test('after a fork only a higher sequence is a base again, and the fork seen once more takes it away no more', () => {
    const fork = verdict(2, { ...FORK(3), run: runOf(2, 'f') });
    const latest = after(verdict(1), verdict(2), verdict(3), fork, verdict(1), verdict(3));
    assert.equal(latest?.base, null);
    assert.deepEqual(sequences(after(verdict(3), fork, verdict(4))), [4, 4, 4]);
    assert.deepEqual(sequences(after(verdict(3), fork, verdict(4), fork)), [4, 4, 4]);
  });
  test('an acceptance of an older run moves base and good up to it, not the head back', () => {
    const accepted = verdict(2, { outcome: 'suspect', witness: 'acceptance' });
    assert.deepEqual(sequences(after(verdict(1), verdict(2, SUSPECT), verdict(3, SUSPECT), accepted)), [3, 2, 2]);
  });
  test('a new prefix begins anew, and what comes late of the old one changes nothing', () => {
    const fresh = verdict(1, { prefix: 'AROB:mi-1', received: at(9), at: at(9), run: runOf(9) });
    const latest = after(verdict(4), verdict(5), fresh);
    assert.deepEqual([latest?.prefix, ...sequences(latest)], ['AROB:mi-1', 1, 1, 1]);
    assert.equal(latestAfter(latest, verdict(6)), null);
    const suspect = after(verdict(5), verdict(1, { ...SUSPECT, prefix: 'AROB:mi-1', received: at(9) }));
    assert.deepEqual(sequences(suspect), [1, undefined, 5]);
    const next = verdict(2, { prefix: 'AROB:mi-1', received: at(10), at: at(10), run: runOf(10) });
    assert.deepEqual(
      sequences(after(verdict(5), verdict(1, { ...SUSPECT, prefix: 'AROB:mi-1', received: at(9) }), next)),
      [2, 2, 2],
    );
  });
  test('the last run with unusual content is remembered, whatever it came to, until the ledger is another', () => {
    const unusual = (code: string) => ({ ...SUSPECT, reasons: [{ code, text: 'x' }] });
    const latest = after(verdict(1), verdict(3, unusual('changed')), verdict(2, unusual('compressibility')));
    assert.deepEqual(latest?.doubted, { run: runOf(3), sequence: 3 });
    assert.deepEqual(after(verdict(1, unusual('shrink')))?.doubted, null);
    const fresh = verdict(1, { prefix: 'AROB:mi-1', received: at(9) });
    assert.equal(latestAfter(latest, fresh)?.doubted, null);
  });
  test('the newest accepted run is that of the newest time, not of the highest sequence', () => {
    const manual = verdict(3, { at: at(1) });
    assert.equal(after(verdict(2), manual)?.accepted?.run, runOf(2));
  });
  test('in whatever order and however often verdicts come, the end is the same', () => {
    const kinds = fc.constantFrom<Partial<Verdict>>({}, PARTIAL, SUSPECT, { ...FAILED, moves: SUSPECT.moves });
    fc.assert(
      fc.property(
        fc.array(kinds, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (all, order) => {
          const verdicts = all.map((kind, i) => verdict(i + 1, kind));
          const shuffled = order.map((n) => verdicts[n % verdicts.length] as Verdict);
          assert.deepEqual(after(...shuffled, ...verdicts), after(...verdicts));
        },
      ),
    );
  });
});

describe('isTie', () => {
  test('another run has the same place', () => {
    const latest = after(verdict(1), verdict(2));
    assert.equal(isTie(latest, verdict(2, { run: runOf(2, 'f') })), true);
    assert.equal(isTie(latest, verdict(2)), false);
    assert.equal(isTie(latest, verdict(3)), false);
    assert.equal(isTie(null, verdict(1)), false);
    assert.equal(isTie(latest, verdict(2, { run: runOf(2, 'f'), prefix: 'AROB:mi-1' })), false);
    assert.equal(isTie(latest, verdict(2, { run: runOf(2, 'f'), ...FORK(2) })), false);
  });
});

describe('outranks', () => {
  const silence = verdict(1, { ...FAILED, outcome: 'missed', witness: 'silence', payload: null });
  const command = verdict(1, { ...FAILED, witness: 'command', payload: null });
  const invalid = verdict(1, { ...FAILED, payload: null });
  const suspect = verdict(1, SUSPECT);
  const accepted = verdict(1, { outcome: 'suspect', witness: 'acceptance' });
  test('none < missed < failed by its command < the manifest < its acceptance', () => {
    const line = [null, silence, command, verdict(1), accepted];
    for (const [i, before] of line.entries()) {
      for (const [j, later] of line.entries())
        if (later !== null) assert.equal(outranks(later, before), j > i, `${j} over ${i}`);
    }
  });
  test('a manifest that can be believed now outranks one that could not, and not the other way', () => {
    assert.equal(outranks(verdict(1), invalid), true);
    assert.equal(outranks(invalid, verdict(1)), false);
  });
  test('of one manifest the worse verdict stands', () => {
    assert.equal(outranks(suspect, verdict(1)), true);
    assert.equal(outranks(verdict(1), suspect), false);
    assert.equal(outranks(suspect, suspect), false);
  });
});
