/**
 * Weeks of a small fleet, drawn at random: runs go well, fail, are doubted, are never made or come days late; events are
 * lost, doubled and shuffled, audits are rare, and one publication in five fails. What people must have been told is
 * then worked out from the days alone, without slots, verdicts or problems.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { instantText, parseCompact } from '../../contract/ids.ts';
import { untold } from '../../functions/rules/alerts.ts';
import type { Published } from '../helpers/signed-run.ts';
import { TestStack } from '../helpers/test-stack.ts';

const DAY = 86_400_000;
const HOUR = DAY / 24;
const FIRST = Date.parse('2026-11-20T04:00:00Z');
const HOSTS = ['a', 'b'];

const FATES = ['good', 'good', 'good', 'partial', 'failed', 'suspect', 'missed', 'late'] as const;
type Fate = (typeof FATES)[number];
const KIND: Partial<Record<Fate, string>> = {
  partial: 'PARTIAL',
  failed: 'FAILED',
  suspect: 'SUSPECT',
  missed: 'MISSED',
  late: 'MISSED',
};

interface Weeks {
  /** For each host, for each day. */
  readonly fates: Fate[][];
  /** Numbers that everything else is drawn from, again and again. */
  readonly dice: number[];
}
const weeks: fc.Arbitrary<Weeks> = fc.integer({ min: 3, max: 10 }).chain((days) =>
  fc.record({
    fates: fc.tuple(...HOSTS.map(() => fc.array(fc.constantFrom(...FATES), { minLength: days, maxLength: days }))),
    dice: fc.array(fc.nat(999), { minLength: 20, maxLength: 60 }),
  }),
);

interface Told {
  readonly host: string;
  readonly kind: string;
  readonly since: number;
  /** What the run stands for that ended it; null where this tells of no end. */
  readonly endedBy: number | null;
  readonly isBeginning: boolean;
}

async function live({ fates, dice }: Weeks): Promise<{ stack: TestStack; told: Told[] }> {
  let throws = 0;
  const die = (sides: number) => (dice[throws++ % dice.length] as number) % sides;
  const stack = await TestStack.of(Object.fromEntries(HOSTS.map((name) => [name, {}])));
  stack.notifier.beforePublish = () => {
    if (die(5) === 0) throw new Error('the topic is not there today');
  };
  const days = fates[0]?.length ?? 0;
  const waiting: { at: number; run: Published }[] = [];
  const announce = (run: Published, at: number) => {
    for (let i = die(3); i > 0; i--) waiting.push({ at: at + die(30) * HOUR, run });
  };
  const comeLate: { at: number; host: string; due: string }[] = [];
  // It ends before the deadline of the first slot that nobody drew a fate for.
  const end = FIRST + days * DAY + 5 * HOUR;
  for (let time = FIRST; time < end; time += HOUR) {
    stack.at(instantText(new Date(time)));
    const day = Math.floor((time - FIRST) / DAY);
    const hour = Math.floor((time - FIRST) / HOUR) % 24;
    for (const [i, name] of HOSTS.entries()) {
      const fate = fates[i]?.[day];
      const slot = { policy: 'nightly', due: new Date(FIRST + day * DAY) };
      if (hour !== 1 || fate === undefined || fate === 'missed') continue;
      // It comes after its deadline, and nobody hears from it before.
      if (fate === 'late') comeLate.push({ at: time + 12 * HOUR, host: name, due: instantText(slot.due) });
      else announce(await stack.host(name).backUp({ slot, type: 'full', ...OPTIONS[fate] }), time);
    }
    for (const { at, host, due } of comeLate) {
      if (at === time)
        announce(await stack.host(host).backUp({ slot: { policy: 'nightly', due }, type: 'full' }), time);
    }
    for (const { at, run } of waiting) if (at === time) await stack.completeRun(run);
    if (hour % 8 === 0 || die(6) === 0) await stack.audit();
  }
  stack.notifier.beforePublish = () => {};
  for (const hours of [1, 2]) await stack.at(instantText(new Date(end + hours * HOUR))).audit();
  const told = stack.notifier.take().map(({ subject, email }): Told => {
    const [, end, host = '', was, time = ''] =
      /^Offsite: (GOOD AGAIN )?(?:[A-Z]+ )?(\w+)\/data(?:, was ([A-Z]+))? since (\S+ \S+) UTC/.exec(subject) ?? [];
    const kind = was ?? /^Offsite: ([A-Z]+)/.exec(subject)?.[1] ?? '';
    const isEnd = end !== undefined || subject.includes('good again by now');
    const by = /by run (\d{8}T\d{6}Z)/.exec(email)?.[1] ?? '';
    const endedBy = isEnd ? (parseCompact(by)?.getTime() ?? null) : null;
    return { host, kind, since: Date.parse(`${time.replace(' ', 'T')}:00Z`), endedBy, isBeginning: end === undefined };
  });
  return { stack, told };
}

const OPTIONS = {
  good: {},
  partial: { outcome: 'partial' },
  failed: { outcome: 'failed' },
  suspect: { recipients: ['F'.repeat(40)] },
} as const;

test('whatever happens, people are told what they must be, and no more', async () => {
  await fc.assert(
    fc.asyncProperty(weeks, async (random) => {
      const { stack, told } = await live(random);
      for (const [i, host] of HOSTS.entries()) {
        const due = (day: number) => FIRST + day * DAY;
        const fates = [...(random.fates[i] ?? [])];
        for (const [day, fate] of fates.entries()) {
          const verdict = await stack.verdict({ due: instantText(new Date(due(day))), host });
          // A late one whose event is lost is found with the host's next run, and not before.
          const isLost = fate === 'late' && verdict?.outcome === 'missed';
          if (isLost && fates.slice(day + 1).every((later) => later === 'missed' || later === 'late'))
            fates[day] = 'missed';
          const outcome = { good: 'complete', late: 'complete' }[fates[day] as string] ?? fates[day];
          assert.equal(verdict?.outcome, outcome, `${host}, day ${day}`);
        }
        for (const kind of ['PARTIAL', 'FAILED', 'SUSPECT', 'MISSED']) {
          const isGood = (fate: Fate) =>
            fate === 'good' || fate === 'late' || (fate === 'partial' && kind !== 'PARTIAL');
          const isBad = (fate: Fate) => KIND[fate] === kind && fate !== 'late';
          const about = told.filter((one) => one.host === host && one.kind === kind);
          const beginnings = about.filter(({ isBeginning }) => isBeginning).map(({ since }) => since);
          assert.equal(new Set(beginnings).size, beginnings.length, `${host}: ${kind} twice: ${JSON.stringify(about)}`);
          for (const [day, fate] of fates.entries()) {
            if (!isBad(fate)) continue;
            // People believe it goes on, or know that it ended with a run that is not older.
            const isTold = beginnings.some((since) => {
              const end = about.find((one) => one.since === since && one.endedBy !== null)?.endedBy ?? null;
              return since <= due(day) && (end === null || end >= due(day));
            });
            assert.ok(isTold, `${host}, day ${day}: ${kind} was never told: ${JSON.stringify(about)}`);
          }
          const problem = await stack.problem(kind.toLowerCase() as 'missed', host);
          const [lastBad, lastGood] = [fates.findLastIndex(isBad), fates.findLastIndex(isGood)];
          if (lastBad >= 0) assert.equal(problem?.closed === null, lastGood < lastBad, `${host}: ${kind}`);
          if (problem !== null) assert.equal(untold(problem), null, `${host}: ${kind}`);
        }
      }
    }),
    { numRuns: 12 },
  );
});
