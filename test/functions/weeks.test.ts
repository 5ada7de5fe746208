/**
 * Weeks of a small fleet, drawn at random: runs go well, fail, are doubted, are never made or come days late; events are
 * lost, doubled and shuffled, audits are rare, and one publication in five fails. What people must have been told is
 * then worked out from the days alone, without slots, verdicts or problems.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { instantText, parseCompact } from '../../contract/ids.ts';
import type { Publication } from '../../functions/ports/notifier.ts';
import { untold } from '../../functions/rules/alerts.ts';
import type { Published } from '../helpers/signed-run.ts';
import { fleetFile, TestStack } from '../helpers/test-stack.ts';

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
  readonly what: 'beginning' | 'beginning and end' | 'end' | 'repeat';
  /** What the run stands for that ended it; null where this tells of no end. */
  readonly endedBy: number | null;
  /** When people got it. */
  readonly at: number;
}

async function live({ fates, dice }: Weeks): Promise<{ stack: TestStack; told: Told[] }> {
  let throws = 0;
  const die = (sides: number) => (dice[throws++ % dice.length] as number) % sides;
  const stack = await TestStack.of(Object.fromEntries(HOSTS.map((name) => [name, {}])));
  stack.notifier.beforePublish = () => {
    if (die(5) === 0) throw new Error('the topic is not there today');
  };
  const told: Told[] = [];
  stack.notifier.afterPublish = (message) => told.push(...toldBy(message, stack.clock.now().getTime()));
  const days = fates[0]?.length ?? 0;
  const waiting: { at: number; run: Published }[] = [];
  const announce = (run: Published, at: number) => {
    for (let i = die(3); i > 0; i--) waiting.push({ at: at + die(30) * HOUR, run });
  };
  const comeLate: { at: number; host: string; due: string }[] = [];
  // Nothing is due any more after the last day that somebody drew a fate for, and a day and a half later all has been told.
  const last = FIRST + days * DAY;
  const end = last + 36 * HOUR;
  for (let time = FIRST; time < end; time += HOUR) {
    stack.at(instantText(new Date(time)));
    const day = Math.floor((time - FIRST) / DAY);
    const hour = Math.floor((time - FIRST) / HOUR) % 24;
    if (time === last - HOUR) {
      const yearly = { full: 'cron(0 0 1 1 ? *)', deadline: '8h' };
      await stack.apply(fleetFile(Object.fromEntries(HOSTS.map((name) => [name, {}])), { yearly }));
    }
    if (hour === 0 && day < days) await stack.dispatch(instantText(new Date(time)));
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
  return { stack, told };
}

/** What a message tells, by its text alone. */
function toldBy({ subject, email }: Publication, at: number): Told[] {
  const time = (text = '') => Date.parse(`${text.replace(' ', 'T')}:00Z`);
  const runTime = (text: string | undefined) => (text === undefined ? null : (parseCompact(text)?.getTime() ?? null));
  const RUN = '(\\d{8}T\\d{6}Z)-\\w+';
  if (subject.includes(' STILL ')) {
    const entries = email.matchAll(/^([A-Z]+) (\w+)\/data.*\n {2}since (\S+ \S+) UTC/gm);
    const told = [...entries].map(([, kind = '', host = '', since]) => ({ kind, host, since: time(since) }));
    return told.map((one) => ({ ...one, what: 'repeat', endedBy: null, at }));
  }
  if (subject.includes('GOOD AGAIN')) {
    const told: Told[] = [];
    // Of one host: each problem has a line. Of two: each host a paragraph.
    const of = /^GOOD AGAIN: (\w+)\/data/m.exec(email)?.[1];
    const by = new RegExp(`^What: .* by run ${RUN}`, 'm').exec(email)?.[1];
    for (const [, kind = '', since, until] of email.matchAll(
      new RegExp(`^Was: +([A-Z]+) since (\\S+ \\S+) UTC(?:.*until run ${RUN})?`, 'gm'),
    ))
      told.push({ host: of ?? '', kind, since: time(since), what: 'end', endedBy: runTime(until ?? by), at });
    const paragraph = new RegExp(`^(\\w+)/data .*by run ${RUN}\\.\n +It was ([A-Z]+) since (\\S+ \\S+) UTC`, 'gm');
    for (const [, host = '', run, kind = '', since] of email.matchAll(paragraph))
      told.push({ host, kind, since: time(since), what: 'end', endedBy: runTime(run), at });
    assert.ok(told.length > 0, email);
    return told;
  }
  const kind = /^Offsite: (?:\d+ )?([A-Z]+)/.exec(subject)?.[1] ?? '';
  const paragraphs = email.split(/^(?=What: )/m).slice(1);
  return paragraphs.map((text) => {
    const host = /^What: +(\w+)\/data/.exec(text)?.[1] ?? '';
    const since = time(/^Since: (\S+ \S+) UTC/m.exec(text)?.[1]);
    const endedBy = runTime(new RegExp(`^Until: .* by run ${RUN}`, 'm').exec(text)?.[1]);
    return { host, kind, since, what: endedBy === null ? 'beginning' : 'beginning and end', endedBy, at };
  });
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
        const messages = told.filter((one) => one.host === host);
        for (const kinds of FAMILIES) {
          const about = messages.filter(({ kind, what }) => kinds.includes(kind) && what !== 'repeat');
          const isGood = (fate: Fate) =>
            fate === 'good' || fate === 'late' || (fate === 'partial' && !kinds.includes('PARTIAL'));
          const isBad = (fate: Fate) => kinds.includes(KIND[fate] ?? '') && fate !== 'late';
          const beginnings = about.filter(({ what }) => what !== 'end');
          for (const kind of kinds) {
            const since = beginnings.filter((one) => one.kind === kind).map((one) => one.since);
            assert.equal(new Set(since).size, since.length, `${host}: ${kind} twice: ${JSON.stringify(about)}`);
          }
          for (const [day, fate] of fates.entries()) {
            if (!isBad(fate)) continue;
            // People believe it goes on, or know that it ended with a run that is not older; or enough was said this week.
            const isTold = beginnings.some(({ kind, since, endedBy }) => {
              const ended = about.find((one) => one.kind === kind && one.since === since && one.what === 'end');
              const end = endedBy ?? ended?.endedBy ?? null;
              return since <= due(day) && (end === null || end >= due(day));
            });
            const isEnough = kinds.some((kind) => mostInAWeek(messages.filter((one) => one.kind === kind)) >= 4);
            assert.ok(isTold || isEnough, `${host}, day ${day}: ${kinds} was never told: ${JSON.stringify(about)}`);
          }
          for (const kind of kinds) {
            assert.ok(
              mostInAWeek(messages.filter((one) => one.kind === kind && one.what !== 'repeat')) <= 4,
              `${host}: ${kind}`,
            );
            const isOfKind = (fate: Fate) => KIND[fate] === kind && fate !== 'late';
            const problem = await stack.problem(kind.toLowerCase() as 'missed', host);
            const [lastBad, lastGood] = [fates.findLastIndex(isOfKind), fates.findLastIndex(isGood)];
            if (lastBad >= 0) assert.equal(problem?.closed === null, lastGood < lastBad, `${host}: ${kind}`);
            if (problem !== null) assert.equal(untold(problem), null, `${host}: ${kind}`);
          }
        }
      }
    }),
    { numRuns: 12 },
  );
});

/** Told by one message: one of them covers another. */
const FAMILIES = [['PARTIAL'], ['SUSPECT'], ['MISSED', 'FAILED']];

/** The most messages within any seven days. */
function mostInAWeek(messages: readonly Told[]): number {
  return Math.max(
    0,
    ...messages.map(({ at }) => messages.filter((one) => one.at > at - 7 * DAY && one.at <= at).length),
  );
}
