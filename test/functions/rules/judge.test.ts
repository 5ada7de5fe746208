/** Each rule of the judge, tripped alone: a good run first, then one thing changed in it or around it. */

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { Manifest } from '../../../contract/manifest.ts';
import {
  acceptedByOperator,
  type Judgement,
  judge,
  type RunFacts,
  type ValidManifest,
} from '../../../functions/rules/judge.ts';
import { MemoryStore } from '../../../store/memory.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { DEFAULT_RECIPIENT, makeSigningKey, type Published, TestHost } from '../../helpers/signed-run.ts';

const DUE = new Date('2026-11-21T04:00:00Z');
const DEADLINE = new Date('2026-11-21T12:00:00Z');
const RECEIVED = new Date('2026-11-21T04:20:00Z');
const OTHER = 'FEDCBA9876543210FEDCBA9876543210FEDCBA98';

let first: Published;
let second: Published;
let signer: string;

before(async () => {
  const clock = new FakeClock('2026-11-20T04:20:00Z');
  const host = new TestHost(
    { store: new MemoryStore({ clock }), clock },
    { name: 'carcosa', signingKey: await makeSigningKey() },
  );
  signer = host.signingKey.fingerprint;
  first = await host.backUp({ slot: { policy: 'nightly', due: '2026-11-20T04:00:00Z' } });
  clock.set(RECEIVED);
  second = await host.backUp({ slot: { policy: 'nightly', due: DUE } });
});

/** The facts about the second run of a set, an incremental with nothing wrong. */
function good(change: (manifest: Manifest) => Manifest = (same) => same): RunFacts & { manifest: ValidManifest } {
  const manifest = change(second.manifest);
  const objects = new Map(manifest.objects.map(([key, size, sha256]) => [key, { size, sha256 }]));
  for (const [, key, size, sha256] of manifest.keyObjects) objects.set(key, { size, sha256 });
  const head = { prefix: manifest.prefix, run: first.run, sequence: 1 };
  return {
    host: { name: 'carcosa', pin: null, recipients: [DEFAULT_RECIPIENT], mindsAnomalies: true },
    slot: { due: DUE, deadline: DEADLINE },
    manifest: { state: 'valid', manifest, signer, uncertified: null, received: RECEIVED },
    ledger: { head, predecessor: head, rivals: [] },
    before: { run: first.run, files: 100, bytes: first.manifest.counts.bytes, isWhole: true },
    recent: [],
    doubted: null,
    base: 'accepted',
    configHash: manifest.configHash,
    objects,
    sources: new Map([[first.run, { state: 'present', payload: first.payloadHash }]]),
  };
}

const codes = (reasons: readonly { code: string }[]) => reasons.map(({ code }) => code);
const ALL = { head: true, base: true, good: true, baseAbove: null };
const HEAD = { head: true, base: false, good: false, baseAbove: null };
const NOTHING = { head: false, base: false, good: false, baseAbove: null };

/** Exactly one reason of this code, this outcome, these moves. */
function trips(facts: RunFacts, code: string, outcome: Judgement['outcome'], moves: object = HEAD): string {
  const judgement = judge(facts);
  assert.deepEqual(codes(judgement.reasons), [code]);
  assert.equal(judgement.outcome, outcome);
  assert.equal(judgement.accepted, outcome === 'complete' || outcome === 'partial');
  assert.deepEqual(judgement.moves, moves);
  return judgement.reasons[0]?.text ?? '';
}

/** Complete, with exactly one notice of this code. */
function notes(facts: RunFacts, code: string): string {
  const judgement = judge(facts);
  assert.deepEqual([judgement.outcome, codes(judgement.reasons)], ['complete', []]);
  assert.deepEqual(codes(judgement.notices), [code]);
  assert.deepEqual(judgement.moves, ALL);
  return judgement.notices[0]?.text ?? '';
}

describe('judge', () => {
  test('a good run is complete, without reasons or notices, and moves all', () => {
    assert.deepEqual(judge(good()), { outcome: 'complete', accepted: true, reasons: [], notices: [], moves: ALL });
  });

  describe('before anything in it is believed', () => {
    test('an invalid signature fails and moves nothing', () => {
      const manifest = { state: 'invalid', code: 'signature-invalid', why: 'runs/x is not signed by any key' } as const;
      assert.equal(trips({ ...good(), manifest }, 'signature', 'failed', NOTHING), 'runs/x is not signed by any key');
    });
    test('a wrong shape fails and moves nothing', () => {
      for (const code of ['document-invalid', 'document-too-large', 'manifest-invalid', 'object-key-invalid']) {
        trips({ ...good(), manifest: { state: 'invalid', code, why: 'no' } }, 'shape', 'failed', NOTHING);
      }
    });
    test('a newer format fails, moves nothing, and says what to do', () => {
      const text = trips(
        { ...good(), manifest: { state: 'invalid', code: 'format-unknown', why: 'x' } },
        'format',
        'failed',
        NOTHING,
      );
      assert.match(text, /upgrade the stack/);
    });
    test('another key than the pinned one fails and moves nothing; the pinned one is as good as certified', () => {
      const facts = good();
      const text = trips({ ...facts, host: { ...facts.host, pin: OTHER } }, 'pin', 'failed', NOTHING);
      assert.ok(text.includes(signer) && text.includes(OTHER));
      assert.equal(judge({ ...facts, host: { ...facts.host, pin: signer } }).outcome, 'complete');
    });
  });

  describe('what the host says of itself', () => {
    test('a failed script is named with its exit code, and its last lines where they may be told', () => {
      const failed = (lastLines?: string) =>
        good((manifest) => ({
          ...manifest,
          outcome: 'failed',
          index: null,
          objects: [],
          keyObjects: [],
          error: { code: 'script-failed', script: '10-dump' },
          scripts: [
            { name: '05-first', exitCode: 0, seconds: 1 },
            { name: '10-dump', exitCode: 2, seconds: 31, ...(lastLines === undefined ? {} : { lastLines }) },
          ],
        }));
      assert.equal(trips(failed(), 'script', 'failed'), 'script 10-dump ended with exit code 2 after 31 s');
      const [reason] = judge(failed('no space\nleft\u0007')).reasons;
      assert.equal(reason?.brief, 'script 10-dump exit 2');
      assert.equal(reason?.detail, 'no space\nleft ');
    });
    test('a script that was killed has no exit code', () => {
      const facts = good((manifest) => ({
        ...manifest,
        outcome: 'failed',
        error: { code: 'script-timeout', script: 'a' },
        scripts: [{ name: 'a', exitCode: null, seconds: 60 }],
      }));
      assert.equal(trips(facts, 'script', 'failed'), 'script a was killed after 60 s');
    });
    test('another failure is named by its error code; nothing else is asked of a run that holds no backup', () => {
      const facts = good((manifest) => ({
        ...manifest,
        outcome: 'failed',
        error: { code: 'source-missing' },
        recipients: [OTHER],
      }));
      assert.match(trips({ ...facts, objects: new Map() }, 'host-failed', 'failed'), /source-missing/);
    });
    test('partial is accepted, is a base and is not good', () => {
      const facts = good((manifest) => ({
        ...manifest,
        outcome: 'partial',
        warnings: [{ code: 'unreadable', count: 3 }],
      }));
      const moves = { head: true, base: true, good: false, baseAbove: null };
      assert.equal(trips(facts, 'partial', 'partial', moves), 'not everything could be read: 3 x unreadable');
    });
    test('suspect without a failed gate is still suspect', () => {
      trips(
        good((manifest) => ({ ...manifest, outcome: 'suspect' })),
        'host-suspect',
        'suspect',
      );
    });
    test('a failed gate makes it suspect with its figures, whatever the host says', () => {
      const gates = [
        { gate: 'minFiles', expected: 100, found: 3, ok: false },
        { gate: 'stage', expected: 1, found: 9, ok: true },
      ];
      for (const outcome of ['complete', 'suspect'] as const) {
        const text = trips(
          good((manifest) => ({ ...manifest, outcome, gates })),
          'gate',
          'suspect',
        );
        assert.equal(text, 'gate minFiles: expected 100 or more, found 3');
      }
    });
  });

  describe('whose it is', () => {
    test('another name than the fleet file has is suspect', () => {
      trips(
        good((manifest) => ({ ...manifest, name: 'purr' })),
        'name',
        'suspect',
      );
    });
    test('an uncertified key is a notice', () => {
      const facts = good();
      assert.match(
        notes({ ...facts, manifest: { ...facts.manifest, uncertified: 'no key is certified' } }, 'uncertified'),
        new RegExp(signer),
      );
    });
  });

  describe('can it be restored', () => {
    test('a recipient of the fleet file that is missing is suspect; more than those are fine', () => {
      const facts = good((manifest) => ({ ...manifest, recipients: [OTHER] }));
      assert.match(trips(facts, 'recipients', 'suspect'), new RegExp(DEFAULT_RECIPIENT));
      assert.equal(
        judge(good((manifest) => ({ ...manifest, recipients: [OTHER, DEFAULT_RECIPIENT] }))).outcome,
        'complete',
      );
    });

    const lines = (): [string, number, string][] => {
      const { objects, keyObjects } = second.manifest;
      return [
        ...objects.map(([key, size, sha]) => [key, size, sha] as [string, number, string]),
        ...keyObjects.map(([, key, size, sha]) => [key, size, sha] as [string, number, string]),
      ];
    };
    test('every object that is missing is named', () => {
      assert.equal(lines().length, 5);
      for (const [key] of lines()) {
        const facts = good();
        const objects = new Map(facts.objects);
        objects.set(key, null);
        assert.equal(trips({ ...facts, objects }, 'object-missing', 'suspect'), `${key} is missing`);
        objects.delete(key);
        assert.equal(trips({ ...facts, objects }, 'object-missing', 'suspect'), `${key} is missing`);
      }
    });
    test('every object of another size or content is named', () => {
      for (const [key, size, sha256] of lines()) {
        const facts = good();
        const wrong = (answer: { size: number; sha256: string | null }) => ({
          ...facts,
          objects: new Map(facts.objects).set(key, answer),
        });
        assert.match(
          trips(wrong({ size: size + 1, sha256 }), 'object-damaged', 'suspect'),
          new RegExp(`^${key} has 65 bytes instead of 64`),
        );
        assert.match(
          trips(wrong({ size, sha256: 'f'.repeat(64) }), 'object-damaged', 'suspect'),
          new RegExp(`^${key} is damaged`),
        );
        assert.match(trips(wrong({ size, sha256: null }), 'object-unhashed', 'suspect'), new RegExp(`^${key}`));
      }
    });
    test('thousands of missing objects are counted, not all listed', () => {
      const facts = good((manifest) => {
        const [, size, sha, attempt] = manifest.objects[0] ?? ['', 0, '', 1];
        const many = Array.from(
          { length: 150_000 },
          (_, i) => [`data/${i}`, size, sha, attempt] as Manifest['objects'][number],
        );
        return { ...manifest, objects: many };
      });
      const { reasons } = judge({ ...facts, objects: new Map() });
      assert.equal(reasons.length, 101);
      assert.equal(reasons.at(-1)?.text, 'and 149901 more like these');
    });

    const withSource = (
      answer: Parameters<RunFacts['sources']['get']>[0] extends string ? ReturnType<RunFacts['sources']['get']> : never,
    ) => ({ ...good(), sources: new Map(answer === undefined ? [] : [[first.run, answer]]) });
    test('the manifest of every run it builds on must be there', () => {
      assert.match(trips(withSource(undefined), 'source-missing', 'suspect'), new RegExp(first.run));
      assert.match(trips(withSource({ state: 'absent' }), 'source-missing', 'suspect'), new RegExp(first.run));
    });
    test('and be the one it builds on, and readable', () => {
      assert.match(
        trips(withSource({ state: 'present', payload: 'f'.repeat(64) }), 'source-damaged', 'suspect'),
        new RegExp(first.run),
      );
      assert.match(trips(withSource({ state: 'unreadable', why: 'no JSON' }), 'source-damaged', 'suspect'), /no JSON/);
    });
    test('and the run it builds on must have been accepted', () => {
      assert.match(trips({ ...good(), base: 'not-accepted' }, 'base', 'suspect'), /was not accepted/);
      assert.match(trips({ ...good(), base: 'unknown' }, 'base', 'suspect'), /no verdict/);
      assert.equal(judge({ ...good(), base: null }).outcome, 'complete');
    });
  });

  describe('is it what one would expect', () => {
    const ofBytes = (bytes: number, gates: Manifest['gates'] = []) =>
      good((manifest) => ({ ...manifest, gates, counts: { ...manifest.counts, bytes } }));
    test('less than half of the record is suspect; half is not', () => {
      assert.match(trips(ofBytes(499_000), 'shrink', 'suspect'), /499 kB.*1\.0 MB/);
      trips(ofBytes(499_999), 'shrink', 'suspect');
      assert.equal(judge(ofBytes(500_000)).outcome, 'complete');
    });
    test('where the host could compare by its own config, its gate rules', () => {
      const gate = { gate: 'maxShrink', expected: 0, found: 10, ok: true };
      assert.equal(judge(ofBytes(10, [gate])).outcome, 'complete');
      trips(ofBytes(10, [{ ...gate, expected: 900, ok: false }]), 'gate', 'suspect');
    });
    test('without a record there is nothing to compare with, and an empty record is no measure', () => {
      assert.equal(judge({ ...ofBytes(0), before: null }).outcome, 'complete');
      const empty = { run: first.run, files: 0, bytes: 0, isWhole: true };
      assert.equal(judge({ ...ofBytes(0), before: empty }).outcome, 'complete');
    });
  });

  describe('when', () => {
    const received = (text: string) => {
      const facts = good((manifest) => ({ ...manifest, started: text, finished: text }));
      return { ...facts, manifest: { ...facts.manifest, received: new Date(text) } };
    };
    test('received after the deadline is a notice; at the deadline it is in time', () => {
      assert.match(notes(received('2026-11-21T12:00:01Z'), 'late'), /the deadline was 2026-11-21 12:00 UTC/);
      assert.equal(judge(received('2026-11-21T12:00:00Z')).notices.length, 0);
    });
    test('received well before it was due is suspect', () => {
      const facts = received('2026-11-21T03:49:59Z');
      const judgement = judge(facts);
      assert.deepEqual([judgement.outcome, codes(judgement.reasons)], ['suspect', ['early']]);
      assert.equal(judge(received('2026-11-21T03:50:00Z')).outcome, 'complete');
    });
    test('a host clock that is off by more than ten minutes is a notice', () => {
      const clocks = (started: string, finished: string) => good((manifest) => ({ ...manifest, started, finished }));
      notes(clocks('2026-11-21T04:00:00Z', '2026-11-21T04:30:01Z'), 'clock');
      notes(clocks('2026-11-21T04:00:00Z', '2026-11-21T04:09:59Z'), 'clock');
      notes(clocks('2026-11-21T03:49:59Z', '2026-11-21T04:20:00Z'), 'clock');
      notes(clocks('2026-11-21T04:20:01Z', '2026-11-21T04:20:00Z'), 'clock');
      assert.equal(judge(clocks('2026-11-21T03:50:00Z', '2026-11-21T04:30:00Z')).notices.length, 0);
    });
  });

  describe('the ledger', () => {
    const head = () => ({ prefix: second.manifest.prefix, run: first.run, sequence: 1 });
    test('a sequence that does not follow is suspect and moves nothing', () => {
      for (const sequence of [1, 3])
        trips(
          good((manifest) => ({ ...manifest, sequence })),
          'sequence',
          'suspect',
          NOTHING,
        );
    });
    test('it moves the head where the host says that it had lost its state', () => {
      const facts = good((manifest) => ({ ...manifest, sequence: 3, stateLost: true }));
      trips(facts, 'sequence', 'suspect', HEAD);
      assert.deepEqual(codes(judge(facts).notices), ['state-lost']);
    });
    test('a sequence at or below the head is suspect', () => {
      const ledger = { head: { ...head(), run: 'other', sequence: 2 }, predecessor: head(), rivals: [] };
      assert.match(trips({ ...good(), ledger }, 'sequence', 'suspect', NOTHING), /had 2 already/);
    });
    test('an unknown previous one is suspect', () => {
      trips(
        { ...good(), ledger: { head: head(), predecessor: null, rivals: [] } },
        'previous-unknown',
        'suspect',
        NOTHING,
      );
    });
    test('two that follow one is a fork, and no run up to here may be a base', () => {
      const forked = (sequence: number) => ({
        ...good(),
        ledger: { head: { ...head(), sequence }, predecessor: head(), rivals: ['20261121T040000Z-0123456789ab'] },
      });
      assert.match(trips(forked(2), 'fork', 'suspect', { ...NOTHING, baseAbove: 2 }), /20261121T040000Z-0123456789ab/);
      trips(forked(7), 'fork', 'suspect', { ...NOTHING, baseAbove: 7 });
    });

    const beginning = (more: Partial<Manifest>) =>
      good((manifest) => ({ ...manifest, previous: null, sequence: 1, ...more }));
    test('the first run of all is noted', () => {
      const ledger = { head: null, predecessor: null, rivals: [] };
      notes({ ...beginning({}), ledger }, 'first');
      notes({ ...beginning({ ledgerUnknown: true }), ledger }, 'first');
      trips({ ...beginning({ sequence: 5 }), ledger }, 'sequence', 'suspect', NOTHING);
    });
    test('a second beginning is a fork', () => {
      const ledger = { head: head(), predecessor: null, rivals: [] };
      trips({ ...beginning({}), ledger }, 'fork', 'suspect', { ...NOTHING, baseAbove: 1 });
    });
    test('or, where the host says that it does not know, suspect', () => {
      const ledger = { head: head(), predecessor: null, rivals: [] };
      trips({ ...beginning({ ledgerUnknown: true }), ledger }, 'ledger-unknown', 'suspect', NOTHING);
    });
    test('a new prefix begins a new ledger, or goes on with the one it was told', () => {
      const old = { ...head(), prefix: 'AROAOLD:mi-carcosa' };
      notes({ ...beginning({}), ledger: { head: old, predecessor: null, rivals: [] } }, 'new-prefix');
      assert.equal(judge({ ...good(), ledger: { head: old, predecessor: old, rivals: [] } }).outcome, 'complete');
    });
    test('seen again, its own head does not speak against it', () => {
      const ledger = { head: { ...head(), run: second.run, sequence: 2 }, predecessor: head(), rivals: [] };
      assert.equal(judge({ ...good(), ledger }).outcome, 'complete');
    });
  });

  describe('changes worth a line', () => {
    test('a promotion, a lost state, another config', () => {
      assert.match(
        notes(
          good((manifest) => ({ ...manifest, promoted: { reason: 'chain-age' } })),
          'promoted',
        ),
        /chain-age/,
      );
      notes(
        good((manifest) => ({ ...manifest, stateLost: true })),
        'state-lost',
      );
      notes({ ...good(), configHash: 'f'.repeat(64) }, 'config');
      assert.equal(judge({ ...good(), configHash: null }).notices.length, 0);
    });
  });

  test('the worst reason comes first and makes the outcome', () => {
    const facts = good((manifest) => ({ ...manifest, outcome: 'partial', recipients: [OTHER] }));
    const judgement = judge(facts);
    assert.deepEqual([judgement.outcome, codes(judgement.reasons)], ['suspect', ['recipients', 'partial']]);
  });

  test('what a manifest says is printable in the end', () => {
    const facts = good((manifest) => ({
      ...manifest,
      outcome: 'failed',
      error: { code: 'script-failed', script: 'a\nSubject: b\u001b[2J' },
      scripts: [{ name: 'a\nSubject: b\u001b[2J', exitCode: 1, seconds: 1 }],
    }));
    const [reason] = judge(facts).reasons;
    assert.ok(![reason?.text, reason?.brief].some((text) => /\p{C}/u.test(text ?? '')), JSON.stringify(reason));
  });
});

describe('acceptedByOperator', () => {
  test('a suspect run becomes accepted and moves all', () => {
    const facts = good((manifest) => ({ ...manifest, sequence: 3 }));
    const after = acceptedByOperator(judge(facts));
    assert.deepEqual([after.outcome, after.accepted, after.moves], ['suspect', true, ALL]);
  });
  test('a partial one becomes good', () => {
    assert.deepEqual(acceptedByOperator(judge(good((manifest) => ({ ...manifest, outcome: 'partial' })))).moves, ALL);
  });
  test('a fork becomes good and never a base', () => {
    const head = { prefix: second.manifest.prefix, run: first.run, sequence: 2 };
    const facts = { ...good(), ledger: { head, predecessor: head, rivals: ['x'] } };
    assert.deepEqual(acceptedByOperator(judge(facts)).moves, { head: true, base: false, good: true, baseAbove: 2 });
  });
  test('a failed one stays failed, a complete one as it is', () => {
    const failed = judge({ ...good(), manifest: { state: 'invalid', code: 'signature-invalid', why: 'x' } });
    assert.equal(acceptedByOperator(failed), failed);
    const complete = judge(good());
    assert.equal(acceptedByOperator(complete), complete);
  });
});
