/** What a digest says, byte by byte; when it is due; and that it stays a mail however many hosts there are. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FORMAT } from '../../../contract/document.ts';
import { parseFleet } from '../../../contract/fleet.ts';
import { headLines, headsSha256 } from '../../../contract/heads.ts';
import { sha256Hex } from '../../../contract/ids.ts';
import { type Problem, type ProblemKind, problemKind } from '../../../contract/problem.ts';
import { type Latest, latestKind, type Reason, type Verdict, verdictKind } from '../../../contract/verdict.ts';
import { dueDigest, noticeCounts, pausedHosts, stillStored, watchedCounts } from '../../../functions/rules/digest.ts';
import { type Digest, renderDigest } from '../../../functions/rules/render-digest.ts';
import { assertGolden } from '../../helpers/golden.ts';
import { fleetFile } from '../../helpers/test-stack.ts';

const NOW = new Date('2026-11-22T07:02:00Z');
const DAILY = 'cron(0 7 * * ? *)';
const RUN = '20261121T040000Z-0123456789ab';
const at = (text: string) => new Date(text);

const wells: Digest = {
  due: at('2026-11-22T07:00:00Z'),
  last: at('2026-11-21T07:00:00Z'),
  next: at('2026-11-23T07:00:00Z'),
  watched: { hosts: 2, sets: 3 },
  open: [],
  notices: [],
  paused: [],
  stillStored: [],
  heads: [
    { host: 'purr', set: 'data', sequence: 7, payload: 'ab'.repeat(32) },
    { host: 'carcosa', set: 'etc', sequence: 1, payload: 'cd'.repeat(32) },
    { host: 'carcosa', set: 'data', sequence: 41, payload: '0123456789abcdef'.repeat(4) },
  ],
  unread: 0,
  store: 's3://my-backups?region=eu-central-1',
  displayName: 'Offsite',
};

function problem(kind: ProblemKind, of: Partial<Problem>, ...reasons: Reason[]): Problem {
  const began = { policy: 'nightly', due: '2026-11-21T04:00:00Z', run: RUN, at: '2026-11-21T04:00:00Z' };
  return {
    ...{ type: problemKind.type, format: FORMAT, kind, host: 'carcosa', set: 'data', policy: null, began, reasons },
    ...{ recorded: '2026-11-21T12:01:00Z', told: '2026-11-21T12:01:00Z', under: null, repeats: 0, spoken: [] },
    ...{ further: [], furtherCount: 0, closed: null },
    ...of,
  };
}

function verdict(host: string, judged: string, notices: Reason[], more: Partial<Verdict> = {}): Verdict {
  return {
    ...{ type: verdictKind.type, format: FORMAT, host, set: 'data', run: RUN, policy: null, due: null, deadline: null },
    ...{ at: judged, outcome: 'complete', witness: 'manifest', accepted: true, reasons: [], notices, judged },
    ...{ recorded: null, moves: { head: true, base: true, good: true, baseAbove: null }, prefix: null, payload: null },
    ...{ sequence: null, backup: null, promoted: null, received: judged, configHash: null, newBytes: null },
    ...{ storedBytes: null, bytes: null, files: null, change: null },
    ...more,
  };
}

function latest(host: string, set: string, received: string): Latest {
  const head = { run: RUN, payload: 'a'.repeat(64), sequence: 1, received };
  const none = { base: null, baseAbove: 0, good: null, accepted: null, configHash: null, recent: [], doubted: null };
  return { type: latestKind.type, format: FORMAT, host, set, prefix: 'AROAEXAMPLE:mi-1', head, ...none };
}

const golden = (name: string, { subject, email, sms }: { subject: string; email: string; sms: string }) =>
  assertGolden(
    new URL(`../golden/digest-${name}.txt`, import.meta.url),
    `Subject: ${subject}\nSMS: ${sms}\n\n${email}`,
  );

describe('a digest says', () => {
  test('all well', () => golden('all-well', renderDigest(wells)));

  test('what is wrong, what is told with what, and what happened', () => {
    const notices = noticeCounts(
      [
        verdict('purr', '2026-11-22T04:20:00Z', [{ code: 'first', text: 'the first run of this set' }]),
        verdict('pinky', '2026-11-22T04:20:00Z', [
          { code: 'promoted', text: 'the incremental became a full: base-unknown' },
          { code: 'config', text: "the set's config changed" },
        ]),
        verdict('carcosa', '2026-11-22T04:20:00Z', [
          { code: 'promoted', text: 'the incremental became a full: chain-age' },
        ]),
      ],
      { from: at('2026-11-21T06:45:00Z'), to: at('2026-11-22T06:47:00Z') },
    );
    const open = [
      problem('partial', { host: 'pinky' }, { code: 'partial', text: 'not everything', brief: '3 x unreadable' }),
      problem('missed', { furtherCount: 2 }, { code: 'never-started', text: 'it never started' }),
      problem(
        'missed',
        { set: 'etc', told: null, under: 'alerts/missed.data.carcosa.json', furtherCount: 1 },
        { code: 'never-started', text: 'it never started' },
      ),
      problem('not-dispatched', { host: null, set: null, policy: 'weekly' }, { code: 'not-dispatched', text: 'no' }),
      problem('dead-letters', { host: null, set: null }, { code: 'dead-letters', text: '3 wait', brief: '3 wait' }),
    ];
    const paused = [{ host: 'brain', until: '2026-12-24' }];
    const gone = [{ host: 'old', set: 'data', received: '2026-10-30T04:12:00Z' }];
    golden('open-problems', renderDigest({ ...wells, open, notices, paused, stillStored: gone }));
  });

  test('that nobody looked for days', () => {
    golden('after-days', renderDigest({ ...wells, last: at('2026-11-18T07:00:00Z') }));
  });

  test('that it does not know everything', () => {
    const { subject, email } = renderDigest({ ...wells, unread: 2 });
    assert.equal(subject, 'Offsite digest: incomplete, 2 records could not be read');
    assert.match(email, /2 records could not be read, so this digest is not complete/);
  });

  test('that there is no fleet file', () => {
    const { subject, email } = renderDigest({ ...wells, watched: null, next: null, heads: [] });
    assert.equal(subject, 'Offsite digest: no fleet file, nothing is watched');
    assert.match(email, /offsite fleet apply fleet\.yml/);
  });
});

describe('a digest of thousands of hosts', () => {
  const heads = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      ...{ host: `host-${String(i).padStart(5, '0')}.some.where.example.org`, set: 'data', sequence: 1000 + i },
      payload: sha256Hex(String(i)),
    }));
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => problem('missed', { host: `h${i}` }, { code: 'never-started', text: 'x' }));

  test('names every head of 3,000 sets', () => {
    const { email } = renderDigest({ ...wells, heads: heads(3000) });
    for (const line of headLines(heads(3000))) assert.ok(email.includes(`\n${line}\n`), line);
    assert.doesNotMatch(email, / more, which/);
  });

  test('is no longer than a topic takes, and has one hash of the heads that it does not name', () => {
    const long = 'x'.repeat(2000);
    const verdicts = Array.from({ length: 5000 }, (_, i) =>
      verdict(`h${i}`, '2026-11-22T04:00:00Z', [{ code: 'clock', text: long }]),
    );
    const notices = noticeCounts(verdicts, { from: at('2026-11-21T07:00:00Z'), to: NOW });
    const all = heads(20_000);
    const gone = Array.from({ length: 5000 }, (_, i) => ({
      host: `g${i}`,
      set: 'data',
      received: '2026-11-01T00:00:00Z',
    }));
    const paused = Array.from({ length: 5000 }, (_, i) => ({ host: `p${i}`, until: '2026-12-24' }));
    const digest = { ...wells, open: many(5000), notices, heads: all, stillStored: gone, paused };
    const { subject, email } = renderDigest(digest);
    assert.equal(subject, 'Offsite digest: 5000 problems open: 5000 missed');
    assert.ok(Buffer.byteLength(email) <= 200_000 && Buffer.byteLength(email) > 190_000, `${email.length}`);
    const lines = headLines(all);
    const named = lines.filter((line) => email.includes(`\n${line}\n`)).length;
    assert.ok(named > 3000);
    assert.match(email, new RegExp(`\nand ${20_000 - named} more, which that command prints\n`));
    assert.ok(email.includes(headsSha256(lines)));
    for (const count of ['Notices: 5000', 'Paused: 5000', 'and 4980 more', 'and 4950 more']) {
      assert.ok(email.includes(count), count);
    }
  });

  test('the hash is that of the lines as a file has them', () => {
    const lines = headLines(wells.heads);
    assert.deepEqual(lines, ['carcosa/data 41 01234567', 'carcosa/etc 1 cdcdcdcd', 'purr/data 7 abababab']);
    assert.equal(headsSha256(lines), sha256Hex(Buffer.from(`${lines.join('\n')}\n`)));
  });
});

describe('a digest is due', () => {
  const due = (last: string, now: string, schedule = DAILY) =>
    dueDigest(schedule, at(last), at(now))?.toISOString() ?? null;

  test('at its minute, once', () => {
    const last = '2026-11-21T07:00:00Z';
    assert.equal(due(last, '2026-11-22T06:59:59Z'), null);
    assert.equal(due(last, '2026-11-22T07:00:00Z'), '2026-11-22T07:00:00.000Z');
    assert.equal(due(last, '2026-11-22T23:00:00Z'), '2026-11-22T07:00:00.000Z');
    assert.equal(due('2026-11-22T07:00:00Z', '2026-11-23T06:59:00Z'), null);
  });

  test('once after days in which nobody sent any', () => {
    assert.equal(due('2026-11-21T07:00:00Z', '2026-11-24T03:00:00Z'), '2026-11-23T07:00:00.000Z');
    assert.equal(due('2026-11-23T07:00:00Z', '2026-11-24T03:00:00Z'), null);
  });

  test('never, where its schedule is over', () => {
    assert.equal(due('2026-11-21T07:00:00Z', '2026-11-24T03:00:00Z', 'cron(0 7 1 1 ? 2030)'), null);
  });
});

describe('what happened', () => {
  const first: Reason = { code: 'first', text: 'the first run' };
  const window = { from: at('2026-11-21T06:45:00Z'), to: at('2026-11-22T06:45:00Z') };
  const count = (...verdicts: Verdict[]) => noticeCounts(verdicts, window).map(({ code, count: n }) => [code, n]);

  test('is counted in one digest alone, by when it was judged', () => {
    assert.deepEqual(count(verdict('a', '2026-11-21T06:45:00Z', [first])), []);
    assert.deepEqual(count(verdict('a', '2026-11-21T06:45:01Z', [first])), [['first', 1]]);
    assert.deepEqual(count(verdict('a', '2026-11-22T06:45:00Z', [first])), [['first', 1]]);
    assert.deepEqual(count(verdict('a', '2026-11-22T06:45:01Z', [first])), []);
  });

  test('is not counted again where the operator accepts the run days later', () => {
    const accepted = (received: string) =>
      verdict('a', '2026-11-22T05:00:00Z', [first], { witness: 'acceptance', received });
    assert.deepEqual(count(accepted('2026-11-20T04:10:00Z')), []);
    assert.deepEqual(count(accepted('2026-11-22T04:10:00Z')), [['first', 1]]);
  });

  test('is counted whole and named in part', () => {
    const verdicts = Array.from({ length: 30 }, (_, i) => verdict(`h${i}`, '2026-11-22T04:00:00Z', [first]));
    const [found] = noticeCounts(verdicts, window);
    assert.deepEqual([found?.count, found?.first.length, found?.first[0]?.host], [30, 20, 'h0']);
  });
});

describe('whoever is watched no more', () => {
  const fleet = parseFleet(
    fleetFile(
      { carcosa: { sets: ['data', 'etc'] }, idle: {}, away: { pause: { until: '2026-11-24' } } },
      { nightly: { incremental: 'cron(0 4 * * ? *)', hosts: ['carcosa', 'away'], sets: ['data'] } },
    ),
    'fleet.yml',
    NOW,
  );

  test('is named as long as it stored something in 90 days', () => {
    const records = [
      latest('carcosa', 'data', '2026-11-21T04:00:00Z'),
      latest('carcosa', 'etc', '2026-11-21T04:00:00Z'),
      latest('idle', 'data', '2026-11-21T04:00:00Z'),
      latest('away', 'data', '2026-11-21T04:00:00Z'),
      latest('gone', 'data', '2026-08-24T07:03:00Z'),
      latest('long-gone', 'data', '2026-08-24T07:01:00Z'),
      { ...latest('nothing', 'data', '2026-11-21T04:00:00Z'), head: null },
    ];
    const names = stillStored(fleet, records, NOW).map(({ host, set }) => `${host}/${set}`);
    assert.deepEqual(names, ['carcosa/etc', 'idle/data', 'gone/data']);
  });

  test('is not who is paused', () => {
    assert.deepEqual(pausedHosts(fleet, NOW), [{ host: 'away', until: '2026-11-24' }]);
    assert.deepEqual(pausedHosts(fleet, at('2026-11-24T00:00:00Z')), []);
    assert.deepEqual(watchedCounts(fleet), { hosts: 2, sets: 2 });
  });
});
