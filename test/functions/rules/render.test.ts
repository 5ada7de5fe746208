/** Every message that people get, byte by byte, and what is true of all of them whatever names and reasons there are. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type Incident,
  PROBLEM_KINDS,
  type Problem,
  type ProblemKind,
  problemKind,
} from '../../../contract/problem.ts';
import type { Latest, Reason } from '../../../contract/verdict.ts';
import { ALERT_CODES } from '../../../functions/rules/codes.ts';
import { type Message, renderProblem, renderRecovery, type View } from '../../../functions/rules/render.ts';
import {
  busy,
  commandFailed,
  neverFinished,
  neverStarted,
  stillRunning,
  unknownNode,
} from '../../../functions/rules/trouble.ts';
import { age, nameIn, quoted } from '../../../functions/rules/words.ts';
import { assertGolden } from '../../helpers/golden.ts';

const RUN = '20261121T040000Z-0123456789ab';
const GOOD = '20261120T040000Z-ba9876543210';
const PART =
  'data/AROAEXAMPLE:mi-1/data/20261101T040000Z-0123456789ab/20261121T040000Z-0123456789ab/000007-0123456789abcdef0123456789abcdef.pgp';
const SLOT: Incident = { policy: 'nightly', due: '2026-11-21T04:00:00Z', run: RUN, at: '2026-11-21T04:00:00Z' };
const UNASKED: Incident = { policy: null, due: null, run: RUN, at: '2026-11-21T03:58:12Z' };
const STACK: Incident = { policy: null, due: null, run: null, at: '2026-11-21T11:45:00Z' };
const DEADLINE = new Date('2026-11-21T12:00:00Z');
const STARTED = new Date('2026-11-21T04:17:00Z');
const ALIVE = new Date('2026-11-21T11:17:00Z');

const good: NonNullable<Latest['good']> = {
  run: GOOD,
  payload: 'a'.repeat(64),
  sequence: 41,
  prefix: 'AROAEXAMPLE:mi-1',
  received: '2026-11-20T04:20:00Z',
  at: '2026-11-20T04:00:00Z',
  bytes: 1,
  files: 1,
};
const view: View = {
  now: new Date('2026-11-21T12:01:00Z'),
  displayName: 'Offsite',
  store: 's3://my-backups',
  good: [{ set: 'data', run: good }],
};

function problem(kind: ProblemKind, reasons: Reason[], more: Partial<Problem> = {}): Problem {
  return {
    type: problemKind.type,
    format: 1,
    ...{ kind, host: 'carcosa', set: 'data', began: SLOT, reasons, recorded: '2026-11-21T12:01:00Z', told: null },
    ...{ further: [], furtherCount: 0, closed: null },
    ...more,
  };
}
const text = (code: string, text: string, more: Partial<Reason> = {}): Reason => ({ code, text, ...more });
const ENDED = {
  at: '2026-11-22T04:20:00Z',
  run: '20261122T040000Z-0123456789ab',
  upTo: '2026-11-22T04:00:00Z',
  told: null,
};

/** One message for each thing that can go wrong. */
const MESSAGES: Record<string, () => Message> = {
  'missed-never-started': () =>
    renderProblem(problem('missed', [neverStarted('mi-0123456789abcdef0', DEADLINE)]), view),
  'missed-busy': () => renderProblem(problem('missed', [busy(GOOD, '2026-11-20T04:17:00Z')]), view),
  'missed-never-finished': () => renderProblem(problem('missed', [neverFinished(STARTED, ALIVE)]), view),
  'missed-no-good-backup': () =>
    renderProblem(problem('missed', [neverStarted('mi-1', DEADLINE)]), { ...view, good: [{ set: 'data', run: null }] }),
  'missed-and-good-again': () =>
    renderProblem(problem('missed', [neverStarted('mi-1', DEADLINE)], { closed: ENDED }), view),
  late: () => renderProblem(problem('late', [stillRunning(STARTED, ALIVE, DEADLINE)]), view),
  'failed-script': () => {
    const script = text('script', 'script 10-dump-postgres ended with exit code 2 after 31 s', {
      brief: 'script 10-dump-postgres exit 2',
      detail: 'pg_dumpall: error: connection to server failed\nFATAL: the database system is starting up\n',
    });
    return renderProblem(problem('failed', [script]), view);
  },
  'failed-other': () =>
    renderProblem(
      problem('failed', [
        text('host-failed', 'the host reports error source-missing', { brief: 'error source-missing' }),
      ]),
      view,
    ),
  'failed-command': () => renderProblem(problem('failed', [commandFailed(127)]), view),
  'failed-unasked': () =>
    renderProblem(
      problem('failed', [text('host-failed', 'the host reports error stage-empty')], { began: UNASKED }),
      view,
    ),
  'failed-signature': () =>
    renderProblem(
      problem('failed', [
        text(
          'signature',
          `runs/AROAEXAMPLE:mi-1/data/${RUN}/manifest.json is not signed by any key registered for AROAEXAMPLE:mi-1`,
        ),
      ]),
      view,
    ),
  'failed-shape': () =>
    renderProblem(
      problem('failed', [
        text('shape', `runs/AROAEXAMPLE:mi-1/data/${RUN}/manifest.json is not canonical JSON (RFC 8785)`),
      ]),
      view,
    ),
  'failed-format': () =>
    renderProblem(problem('failed', [text('format', 'it is of format 2: upgrade the stack')]), view),
  'failed-pin': () =>
    renderProblem(
      problem('failed', [
        text('pin', `it is signed by key ${'A'.repeat(40)}, and the fleet file pins ${'B'.repeat(40)}`),
      ]),
      view,
    ),
  'suspect-gates': () => {
    const gates = [
      text('gate', 'gate minFiles: expected 100 or more, found 3', { brief: 'gate minFiles 3 < 100' }),
      text('gate', 'gate minBytes: expected 1000000 or more, found 1024', { brief: 'gate minBytes 1024 < 1000000' }),
    ];
    return renderProblem(problem('suspect', gates), view);
  },
  'suspect-shrunk': () =>
    renderProblem(
      problem('suspect', [
        text('shrink', `it holds 1024 bytes, and run ${GOOD} before it 1000000`, { brief: 'shrunk to 0%' }),
      ]),
      view,
    ),
  'suspect-object-missing': () =>
    renderProblem(problem('suspect', [text('object-missing', `${PART} is missing`)]), view),
  'suspect-object-damaged': () =>
    renderProblem(
      problem('suspect', [text('object-damaged', `${PART} is damaged: its SHA-256 is ${'f'.repeat(64)}`)]),
      view,
    ),
  'suspect-source-missing': () =>
    renderProblem(
      problem('suspect', [text('source-missing', `run ${GOOD}, which it builds on, has no manifest`)]),
      view,
    ),
  'suspect-recipients': () =>
    renderProblem(
      problem('suspect', [
        text('recipients', `it cannot be read with ${'C'.repeat(40)}, which the fleet file demands`),
      ]),
      view,
    ),
  'suspect-base': () =>
    renderProblem(problem('suspect', [text('base', `it builds on run ${GOOD}, which was not accepted`)]), view),
  'suspect-sequence': () =>
    renderProblem(problem('suspect', [text('sequence', `it has sequence 40, and run ${GOOD} had 41 already`)]), view),
  'suspect-many': () =>
    renderProblem(
      problem(
        'suspect',
        Array.from({ length: 14 }, (_, i) => text('object-missing', `data/${i} is missing`)),
      ),
      view,
    ),
  partial: () =>
    renderProblem(
      problem('partial', [
        text('partial', 'not everything could be read: 3 x unreadable', { brief: '3 x unreadable' }),
      ]),
      view,
    ),
  fork: () =>
    renderProblem(
      problem('fork', [
        text(
          'fork',
          `it and run ${GOOD} both follow run 20261119T040000Z-0123456789ab: a restored image, or two machines with one identity`,
        ),
      ]),
      view,
    ),
  'unknown-node': () => {
    const reasons = [unknownNode('mi-0123456789abcdef0', 'the command service does not know this node id')];
    const sets = [
      { set: 'etc', run: good },
      { set: 'var', run: null },
    ];
    return renderProblem(problem('unknown-node', reasons, { set: null, began: { ...SLOT, run: null } }), {
      ...view,
      good: sets,
    });
  },
  'fleet-missing': () =>
    renderProblem(
      problem('fleet-missing', [text('fleet-missing', 'config/fleet.json is not in the store')], {
        host: null,
        set: null,
        began: STACK,
      }),
      { ...view, good: [] },
    ),
  'fleet-invalid': () => {
    const why = text(
      'fleet-invalid',
      'config/fleet/20261121T113000Z-0123456789abcdef0123456789abcdef.json: it is empty: without hosts and policies nothing is ever backed up',
    );
    return renderProblem(problem('fleet-invalid', [why], { host: null, set: null, began: STACK }), {
      ...view,
      good: [],
    });
  },
  'recovery-missed': () =>
    renderRecovery([problem('missed', [neverStarted('mi-1', DEADLINE)], { closed: ENDED })], view),
  'recovery-of-several': () =>
    renderRecovery(
      [
        problem('failed', [text('script', 'script a ended with exit code 1 after 1 s')], {
          began: { ...SLOT, at: '2026-11-22T04:00:00Z' },
          closed: ENDED,
        }),
        problem('missed', [neverStarted('mi-1', DEADLINE)], { furtherCount: 2, closed: ENDED }),
        problem('unknown-node', [], { set: null, furtherCount: 1, closed: ENDED }),
      ],
      view,
    ),
  'recovery-fleet': () =>
    renderRecovery(
      [problem('fleet-missing', [], { host: null, set: null, began: STACK, closed: { ...ENDED, run: null } })],
      { ...view, good: [] },
    ),
  'odd-store-url': () =>
    renderProblem(problem('suspect', [text('name', 'x')]), {
      ...view,
      store: "s3://b?region=eu-west-1&endpoint=http://o'hara",
    }),
};

function assertSendable({ subject, sms, email }: Message, displayName: string): void {
  assert.ok(subject.length < 100, `${subject.length}: ${subject}`);
  assert.match(subject, /^[\x20-\x7e]+$/);
  assert.ok(displayName.length + 2 + sms.length <= 140, `${sms.length}: ${sms}`);
  assert.match(sms, /^[A-Za-z0-9 !"#$%&'()*+,\-./:;<=>?@_]+$/);
  assert.ok(Buffer.byteLength(email) < 200_000);
  assert.ok(email.endsWith('\n'));
}

describe('messages', () => {
  for (const [name, message] of Object.entries(MESSAGES)) {
    test(name, () => {
      const { subject, email, sms, critical } = message();
      assertSendable(message(), view.displayName);
      const golden = `Subject: ${subject}\nCritical: ${critical}\nSMS (${sms.length}): ${sms}\n\n${email}`;
      assertGolden(new URL(`../golden/${name}.txt`, import.meta.url), golden);
    });
  }

  test('there is one for every kind of problem', () => {
    const kinds = Object.keys(MESSAGES);
    for (const kind of PROBLEM_KINDS)
      assert.ok(
        kinds.some((name) => name.startsWith(kind)),
        kind,
      );
  });

  test('the commands in them are those of the command line', () => {
    const real = /^offsite (backup( full)? --set|(runs|ls|accept|verify|check) .*--store|trust \S+ --fingerprint) /;
    for (const message of Object.values(MESSAGES)) {
      for (const [, command] of message().email.matchAll(/^ {4}(\S.*)$/gm)) assert.match(`${command} `, real);
    }
  });

  test('every code has its next step, and words that fit a subject', () => {
    for (const [kind, codes] of Object.entries(ALERT_CODES) as [ProblemKind, readonly string[]][]) {
      for (const code of codes) {
        const { email, subject } = renderProblem(problem(kind, [text(code, 'x')]), view);
        assert.match(email, /^Next: {2}\S.*\n {4}offsite /m, code);
        assert.ok(!subject.includes('-missing:') && !subject.endsWith(': '), subject);
      }
    }
  });

  test('whatever the names and reasons are, they can be sent, and name host, set and time', () => {
    const name = (first: string, rest: string, max: number) =>
      fc
        .tuple(fc.constantFrom(...first), fc.string({ unit: fc.constantFrom(...rest), maxLength: max }))
        .map((pieces) => pieces.join(''));
    const random = fc.record({
      host: name('aZ9', 'aZ9._-', 62),
      set: name('a9', 'a9_-', 31),
      kind: fc.constantFrom(...PROBLEM_KINDS),
      brief: fc.option(fc.string({ unit: 'binary', maxLength: 80 }), { nil: undefined }),
      words: fc.string({ unit: 'grapheme', maxLength: 200 }),
      displayName: fc.string({ unit: fc.constantFrom('a', 'B'), maxLength: 20 }),
      closed: fc.constantFrom(null, ENDED),
    });
    fc.assert(
      fc.property(random, ({ host, set, kind, brief, words, displayName, closed }) => {
        const reasons = [text('script', words, brief === undefined ? {} : { brief })];
        const one = problem(kind, reasons, { host, set, closed });
        for (const message of [
          renderProblem(one, { ...view, displayName }),
          renderRecovery([one], { ...view, displayName }),
        ]) {
          assertSendable(message, displayName);
          for (const line of [message.subject, message.sms]) {
            assert.ok(line.includes(host.slice(0, 6)), line);
            assert.ok(line.includes(set), line);
            assert.ok(line.includes('11-21 04:00 UTC'), line);
          }
          assert.ok(message.email.includes(`${host}/${set}`));
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('words', () => {
  test('ages', () => {
    const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
    const cases: [number, string][] = [
      [0, '0 minutes'],
      [MINUTE, '1 minute'],
      [HOUR - 1, '59 minutes'],
      [HOUR, '1 hour'],
      [DAY - 1, '23 hours'],
      [DAY, '1 day'],
      [DAY + HOUR, '1 day 1 hour'],
      [2 * DAY + 5 * HOUR, '2 days 5 hours'],
      [40 * DAY + HOUR, '40 days'],
      [-HOUR, '0 minutes'],
    ];
    for (const [milliseconds, words] of cases) assert.equal(age(milliseconds), words);
  });
  test('names lose the end of the host first', () => {
    assert.equal(nameIn(99, 'carcosa', 'data'), 'carcosa/data');
    assert.equal(nameIn(14, 'carcosa.example', 'data'), 'carcosa../data');
    assert.equal(nameIn(9, 'carcosa', null), 'carcosa');
  });
  test('words for a shell', () => {
    assert.equal(quoted('s3://my-backups/a'), 's3://my-backups/a');
    assert.equal(quoted("it's"), "'it'\\''s'");
    assert.equal(quoted('a b'), "'a b'");
  });
});
