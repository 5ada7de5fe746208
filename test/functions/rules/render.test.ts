/** Every message that people get, byte by byte, and what is true of all of them whatever names and reasons there are. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { OffsiteError } from '../../../contract/errors.ts';
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
import { renderBeginnings, renderEnds } from '../../../functions/rules/render-groups.ts';
import { renderRepeat } from '../../../functions/rules/render-repeat.ts';
import {
  busy,
  commandFailed,
  neverFinished,
  neverStarted,
  stillRunning,
  troubleOfNotDispatched,
  troubleOfNotJudged,
  troubleOfUnjudged,
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
  goodOf: ({ host }) => (host === null ? [] : [{ set: 'data', run: good }]),
};
const withGood = (runs: ReturnType<View['goodOf']>): View => ({ ...view, goodOf: () => runs });

function problem(kind: ProblemKind, reasons: Reason[], more: Partial<Problem> = {}): Problem {
  return {
    type: problemKind.type,
    format: 1,
    ...{ kind, host: 'carcosa', set: 'data', policy: null, began: SLOT, reasons },
    ...{ recorded: '2026-11-21T12:01:00Z', told: null, under: null, repeats: 0, spoken: [] },
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

const ofStack = (kind: ProblemKind, words: string, more: Partial<Problem> = {}) =>
  problem(kind, [text(kind, words)], { host: null, set: null, began: STACK, ...more });
const notDispatched = (more: Partial<Problem> = {}): Problem => {
  const slot = { policy: 'nightly', due: new Date(SLOT.at), deadline: DEADLINE };
  const { reasons, incident } = troubleOfNotDispatched(slot, { notAsked: 4850, asked: 5000, isClaimed: true });
  const of = { host: null, set: null, policy: 'nightly', began: incident };
  return problem('not-dispatched', [...reasons], { ...of, ...more });
};

/** What no single host is to blame for. */
const OF_THE_STACK: Record<string, () => Message> = {
  unjudged: () => {
    const asked = { host: 'carcosa', node: 'mi-1', set: 'data', run: RUN };
    const error = new OffsiteError('store-denied', `runs/AROAEXAMPLE:mi-1/data/${RUN}/: access denied`);
    const { reasons } = troubleOfUnjudged({ policy: 'nightly', due: new Date(SLOT.at) }, asked, error);
    return renderProblem(problem('unjudged', [...reasons]), view);
  },
  'not-dispatched': () => renderProblem(notDispatched(), view),
  'not-dispatched-good-again': () => renderRecovery([notDispatched({ closed: { ...ENDED, run: null } })], view),
  'not-judged': () => {
    const { reasons, incident } = troubleOfNotJudged({ policy: 'nightly', due: new Date(SLOT.at) }, 4980);
    return renderProblem(problem('not-judged', [...reasons], { host: null, set: null, began: incident }), view);
  },
  'dead-letters': () =>
    renderProblem(
      ofStack('dead-letters', '3 events that no function could deal with wait in the dead-letter queue'),
      view,
    ),
  'no-subscriber': () =>
    renderProblem(ofStack('no-subscriber', 'nobody but phones has confirmed a subscription to the topic alerts'), view),
};

/** Missed runs of so many hosts. */
const many = (count: number, more: Partial<Problem> = {}): Problem[] =>
  Array.from({ length: count }, (_, i) =>
    problem('missed', [neverStarted(`mi-${i}`, DEADLINE)], { host: `web-${String(i).padStart(4, '0')}`, ...more }),
  );
const ofMixedKinds = (): Problem[] => [
  problem('missed', [neverStarted('mi-1', DEADLINE)], { furtherCount: 5, told: '2026-11-21T12:01:00Z' }),
  problem('failed', [commandFailed(127)], { host: 'purr', set: 'etc', told: '2026-11-22T12:01:00Z' }),
  notDispatched({ told: '2026-11-22T12:01:00Z', furtherCount: 1 }),
];

/** What is told together. */
const OF_MANY: Record<string, () => Message> = {
  'several-missed': () =>
    renderBeginnings(
      [
        problem('missed', [neverStarted('mi-1', DEADLINE)]),
        problem('missed', [busy(GOOD, '2026-11-20T04:17:00Z')], { host: 'purr', set: 'etc' }),
        problem('missed', [neverStarted('mi-3', DEADLINE)], { host: 'third', closed: ENDED }),
      ],
      view,
    ),
  'many-missed': () =>
    renderBeginnings([...many(11), problem('missed', [busy(GOOD, null)], { host: 'purr', set: 'etc' })], view),
  'many-late': () =>
    renderBeginnings(
      many(6).map((one) => ({ ...one, kind: 'late', reasons: [stillRunning(STARTED, ALIVE, DEADLINE)] })),
      view,
    ),
  'several-good-again': () =>
    renderEnds(
      [
        problem('missed', [neverStarted('mi-1', DEADLINE)], { furtherCount: 6, closed: ENDED }),
        problem('failed', [commandFailed(1)], { host: 'purr', set: 'etc', closed: ENDED }),
        notDispatched({ closed: { ...ENDED, run: null } }),
      ],
      view,
    ),
  'many-good-again': () => renderEnds(many(7, { closed: ENDED }), view),
  'repeat-of-many': () =>
    renderRepeat([...ofMixedKinds(), ...many(20, { told: SLOT.at })], {
      ...view,
      now: new Date('2026-11-28T12:01:00Z'),
    }),
  'repeat-of-one': () => renderRepeat(ofMixedKinds().slice(0, 1), { ...view, now: new Date('2026-11-28T12:01:00Z') }),
  'repeat-of-several': () => renderRepeat(ofMixedKinds(), { ...view, now: new Date('2026-11-28T12:01:00Z') }),
};

/** One message for each thing that can go wrong. */
const MESSAGES: Record<string, () => Message> = {
  'missed-never-started': () =>
    renderProblem(problem('missed', [neverStarted('mi-0123456789abcdef0', DEADLINE)]), view),
  'missed-busy': () => renderProblem(problem('missed', [busy(GOOD, '2026-11-20T04:17:00Z')]), view),
  'missed-never-finished': () => renderProblem(problem('missed', [neverFinished(STARTED, ALIVE)]), view),
  'missed-no-good-backup': () =>
    renderProblem(problem('missed', [neverStarted('mi-1', DEADLINE)]), withGood([{ set: 'data', run: null }])),
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
    return renderProblem(
      problem('unknown-node', reasons, { set: null, began: { ...SLOT, run: null } }),
      withGood(sets),
    );
  },
  'fleet-missing': () =>
    renderProblem(
      problem('fleet-missing', [text('fleet-missing', 'config/fleet.json is not in the store')], {
        host: null,
        set: null,
        began: STACK,
      }),
      view,
    ),
  'fleet-invalid': () => {
    const why = text(
      'fleet-invalid',
      'config/fleet/20261121T113000Z-0123456789abcdef0123456789abcdef.json: it is empty: without hosts and policies nothing is ever backed up',
    );
    return renderProblem(problem('fleet-invalid', [why], { host: null, set: null, began: STACK }), view);
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
      view,
    ),
  ...OF_THE_STACK,
  ...OF_MANY,
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
    const real =
      /^offsite (backup --set \S+|(runs|ls|accept|verify) .*--store .*|trust \S+ --fingerprint .*|fleet (run \S+( full)?( --set \S+)?( --wait)?|status|discover|subscribe --email ADDRESS) --store \S+|fleet (status|apply fleet.yml)) ?$/;
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

  test('about five thousand of the longest names they can still be sent, and say how many more there are', () => {
    const long = many(5000).map((one, i) => ({
      ...one,
      host: `${String(i).padStart(4, '0')}${'h'.repeat(59)}`,
      set: 's'.repeat(32),
      reasons: [text('command', 'x'.repeat(2000), { brief: 'b'.repeat(80) })],
      furtherCount: i,
    }));
    const messages = {
      beginnings: renderBeginnings(long, view),
      ends: renderEnds(
        long.map((one) => ({ ...one, closed: ENDED })),
        view,
      ),
      repeat: renderRepeat(long, view),
    };
    for (const [name, message] of Object.entries(messages)) {
      assertSendable(message, view.displayName);
      // SNS takes 256 KB, and the mail is in what it takes twice.
      assert.ok(Buffer.byteLength(JSON.stringify([message.email, message.email])) < 250_000, name);
      assert.match(message.email, /and 4600 more: offsite fleet status --store s3:/, name);
      assert.match(message.subject, /^Offsite: 5000 \S.* since 2026-11-21 04:00 UTC: \S/, name);
    }
    assert.ok(messages.beginnings.critical && !messages.ends.critical && !messages.repeat.critical);
  });

  test('one to five problems get their reasons and what to type, more of them a row', () => {
    for (const count of [2, 5]) {
      const { email } = renderBeginnings(many(count), view);
      assert.equal(email.match(/never started: nothing came from node/g)?.length, count);
      assert.equal(email.match(/offsite fleet run web-000\d --set data/g)?.length, count);
      assert.equal(email.match(/alerts\/missed\.data\.web-000\d\.json/g)?.length, count);
    }
    const { email } = renderBeginnings(many(6), view);
    assert.equal(email.match(/^ {2}web-000\d\/data {2}since 2026-11-21 04:00 UTC {2}never started$/gm)?.length, 6);
    assert.equal(email.match(/offsite fleet run/g)?.length, 1);
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
