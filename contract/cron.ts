/**
 * AWS cron expressions, as EventBridge rules understand them: when is a schedule due? All in UTC, to the minute, pure.
 *
 * The rules are those of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html. What that
 * page leaves open is refused rather than guessed, because a schedule that we and EventBridge read differently is a
 * backup that is silently missed. Where its words decide only in part, we hold:
 * - A day that a month lacks does not fire in that month: `31`, `31W`, `5#5`. Nothing is moved into another month.
 * - `15W` is the weekday (Monday to Friday) nearest the 15th, within the month: `1W` on a Saturday is Monday the 3rd,
 *   `31W` on a Sunday is Friday the 29th. `LW` is the weekday nearest the last day, so the last weekday.
 * - `L` as day of the week is the last day of every week, Saturday. `6L` is the last Friday of the month.
 * - A range may wrap (`20-2`) for hours alone, where the page has an example. It names hours of the day that the other
 *   fields name: `20-2 ? * MON-FRI` is due early on Monday and not early on Saturday.
 */

import { OffsiteError } from './errors.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** The years that an expression can name, and so the span outside which nothing is ever due. */
const FIRST_YEAR = 1970;
const LAST_YEAR = 2199;
/** The longest ScheduleExpression that PutRule takes. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html */
const MAX_LENGTH = 256;

/** A parsed expression. Made by parseCron alone; it never changes. */
export interface Cron {
  /** The expression in one spelling: capitals, single spaces, no leading zeros, `6L` for `FRIL`. Give this one to EventBridge. */
  readonly text: string;
  /** The due times of a due day in milliseconds after midnight, ascending, at least one. */
  readonly times: readonly number[];
  readonly days: DayRule;
  /** 1 to 12. */
  readonly months: ReadonlySet<number>;
  readonly years: ReadonlySet<number>;
}

/** Which days of a month are due. Weekdays are AWS's: 1 is Sunday, 7 is Saturday. */
type DayRule =
  | { readonly on: 'days'; readonly days: readonly number[] }
  | { readonly on: 'last day' }
  | { readonly on: 'weekday nearest'; readonly day: number | 'last' }
  | { readonly on: 'weekdays'; readonly weekdays: readonly number[] }
  | { readonly on: 'last'; readonly weekday: number }
  | { readonly on: 'nth'; readonly weekday: number; readonly nth: number };

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names of the values, the first for `min`. */
  readonly names: readonly string[];
  readonly expected: string;
  readonly steps: boolean;
  readonly wraps: boolean;
}

function field(name: string, min: number, max: number, expected: string, more: Partial<Field> = {}): Field {
  return { name, min, max, names: [], expected, steps: true, wraps: false, ...more };
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const MINUTES = field('minutes', 0, 59, '0-59 with , - * /');
const HOURS = field('hours', 0, 23, '0-23 with , - * /', { wraps: true });
const DAY_OF_MONTH = field('day-of-month', 1, 31, '1-31 with , - * / or alone one of ? L LW 15W');
const MONTH = field('month', 1, 12, '1-12 or JAN-DEC with , - * /', { names: MONTHS });
const DAY_OF_WEEK = field('day-of-week', 1, 7, '1-7 or SUN-SAT (1 is SUN) with , - * or alone one of ? L 6L 3#2', {
  names: WEEKDAYS,
  steps: false,
});
const YEAR = field('year', FIRST_YEAR, LAST_YEAR, `${FIRST_YEAR}-${LAST_YEAR} with , - * /`);
const FORM = 'cron(minutes hours day-of-month month day-of-week year), such as cron(0 4 * * ? *)';

/**
 * Reads an expression such as `cron(0 4 ? * MON *)`. Names in any case; any white space between the fields.
 * Throws `cron-invalid`, naming the field, what was found and what is expected, for whatever the AWS page does not
 * allow. An expression that is never due (`30 FEB`, a past year) is valid: ask nextDue.
 */
export function parseCron(text: string): Cron {
  if (text.length > MAX_LENGTH) throw invalid('schedule', `${text.slice(0, 40)}…`, `at most ${MAX_LENGTH} characters`);
  const fields = /^\s*cron\(([^()]*)\)\s*$/.exec(text)?.[1]?.trim().split(/\s+/);
  if (fields === undefined) throw invalid('schedule', text, FORM);
  if (fields.length !== 6) throw invalid('schedule', text, `six fields (there are ${fields.length}): ${FORM}`);
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] = fields.map(canonical) as SixStrings;
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw invalid('day-of-month and day-of-week', `${dayOfMonth} and ${dayOfWeek}`, 'exactly one of the two to be ?');
  }
  const minuteValues = values(MINUTES, minutes);
  const days = dayOfWeek === '?' ? daysOfMonth(dayOfMonth) : daysOfWeek(dayOfWeek);
  return {
    text: `cron(${[minutes, hours, dayOfMonth, month, numbered(dayOfWeek), year].join(' ')})`,
    times: values(HOURS, hours).flatMap((hour) => minuteValues.map((minute) => (hour * 60 + minute) * MINUTE)),
    days,
    months: new Set(values(MONTH, month)),
    years: new Set(values(YEAR, year)),
  };
}

type SixStrings = [string, string, string, string, string, string];

function canonical(text: string): string {
  return text.toUpperCase().replace(/\b0+(?=\d)/g, '');
}

/** `FRIL` as `6L` and `TUE#2` as `3#2`: the page has examples of the numbers only. */
function numbered(dayOfWeek: string): string {
  return dayOfWeek.replace(/^[A-Z]{3}(?=L|#)/, (name) => String(WEEKDAYS.indexOf(name) + 1));
}

function daysOfMonth(text: string): DayRule {
  if (text === 'L') return { on: 'last day' };
  if (text === 'LW') return { on: 'weekday nearest', day: 'last' };
  const day = /^(\d+)W$/.exec(text)?.[1];
  if (day !== undefined) return { on: 'weekday nearest', day: value(DAY_OF_MONTH, day, text) };
  return { on: 'days', days: values(DAY_OF_MONTH, text) };
}

function daysOfWeek(text: string): DayRule {
  if (text === 'L') return { on: 'weekdays', weekdays: [7] };
  const last = /^([^,]+)L$/.exec(text)?.[1];
  if (last !== undefined) return { on: 'last', weekday: value(DAY_OF_WEEK, last, text) };
  const [, weekday, nth] = /^([^,]+)#([1-5])$/.exec(text) ?? [];
  if (weekday !== undefined) return { on: 'nth', weekday: value(DAY_OF_WEEK, weekday, text), nth: Number(nth) };
  return { on: 'weekdays', weekdays: values(DAY_OF_WEEK, text) };
}

/** The values of a list of `5`, `5-9`, `5/2`, `5-9/2`, `*` and `*‌/2`, ascending. `5/2` goes on to the field's end. */
function values(field: Field, text: string): number[] {
  const found = new Set<number>();
  for (const item of text.split(',')) {
    const match = /^(?:(\*)|([^-/*]+)(?:-([^-/*]+))?)(?:\/(\d+))?$/.exec(item);
    if (match === null || (item === '*' && text !== '*')) throw invalid(field.name, text, field.expected);
    const [, all, low, high, by] = match;
    if (by !== undefined && !field.steps) throw invalid(field.name, text, 'a list instead of a step, such as MON,WED');
    const step = Number(by ?? 1);
    if (step < 1 || step > field.max) throw invalid(field.name, text, `a step of 1 to ${field.max}`);
    const from = all ? field.min : value(field, low ?? '', text);
    const until = high !== undefined ? value(field, high, text) : all || by !== undefined ? field.max : from;
    if (from <= until) addRange(found, from, until, step);
    else if (field.wraps && step === 1) addRange(addRange(found, from, field.max, 1), field.min, until, 1);
    else
      throw invalid(field.name, text, `${spelt(field, from)},${spelt(field, field.min, until)} for a range that wraps`);
  }
  return [...found].sort((a, b) => a - b);
}

function addRange(found: Set<number>, from: number, until: number, step: number): Set<number> {
  for (let n = from; n <= until; n += step) found.add(n);
  return found;
}

function spelt(field: Field, from: number, until = field.max): string {
  const name = (n: number) => field.names[n - field.min] ?? String(n);
  return from === until ? name(from) : `${name(from)}-${name(until)}`;
}

function value(field: Field, text: string, whole: string): number {
  const named = field.names.indexOf(text);
  const n = named >= 0 ? named + field.min : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (n >= field.min && n <= field.max) return n;
  throw invalid(field.name, whole, field.expected);
}

function invalid(name: string, found: string, expected: string): OffsiteError {
  return new OffsiteError('cron-invalid', `cron: ${name} is ${JSON.stringify(found)}, expected ${expected}`);
}

/** The last due minute at or before `t`, be `t` the due instant itself; null if there is none since 1970. */
export function dueAt(cron: Cron, t: Date): Date | null {
  const until = instant(t);
  for (const day of dueDays(cron, until, -1)) {
    const time = cron.times.findLast((time) => day + time <= until);
    if (time !== undefined) return new Date(day + time);
  }
  return null;
}

/** The first due minute strictly after `after`; null if there is none before 2200. */
export function nextDue(cron: Cron, after: Date): Date | null {
  const since = instant(after);
  for (const day of dueDays(cron, since, 1)) {
    const time = cron.times.find((time) => day + time > since);
    if (time !== undefined) return new Date(day + time);
  }
  return null;
}

/** All due minutes in (after, until], ascending; none if `until` is not after `after`. */
export function dueBetween(cron: Cron, after: Date, until: Date): Date[] {
  const [since, end] = [instant(after), instant(until)];
  const due: Date[] = [];
  for (const day of dueDays(cron, since, 1)) {
    if (day > end) break;
    for (const time of cron.times) {
      if (day + time > since && day + time <= end) due.push(new Date(day + time));
    }
  }
  return due;
}

/**
 * The shortest distance in milliseconds between two successive due minutes, from the beginning of the UTC day of
 * `from` to the end of 2199 (a window of a year or so would miss the 28 days after a month end in a common February);
 * null where fewer than two are due. A deadline longer than this would reach into the next slot.
 */
export function shortestInterval(cron: Cron, from: Date): number | null {
  const [first = 0, ...others] = cron.times;
  const last = others.at(-1) ?? first;
  let shortest = Number.POSITIVE_INFINITY;
  let before: number | undefined;
  for (const day of dueDays(cron, instant(from), 1)) {
    if (before === undefined) {
      others.forEach((time, i) => {
        shortest = Math.min(shortest, time - (cron.times[i] ?? 0));
      });
    } else {
      shortest = Math.min(shortest, day + first - (before + last));
      if (day - before === DAY) break; // No two due days are nearer.
    }
    before = day;
  }
  return shortest === Number.POSITIVE_INFINITY ? null : shortest;
}

function instant(t: Date): number {
  const ms = t.getTime();
  if (Number.isNaN(ms)) throw new RangeError('not a valid date'); // Else it would pass for "nothing is due".
  return ms;
}

/** The midnights of the due days from the UTC day of `from` on: up to the end of 2199, or down to 1970. */
function* dueDays(cron: Cron, from: number, direction: 1 | -1): Generator<number> {
  const today = Math.floor(from / DAY) * DAY;
  const clamped = Math.min(Math.max(today, Date.UTC(FIRST_YEAR, 0, 1)), Date.UTC(LAST_YEAR, 11, 31));
  const start = new Date(clamped);
  let month = start.getUTCFullYear() * 12 + start.getUTCMonth();
  for (; month >= FIRST_YEAR * 12 && month < (LAST_YEAR + 1) * 12; month += direction) {
    const year = Math.floor(month / 12);
    if (!cron.years.has(year) || !cron.months.has((month % 12) + 1)) continue;
    const first = Date.UTC(year, month % 12, 1);
    const length = (Date.UTC(year, (month % 12) + 1, 1) - first) / DAY;
    const days = daysIn(cron.days, length, new Date(first).getUTCDay());
    for (const day of direction === 1 ? days : days.toReversed()) {
      const midnight = first + (day - 1) * DAY;
      if (direction === 1 ? midnight >= today : midnight <= today) yield midnight;
    }
  }
}

/** The due days of a month with `length` days whose 1st is a Sunday (0) to Saturday (6), ascending. */
function daysIn(rule: DayRule, length: number, firstWeekday: number): readonly number[] {
  const weekday = (day: number) => ((firstWeekday + day - 1) % 7) + 1;
  const all = () => Array.from({ length }, (_, i) => i + 1);
  switch (rule.on) {
    case 'days':
      return rule.days.filter((day) => day <= length);
    case 'last day':
      return [length];
    case 'weekday nearest': {
      const day = rule.day === 'last' ? length : rule.day;
      if (day > length) return [];
      if (weekday(day) === 7) return [day > 1 ? day - 1 : day + 2];
      if (weekday(day) === 1) return [day < length ? day + 1 : day - 2];
      return [day];
    }
    case 'weekdays':
      return all().filter((day) => rule.weekdays.includes(weekday(day)));
    case 'last':
      return all().filter((day) => weekday(day) === rule.weekday && day + 7 > length);
    case 'nth':
      return all().filter((day) => weekday(day) === rule.weekday && Math.ceil(day / 7) === rule.nth);
  }
}
