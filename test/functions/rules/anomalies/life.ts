/**
 * The life of a set: hours pass, runs come by a schedule, are missed, are partial, lose their state; every run is held
 * against what the accepted ones left, by the rules themselves.
 */

import type { DayFigures } from '../../../../contract/verdict.ts';
import { type Before, changeOf, type Figures, LIMITS, type Limits } from '../../../../functions/rules/changes.ts';
import { changeRules } from '../../../../functions/rules/judge-changes.ts';
import { recentAfter } from '../../../../functions/rules/recent.ts';
import { Chance } from './chance.ts';
import { Content } from './content.ts';
import type { Hour, Kind } from './kinds.ts';

export interface Schedule {
  /** In which hours of which days. */
  readonly incremental: (now: Hour) => boolean;
  readonly full: (now: Hour) => boolean;
}

const at =
  (hour: number, days = 1, from = 0) =>
  (now: Hour) =>
    now.hour === hour && now.day % days === from;
const never = () => false;

export const SCHEDULES = {
  'every night, a full every month': { incremental: at(4), full: at(0, 30, 29) },
  'every night, a full every week': { incremental: at(4), full: at(0, 7, 6) },
  'every hour, a full every week': { incremental: () => true, full: at(0, 7, 6) },
  'every week, a full every month': { incremental: at(4, 7), full: at(0, 28, 27) },
  'a full every night': { incremental: never, full: at(4) },
} as const satisfies Record<string, Schedule>;

export interface Alarm {
  readonly day: number;
  readonly type: 'full' | 'incremental';
  readonly codes: readonly string[];
  readonly texts: readonly string[];
}

export interface Life {
  readonly kind: Kind;
  readonly schedule: Schedule;
  readonly seed: number;
  readonly days: number;
  /** What happens once the hour has passed, besides what always does. */
  readonly event?: (content: Content, now: Hour) => void;
  /** Whether whoever is alarmed on that day accepts the run at once; who does not never does. */
  readonly accepts?: (day: number) => boolean;
  readonly limits?: Limits;
  /** Nothing but the kind's own churn and the event. */
  readonly undisturbed?: boolean;
}

const BEGAN = Date.UTC(2026, 10, 23);
const HOUR = 3_600_000;

/** Every alarm in it, and how many runs were judged. */
export function live(life: Life): { alarms: Alarm[]; runs: number } {
  const { kind, schedule, days, accepts = () => true, limits = LIMITS } = life;
  const chance = new Chance(life.seed);
  const content = new Content();
  kind.begin(content, chance);
  let recent: DayFigures[] = [];
  let before: (Before & { at: number }) | null = null;
  let [isOtherConfig, stateLost, awayUntil, runs] = [false, false, -1, 0];
  const alarms: Alarm[] = [];
  const isPortable = chance.is(0.15);

  for (let hours = 0; hours < days * 24; hours++) {
    const now = { day: Math.floor(hours / 24), hour: hours % 24 };
    kind.hour(content, chance, now);
    life.event?.(content, now);
    if (life.undisturbed !== true) {
      if (isPortable && now.hour === 0 && chance.is(1 / 40)) awayUntil = now.day + chance.between(2, 15);
      if (chance.is(1 / (24 * 150))) {
        // A path more, in the set's config.
        isOtherConfig = true;
        const share = chance.between(0.05, 0.8);
        const added = [content.counts('full').files * share, content.counts('full').bytes * share] as const;
        if (content.bytes('more') === 0) content.start('more', 0, 0, chance.between(0.2, 1));
        content.add('more', ...added);
      }
      if (chance.is(1 / (24 * 400))) stateLost = true;
    }
    const wantsFull = schedule.full(now) || before === null || stateLost;
    const byHand = life.undisturbed !== true && chance.is(1 / (24 * 40));
    if (!(schedule.incremental(now) || schedule.full(now) || byHand)) continue;
    if (now.day < awayUntil || (life.undisturbed !== true && chance.is(0.01))) continue; // Missed.

    runs++;
    const type = wantsFull ? 'full' : 'incremental';
    const { objectBytes, ...counts } = content.counts(type);
    const gates =
      before === null || stateLost
        ? []
        : [{ gate: 'maxShrink', expected: Math.ceil(before.bytes * 0.5), found: counts.bytes, ok: true }];
    const figures: Figures = { actual: type, counts, gates, objects: [['data', objectBytes, '', 1]] };
    const instant = BEGAN + hours * HOUR;
    const elapsed = before === null || type === 'full' ? null : instant - before.at;
    const found = changeRules(figures, { before, recent, doubted: null, elapsed, isOtherConfig }, limits);
    if (found.length > 0) {
      alarms.push({ day: now.day, type, codes: found.map(({ code }) => code), texts: found.map(({ text }) => text) });
      if (!accepts(now.day)) continue;
    }
    recent = recentAfter(recent, {
      accepted: true,
      witness: found.length > 0 ? 'acceptance' : 'manifest',
      received: new Date(instant).toISOString(),
      backup: type,
      ...counts,
      change: changeOf(figures, before),
    });
    const isWhole = life.undisturbed === true || !chance.is(0.01);
    before = { run: 'before', files: counts.files, bytes: counts.bytes, isWhole, at: instant };
    content.settle();
    // What could not be read is read, and counted, again.
    if (!isWhole) content.everything((name) => content.touch(name, content.files(name) * chance.between(0, 0.6)));
    [isOtherConfig, stateLost] = [false, false];
  }
  return { alarms, runs };
}
