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
 * - A range may wrap for hours alone, where the page has an example (`0/30 20-2 ? * MON-FRI *`: Monday before 3:00 is
 *   due). It names hours, and the other fields name the days on which they count: Saturday before 3:00 is not due.
 */

import { OffsiteError } from './errors.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** The years that an expression can name, and so the span outside which nothing is ever due. */
const FIRST_YEAR = 1970;
const LAST_YEAR = 2199;
/** PutRule's limit: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html */
const MAX_LENGTH = 256;

/** A parsed expression. Made by parseCron alone; it never changes. */
export interface Cron {
  /** The expression in one spelling: capitals, single spaces, no leading zeros, `6L` for `FRIL`. Give this one to EventBridge. */
  readonly text: string;
  /** The due times of a due day in milliseconds after midnight, ascending; at least one. */
  readonly times: readonly number[];
  readonly isDue: DayRule;
  /** 1 to 12. */
  readonly months: ReadonlySet<number>;
  readonly years: ReadonlySet<number>;
}

/** Is this day of a month of `length` days due? Weekdays are AWS's: 1 is Sunday, 7 is Saturday. */
type DayRule = (day: number, weekday: number, length: number) => boolean;

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names of the values, that of `min` first. */
  readonly names?: readonly string[];
  readonly expected: string;
}

const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const MINUTES: Field = { name: 'minutes', min: 0, max: 59, expected: '0-59 with , - * /' };
const HOURS: Field = { name: 'hours', min: 0, max: 23, expected: '0-23 with , - * /' };
const MONTH: Field = { name: 'month', min: 1, max: 12, names: MONTHS, expected: '1-12 or JAN-DEC with , - * /' };
const YEAR: Field = { name: 'year', min: FIRST_YEAR, max: LAST_YEAR, expected: '1970-2199 with , - * /' };
const DAY_OF_MONTH: Field = {
  name: 'day-of-month',
  min: 1,
  max: 31,
  expected: '1-31 with , - * /, or one alone of ? L LW 15W',
};
const DAY_OF_WEEK: Field = {
  name: 'day-of-week',
  min: 1,
  max: 7,
  names: WEEKDAYS,
  expected: '1-7 or SUN-SAT (1 is SUN) with , - *, or one alone of ? L 6L 3#2 (the last number 1-5)',
};
const FORM = 'cron(minutes hours day-of-month month day-of-week year), such as cron(0 4 * * ? *)';

/**
 * Reads an expression such as `cron(0 4 ? * MON *)`. Names in any case, any white space between the fields.
 * Throws `cron-invalid`, naming the field, what was found and what is expected, for whatever the AWS page does not
 * allow. An expression that is never due (`30 2`, a past year) is valid: ask nextDue.
 */
export function parseCron(text: string): Cron {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const cron = read(text);
  if (parsed.size >= MAX_PARSED) parsed.clear();
  parsed.set(text, cron);
  return cron;
}

/** A fleet has a few schedules, and each is asked for again and again. */
const parsed = new Map<string, Cron>();
const MAX_PARSED = 500;

function read(text: string): Cron {
  if (text.length > MAX_LENGTH) {
    throw invalid('the schedule', `${text.slice(0, 40)}…`, `${MAX_LENGTH} characters at most`);
  }
  const fields = /^\s*cron\(([^()]*)\)\s*$/.exec(text)?.[1]?.trim().split(/\s+/);
  if (fields === undefined) throw invalid('the schedule', text, FORM);
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year, ...more] = fields.map(canonical);
  if (!minutes || !hours || !dayOfMonth || !month || !dayOfWeek || !year || more.length > 0) {
    throw invalid('the schedule', text, `six fields instead of ${fields.filter(Boolean).length}: ${FORM}`);
  }
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw invalid('day-of-month and day-of-week', `${dayOfMonth} ${dayOfWeek}`, 'exactly one of the two to be ?');
  }
  const minuteValues = values(MINUTES, minutes);
  const hourValues = values(HOURS, hours);
  return {
    text: `cron(${[minutes, hours, dayOfMonth, month, numbered(dayOfWeek), year].join(' ')})`,
    times: hourValues.flatMap((hour) => minuteValues.map((minute) => (hour * 60 + minute) * MINUTE)),
    isDue: dayOfWeek === '?' ? dayOfMonthRule(dayOfMonth) : dayOfWeekRule(dayOfWeek),
    months: new Set(values(MONTH, month)),
    years: new Set(values(YEAR, year)),
  };
}

function canonical(text: string): string {
  return text.toUpperCase().replace(/\b0+(?=\d)/g, '');
}

/** `6L` for `FRIL` and `3#2` for `TUE#2`: the page shows these two with numbers only. */
function numbered(dayOfWeek: string): string {
  return dayOfWeek.replace(/^[A-Z]{3}(?=[L#])/, (name) => String(WEEKDAYS.indexOf(name) + 1));
}

function dayOfMonthRule(text: string): DayRule {
  if (text === 'L') return (day, _, length) => day === length;
  if (text === 'LW') return (day, weekday, length) => isNearestWeekday(day, weekday, length, length);
  const wanted = /^(\d+)W$/.exec(text)?.[1];
  if (wanted === undefined) return memberOf(values(DAY_OF_MONTH, text));
  const target = value(DAY_OF_MONTH, wanted, text);
  return (day, weekday, length) => isNearestWeekday(day, weekday, length, target);
}

/** Is `day` the Monday to Friday nearest to `target`, within the month? */
function isNearestWeekday(day: number, weekday: number, length: number, target: number): boolean {
  if (target > length) return false;
  const targetWeekday = ((weekday - 1 + target - day + 35) % 7) + 1;
  if (targetWeekday === 7) return day === (target > 1 ? target - 1 : target + 2);
  if (targetWeekday === 1) return day === (target < length ? target + 1 : target - 2);
  return day === target;
}

function dayOfWeekRule(text: string): DayRule {
  if (text === 'L') return (_, weekday) => weekday === 7;
  const [, name, last, nth] = /^([^,]+?)(?:(L)|#([1-5]))$/.exec(text) ?? [];
  if (name === undefined) {
    const isWanted = memberOf(values(DAY_OF_WEEK, text));
    return (_, weekday) => isWanted(weekday);
  }
  const wanted = value(DAY_OF_WEEK, name, text);
  if (last) return (day, weekday, length) => weekday === wanted && day + 7 > length;
  return (day, weekday) => weekday === wanted && Math.ceil(day / 7) === Number(nth);
}

function memberOf(numbers: number[]): (n: number) => boolean {
  const set = new Set(numbers);
  return (n) => set.has(n);
}

/** What a list of `5`, `5-9`, `5/2` (on to the field's end), `5-9/2` and `*` with or without a step names, ascending. */
function values(field: Field, text: string): number[] {
  const found = new Set<number>();
  const add = (from: number, until: number, step: number) => {
    for (let n = from; n <= until; n += step) found.add(n);
  };
  for (const item of text.split(',')) {
    const match = /^(?:\*|([^-/*]+)(?:-([^-/*]+))?)(?:\/(\d+))?$/.exec(item);
    if (match === null || (item === '*' && text !== '*')) throw invalid(field.name, text, field.expected);
    const [, low, high, by] = match;
    if (by !== undefined && field === DAY_OF_WEEK) throw invalid(field.name, text, 'no step but a list: MON,WED,FRI');
    const step = Number(by ?? 1);
    if (step < 1 || step > field.max) throw invalid(field.name, text, `a step of 1-${field.max}`);
    const from = low === undefined ? field.min : value(field, low, text);
    const only = low !== undefined && by === undefined;
    const until = high !== undefined ? value(field, high, text) : only ? from : field.max;
    if (from <= until) add(from, until, step);
    else if (field === HOURS && by === undefined) {
      add(from, field.max, 1);
      add(field.min, until, 1);
    } else {
      const instead =
        by === undefined ? `${spelt(field, from, field.max)},${spelt(field, field.min, until)}` : 'a list';
      throw invalid(field.name, text, `${instead} instead of a range that wraps`);
    }
  }
  return [...found].sort((a, b) => a - b);
}

function value(field: Field, text: string, whole: string): number {
  const named = field.names?.indexOf(text) ?? -1;
  const n = named >= 0 ? named + field.min : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (n >= field.min && n <= field.max) return n;
  throw invalid(field.name, whole, field.expected);
}

function spelt(field: Field, from: number, until: number): string {
  const [low, high] = [from, until].map((n) => field.names?.[n - field.min] ?? n);
  return from === until ? `${low}` : `${low}-${high}`;
}

function invalid(name: string, found: string, expected: string): OffsiteError {
  return new OffsiteError('cron-invalid', `cron: ${name} is ${JSON.stringify(found)}, expected ${expected}`);
}

/** The last due minute at or before `t`, be it `t` itself; null if there is none since 1970. */
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
  for (const day of dueDays(cron, since, 1, end)) {
    for (const time of cron.times) {
      if (day + time > since && day + time <= end) due.push(new Date(day + time));
    }
  }
  return due;
}

/**
 * The shortest distance in milliseconds between two successive due minutes, from the beginning of the UTC day of
 * `from` to the end of 2199 (a window of a year or so can miss the 28 days after `L` in January of a common year);
 * null where fewer than two are due. A deadline longer than this would reach into the next slot.
 */
export function shortestInterval(cron: Cron, from: Date): number | null {
  const day = Math.floor(instant(from) / DAY);
  const known = intervals.get(cron);
  if (known?.day === day) return known.shortest;
  const shortest = shortestFrom(cron, from);
  intervals.set(cron, { day, shortest });
  return shortest;
}

/** The last answers: a fleet file is checked when it is applied and whenever it is read, always as of the same day. */
const intervals = new WeakMap<Cron, { readonly day: number; readonly shortest: number | null }>();

function shortestFrom(cron: Cron, from: Date): number | null {
  const first = cron.times[0] ?? 0;
  const last = cron.times.at(-1) ?? first;
  let shortest = Number.POSITIVE_INFINITY;
  let before: number | undefined;
  for (const day of dueDays(cron, instant(from), 1)) {
    if (before === undefined) {
      for (let i = 1; i < cron.times.length; i++) {
        shortest = Math.min(shortest, (cron.times[i] ?? 0) - (cron.times[i - 1] ?? 0));
      }
    } else {
      shortest = Math.min(shortest, day + first - (before + last));
      if (day - before === DAY) break; // No other two due days are nearer.
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

/** The midnights of the due days: from the UTC day of `from` up to `to` or the end of 2199, or down to 1970. */
function* dueDays(cron: Cron, from: number, direction: 1 | -1, to = Number.POSITIVE_INFINITY): Generator<number> {
  const today = Math.floor(from / DAY) * DAY;
  const start = new Date(Math.min(Math.max(today, Date.UTC(FIRST_YEAR, 0, 1)), Date.UTC(LAST_YEAR, 11, 31)));
  let month = start.getUTCFullYear() * 12 + start.getUTCMonth();
  for (; month >= FIRST_YEAR * 12 && month < (LAST_YEAR + 1) * 12; month += direction) {
    const [year, index] = [Math.floor(month / 12), month % 12];
    const first = Date.UTC(year, index, 1);
    if (first > to) return;
    if (!cron.years.has(year) || !cron.months.has(index + 1)) continue;
    const length = (Date.UTC(year, index + 1, 1) - first) / DAY;
    const firstWeekday = new Date(first).getUTCDay();
    for (let i = 1; i <= length; i++) {
      const day = direction === 1 ? i : length + 1 - i;
      const midnight = first + (day - 1) * DAY;
      if (direction === 1 ? midnight < today : midnight > today) continue;
      if (midnight > to) return;
      if (cron.isDue(day, ((firstWeekday + day - 1) % 7) + 1, length)) yield midnight;
    }
  }
}
