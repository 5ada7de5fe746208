/**
 * contract/cron.ts against an oracle that shares no code with it: a calendar counted day by day from Thursday,
 * 1 January 1970, and a matcher that asks of every day and every minute whether each field's text allows it.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dueAt, dueBetween, nextDue, parseCron, shortestInterval } from '../../contract/cron.ts';
import { OffsiteError } from '../../contract/errors.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

// ---- the oracle -----------------------------------------------------------------------------------------------

interface CalendarDay {
  readonly midnight: number;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly monthLength: number;
}

/** Every day from 1970 to 2199, counted and not computed. */
const CALENDAR: CalendarDay[] = [];
for (let year = 1970, weekday = 4; year <= 2199; year++) {
  const leap = year % 400 === 0 || (year % 4 === 0 && year % 100 !== 0);
  [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].forEach((monthLength, index) => {
    for (let day = 1; day <= monthLength; day++) {
      CALENDAR.push({ midnight: CALENDAR.length * DAY, year, month: index + 1, day, weekday, monthLength });
      weekday = weekday === 6 ? 0 : weekday + 1;
    }
  });
}

const NAMES: Record<string, string> = {};
'SUN MON TUE WED THU FRI SAT'.split(' ').forEach((name, i) => {
  NAMES[name] = String(i + 1);
});
'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ').forEach((name, i) => {
  NAMES[name] = String(i + 1);
});

/** Does the text of a field allow this number? `low` is the field's smallest value, where a step from `*` begins. */
function allows(text: string, n: number, low: number): boolean {
  return text.split(',').some((item) => {
    const [span = '', step] = item.split('/');
    if (span === '*') return (n - low) % Number(step ?? 1) === 0;
    const [from = Number.NaN, to] = span.split('-').map(Number);
    if (to !== undefined && to < from) return n >= from || n <= to;
    if (n < from || (to !== undefined && n > to)) return false;
    if (step !== undefined) return (n - from) % Number(step) === 0;
    return to !== undefined || n === from;
  });
}

/** The candidates are tried outwards from the wanted day until one is a weekday of this month. */
function nearestWeekday(on: CalendarDay, wanted: number): number | undefined {
  if (wanted > on.monthLength) return undefined;
  for (const offset of [0, -1, 1, -2, 2]) {
    const day = wanted + offset;
    const weekday = (on.weekday + 35 + day - on.day + 7) % 7;
    if (day >= 1 && day <= on.monthLength && weekday !== 0 && weekday !== 6) return day;
  }
  return undefined;
}

/** The numbers that the text of a field allows, each asked for by itself. */
function allowed(text: string, low: number, high: number): Set<number> {
  const set = new Set<number>();
  for (let n = low; n <= high; n++) if (allows(text, n, low)) set.add(n);
  return set;
}

class Oracle {
  readonly minutes: number[] = [];
  readonly #dayOfMonth: string;
  readonly #dayOfWeek: string;
  readonly #days: Set<number>;
  readonly #months: Set<number>;
  readonly #weekdays: Set<number>;
  readonly #years: Set<number>;

  constructor(expression: string) {
    const words = expression.slice('cron('.length, -1).toUpperCase().trim().split(/\s+/);
    const fields = words.map((word) => word.replace(/[A-Z]{3}/g, (name) => NAMES[name] ?? name));
    const [minutes = '', hours = '', dayOfMonth = '', month = '', dayOfWeek = '', year = ''] = fields;
    for (let hour = 0; hour < 24; hour++) {
      for (let minute = 0; minute < 60; minute++) {
        if (allows(hours, hour, 0) && allows(minutes, minute, 0)) this.minutes.push((hour * 60 + minute) * MINUTE);
      }
    }
    this.#dayOfMonth = dayOfMonth;
    this.#dayOfWeek = dayOfWeek;
    this.#days = allowed(dayOfMonth, 1, 31);
    this.#months = allowed(month, 1, 12);
    this.#weekdays = allowed(dayOfWeek, 1, 7);
    this.#years = allowed(year, 1970, 2199);
  }

  hasDay(on: CalendarDay): boolean {
    const [dayOfMonth, dayOfWeek] = [this.#dayOfMonth, this.#dayOfWeek];
    if (!this.#years.has(on.year) || !this.#months.has(on.month)) return false;
    if (dayOfMonth === 'L') return on.day === on.monthLength;
    if (dayOfMonth === 'LW') return on.day === nearestWeekday(on, on.monthLength);
    if (dayOfMonth.endsWith('W')) return on.day === nearestWeekday(on, Number.parseInt(dayOfMonth, 10));
    if (dayOfMonth !== '?') return this.#days.has(on.day);
    if (dayOfWeek === 'L') return on.weekday === 6;
    const weekday = Number.parseInt(dayOfWeek, 10) - 1;
    if (dayOfWeek.endsWith('L')) return on.weekday === weekday && on.monthLength - on.day < 7;
    if (!dayOfWeek.includes('#')) return this.#weekdays.has(on.weekday + 1);
    const nth = Number(dayOfWeek.split('#')[1]);
    return on.weekday === weekday && Math.floor((on.day - 1) / 7) + 1 === nth;
  }

  /** The due minutes of the calendar days [fromDay, toDay). */
  dueOn(fromDay: number, toDay: number): number[] {
    return CALENDAR.slice(fromDay, toDay)
      .filter((on) => this.hasDay(on))
      .flatMap((on) => this.minutes.map((minute) => on.midnight + minute));
  }

  between(after: number, until: number): number[] {
    const days = [Math.max(0, Math.floor(after / DAY)), Math.max(0, Math.floor(until / DAY) + 1)] as const;
    return this.dueOn(...days).filter((due) => due > after && due <= until);
  }

  next(after: number): number | null {
    for (let i = Math.max(0, Math.floor(after / DAY)); i < CALENDAR.length; i++) {
      if (!this.hasDay(CALENDAR[i] as CalendarDay)) continue;
      const due = this.dueOn(i, i + 1).find((due) => due > after);
      if (due !== undefined) return due;
    }
    return null;
  }

  at(until: number): number | null {
    for (let i = Math.min(CALENDAR.length - 1, Math.floor(until / DAY)); i >= 0; i--) {
      if (!this.hasDay(CALENDAR[i] as CalendarDay)) continue;
      const due = this.dueOn(i, i + 1).findLast((due) => due <= until);
      if (due !== undefined) return due;
    }
    return null;
  }
}

// ---- what the page and the calendar say -----------------------------------------------------------------------

/** Every example of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html, in its order. */
const PAGE = [
  'cron(0 10 * * ? *)',
  'cron(15 12 * * ? *)',
  'cron(0 18 ? * MON-FRI *)',
  'cron(0 8 1 * ? *)',
  'cron(0/15 * * * ? *)',
  'cron(0/10 * ? * MON-FRI *)',
  'cron(0/5 8-17 ? * MON-FRI *)',
  'cron(0/30 20-2 ? * MON-FRI *)',
  'cron(0 12 * * ? *)',
  'cron(5,35 14 * * ? *)',
  'cron(15 10 ? * 6L 2019-2022)',
  // The examples among its wildcards.
  'cron(0 4 ? JAN,FEB,MAR * *)',
  'cron(0 4 1-15 * ? *)',
  'cron(1/10 4 * * ? *)',
  'cron(0 4 7 * ? *)',
  'cron(0 4 L * ? *)',
  'cron(0 4 ? * L *)',
  'cron(0 4 3W * ? *)',
  'cron(0 4 ? * 3#2 *)',
];

const TRICKY = [
  'cron(0 0 31 * ? *)',
  'cron(0 0 30 * ? *)',
  'cron(0 0 29 * ? *)',
  'cron(0 0 29 FEB ? *)',
  'cron(0 0 29 2 ? 2096-2104)',
  'cron(0 0 30 FEB ? *)',
  'cron(0 0 31 4,6,9,11 ? *)',
  'cron(59 23 L * ? *)',
  'cron(0 0 L FEB ? *)',
  'cron(0 3 LW * ? *)',
  'cron(0 3 1W * ? *)',
  'cron(0 3 2W * ? *)',
  'cron(0 3 15W * ? *)',
  'cron(0 3 28W * ? *)',
  'cron(0 3 29W * ? *)',
  'cron(0 3 30W * ? *)',
  'cron(0 3 31W * ? *)',
  'cron(0 3 29W FEB ? *)',
  'cron(0 3 1,15,31 * ? *)',
  'cron(0 3 */5 * ? *)',
  'cron(0 3 2/10 * ? *)',
  'cron(0 3 10-20/3 * ? *)',
  'cron(0 3 1-7,25-31 */3 ? *)',
  'cron(0 3 ? * * *)',
  'cron(0 3 ? * 1 *)',
  'cron(0 3 ? * 7 *)',
  'cron(0 3 ? * SUN-SAT *)',
  'cron(0 3 ? * sun,Wed,SAT *)',
  'cron(0 3 ? * 1-2,6-7 *)',
  'cron(0 3 ? * 1L *)',
  'cron(0 3 ? * 5L *)',
  'cron(0 3 ? * 7L *)',
  'cron(0 3 ? * THUL *)',
  'cron(0 3 ? * 1#1 *)',
  'cron(0 3 ? * 2#5 *)',
  'cron(0 3 ? * 7#5 *)',
  'cron(0 3 ? * TUE#2 *)',
  'cron(0 3 ? 2 6#5 *)',
  'cron(*/20 */6 * * ? *)',
  'cron(7-59/13 1-23/4 * * ? *)',
  'cron(1-30/5,45 0,12,23 * * ? *)',
  'cron(55/1 22-1,5 * * ? *)',
  'cron(00 04 01 01 ? *)',
  'cron(0 0 1 JAN-MAR,oct ? 1970/7)',
  'cron(0 0 * * ? 1999,2000,2030-2099/10)',
  'cron(0 0 1 1 ? 1970)',
  'cron(59 23 31 12 ? 2199)',
];

/** 30 years each: with 2000, which is a leap year; about now; with 2096 and 2100, which is not. */
const SPANS = [1986, 2012, 2080].map((year) => {
  const fromDay = CALENDAR.findIndex((on) => on.year === year);
  return [fromDay, CALENDAR.findIndex((on) => on.year === year + 30)] as const;
});

const ms = (date: Date | null) => date?.getTime() ?? null;
const utc = (text: string) => new Date(`${text.replace(' ', 'T')}Z`);

describe('every form of the AWS page, 30 years at a time, against the oracle', () => {
  for (const expression of [...PAGE, ...TRICKY]) {
    test(expression, () => {
      const cron = parseCron(expression);
      const oracle = new Oracle(expression);
      for (const [fromDay, toDay] of SPANS) {
        const expected = oracle.dueOn(fromDay, toDay);
        const found = dueBetween(cron, new Date(fromDay * DAY - 1), new Date(toDay * DAY - 1));
        assertSame(found, expected);
        const stride = Math.max(1, Math.floor(expected.length / 500));
        for (let i = 1; i < expected.length; i += stride) {
          const [before = 0, due = 0] = expected.slice(i - 1, i + 1);
          assert.equal(ms(dueAt(cron, new Date(due))), due, 'the instant itself is due');
          assert.equal(ms(dueAt(cron, new Date(due + MINUTE - 1))), due, 'the whole minute belongs to it');
          assert.equal(ms(dueAt(cron, new Date(due - 1))), before);
          assert.equal(ms(nextDue(cron, new Date(before))), due, 'strictly after');
          assert.equal(ms(nextDue(cron, new Date(due - 1))), due);
        }
      }
    });
  }

  test('every minute of 30 years', () => {
    const cron = parseCron('cron(* * * * ? *)');
    const [fromDay, toDay] = SPANS[0] ?? [0, 0];
    for (let day = fromDay; day < toDay; day++) {
      const due = dueBetween(cron, new Date(day * DAY - 1), new Date((day + 1) * DAY - 1));
      assert.ok(due.length === 1440 && due.every((date, minute) => date.getTime() === day * DAY + minute * MINUTE));
    }
  });
});

function assertSame(found: Date[], expected: number[]): void {
  const wrong = expected.findIndex((due, i) => found[i]?.getTime() !== due);
  if (wrong >= 0)
    assert.fail(`expected ${new Date(expected[wrong] ?? 0).toISOString()}, found ${found[wrong]?.toISOString()}`);
  assert.equal(found.length, expected.length);
}

test('the oracle and we agree with a printed calendar', () => {
  const table: [expression: string, after: string, due: string[]][] = [
    ['cron(0 0 31 * ? *)', '2026-01-31 00:00', ['2026-03-31 00:00', '2026-05-31 00:00', '2026-07-31 00:00']],
    ['cron(0 0 29 FEB ? *)', '2096-02-28 00:00', ['2096-02-29 00:00', '2104-02-29 00:00']],
    ['cron(0 0 L FEB ? *)', '2099-03-01 00:00', ['2100-02-28 00:00', '2101-02-28 00:00']],
    ['cron(0 0 L * ? *)', '2000-02-01 00:00', ['2000-02-29 00:00', '2000-03-31 00:00', '2000-04-30 00:00']],
    ['cron(0 0 LW * ? *)', '2026-01-31 00:00', ['2026-02-27 00:00', '2026-03-31 00:00']], // 28 February: Saturday
    ['cron(0 0 31W * ? *)', '2026-03-31 00:00', ['2026-05-29 00:00', '2026-07-31 00:00']], // 31 May: Sunday
    ['cron(0 0 1W * ? *)', '2026-07-01 00:00', ['2026-08-03 00:00', '2026-09-01 00:00']], // 1 August: Saturday
    ['cron(0 0 15W * ? *)', '2026-07-15 00:00', ['2026-08-14 00:00', '2026-09-15 00:00']], // 15 August: Saturday
    ['cron(0 0 15W * ? *)', '2026-10-15 00:00', ['2026-11-16 00:00', '2026-12-15 00:00']], // 15 November: Sunday
    ['cron(0 0 ? * L *)', '2026-01-01 00:00', ['2026-01-03 00:00', '2026-01-10 00:00']],
    ['cron(0 0 ? * 5L *)', '2026-09-24 00:00', ['2026-10-29 00:00', '2026-11-26 00:00']],
    ['cron(0 0 ? * 2#5 *)', '2026-01-01 00:00', ['2026-03-30 00:00', '2026-06-29 00:00', '2026-08-31 00:00']],
    ['cron(0 0 ? * 3#2 *)', '2026-01-01 00:00', ['2026-01-13 00:00', '2026-02-10 00:00']],
    // The page: "Run from 12:00 am to 2:00 am on Monday morning". Friday 2 January, then Monday 5 January.
    ['cron(0 23-1 ? * MON-FRI *)', '2026-01-02 22:00', ['2026-01-02 23:00', '2026-01-05 00:00', '2026-01-05 01:00']],
  ];
  for (const [expression, after, due] of table) {
    let at = utc(after);
    for (const expected of due) {
      const next = nextDue(parseCron(expression), at);
      assert.equal(next?.toISOString(), utc(expected).toISOString(), expression);
      assert.equal(new Oracle(expression).next(at.getTime()), next?.getTime(), expression);
      at = utc(expected);
    }
  }
});

// ---- the edges of time ----------------------------------------------------------------------------------------

test('nothing is due before 1970 or after 2199, and null says so', () => {
  const daily = parseCron('cron(0 0 * * ? *)');
  assert.equal(dueAt(daily, utc('1969-12-31 23:59')), null);
  assert.equal(ms(dueAt(daily, utc('1970-01-01 00:00'))), 0);
  assert.equal(ms(nextDue(daily, utc('1900-06-01 00:00'))), 0);
  assert.equal(nextDue(daily, utc('2199-12-31 00:00')), null);
  assert.equal(nextDue(daily, utc('2345-01-01 00:00')), null);
  assert.equal(dueAt(daily, utc('2345-01-01 00:00'))?.toISOString(), '2199-12-31T00:00:00.000Z');
  assert.equal(dueBetween(daily, utc('1960-01-01 00:00'), utc('1970-01-03 00:00')).length, 3);
  assert.equal(dueBetween(daily, utc('2199-12-30 00:00'), utc('2300-01-01 00:00')).length, 1);
  const never = parseCron('cron(0 0 30 FEB ? *)');
  assert.equal(nextDue(never, utc('2026-01-01 00:00')), null);
  assert.equal(dueAt(never, utc('2026-01-01 00:00')), null);
  assert.deepEqual(dueBetween(never, utc('1970-01-01 00:00'), utc('2199-12-31 00:00')), []);
});

test('dueBetween excludes its beginning, includes its end, and is empty backwards', () => {
  const daily = parseCron('cron(0 4 * * ? *)');
  const [monday, tuesday] = [utc('2026-01-05 04:00'), utc('2026-01-06 04:00')];
  assert.deepEqual(dueBetween(daily, monday, tuesday), [tuesday]);
  assert.deepEqual(dueBetween(daily, new Date(monday.getTime() - 1), new Date(tuesday.getTime() - 1)), [monday]);
  assert.deepEqual(dueBetween(daily, monday, monday), []);
  assert.deepEqual(dueBetween(daily, tuesday, monday), []);
});

test('a date that is none is a bug and not "nothing due"', () => {
  const daily = parseCron('cron(0 4 * * ? *)');
  const bad = new Date('no date');
  for (const ask of [dueAt, nextDue, shortestInterval]) assert.throws(() => ask(daily, bad), RangeError);
  assert.throws(() => dueBetween(daily, new Date(0), bad), RangeError);
  assert.throws(() => dueBetween(daily, bad, new Date(0)), RangeError);
});

test('shortestInterval is the nearest two due minutes ever come', () => {
  const hours = 3_600_000;
  const table: [expression: string, expected: number | null][] = [
    ['cron(* * * * ? *)', MINUTE],
    ['cron(0/25 * * * ? *)', 10 * MINUTE], // 0:50 to 1:00
    ['cron(0 4 * * ? *)', DAY],
    ['cron(0 1,4,23 * * ? *)', 2 * hours],
    ['cron(30 0,23 ? * WED,FRI,SAT *)', hours],
    ['cron(30 0,23 ? * WED,FRI *)', 23 * hours],
    ['cron(0 4 ? * MON *)', 7 * DAY],
    ['cron(0 4 ? * MON,THU *)', 3 * DAY],
    ['cron(0 0 1 * ? *)', 28 * DAY],
    ['cron(0 0 L * ? *)', 28 * DAY], // 31 January to 28 February; from 2027-02 on a year would only see 29 February
    ['cron(0 0 31 * ? *)', 31 * DAY],
    ['cron(0 0 1 JAN ? *)', 365 * DAY],
    ['cron(0 0 29 FEB ? *)', 1461 * DAY],
    ['cron(0 0 1 JAN ? 2030)', null],
    ['cron(0 4,5 1 JAN ? 2030)', hours],
    ['cron(0 4,5 1 JAN ? 2020)', null],
    ['cron(0 0 30 FEB ? *)', null],
  ];
  for (const [expression, expected] of table) {
    assert.equal(shortestInterval(parseCron(expression), utc('2027-02-01 12:00')), expected, expression);
  }
});

test('shortestInterval of every table entry is what 30 years of the oracle show, or less', () => {
  const [fromDay, toDay] = SPANS[1] ?? [0, 0];
  for (const expression of [...PAGE, ...TRICKY]) {
    const due = new Oracle(expression).dueOn(fromDay, toDay);
    let expected = Number.POSITIVE_INFINITY;
    for (let i = 1; i < due.length; i++) expected = Math.min(expected, (due[i] ?? 0) - (due[i - 1] ?? 0));
    const found = shortestInterval(parseCron(expression), new Date(fromDay * DAY)) ?? Number.POSITIVE_INFINITY;
    assert.ok(found <= expected, expression);
    if (expected <= 31 * DAY) assert.equal(found, expected, expression);
  }
});

test('asks about few days, so that a simulation can ask often', () => {
  let asked = 0;
  const counting = (expression: string) => {
    const cron = parseCron(expression);
    asked = 0;
    return { ...cron, isDue: (...of: Parameters<typeof cron.isDue>) => ++asked > 0 && cron.isDue(...of) };
  };
  const [from, until] = [utc('2026-07-10 12:00'), utc('2026-07-10 12:15')];
  dueBetween(counting('cron(0 4 * * ? *)'), from, until);
  assert.equal(asked, 1);
  dueBetween(counting('cron(0 4 ? * MON *)'), utc('2026-01-01 00:00'), utc('2026-12-31 23:59'));
  assert.equal(asked, 365);
  dueBetween(counting('cron(0 4 * JUL ? *)'), utc('2026-01-01 00:00'), utc('2026-12-31 23:59'));
  assert.equal(asked, 31);
  dueAt(counting('cron(0 4 * * ? *)'), from);
  assert.equal(asked, 1);
  nextDue(counting('cron(0 4 * * ? *)'), from);
  assert.equal(asked, 2);
  shortestInterval(counting('cron(0 4 * * ? *)'), from);
  assert.equal(asked, 2);
});

// ---- any expression, any instant ------------------------------------------------------------------------------

const item = (min: number, max: number, steps = true) => {
  const single = fc.integer({ min, max });
  const range = fc.tuple(single, single).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc.integer({ min: 1, max: Math.min(max, 70) });
  const plain = fc.oneof(single.map(String), range);
  if (!steps) return plain;
  return fc.oneof(
    plain,
    fc.tuple(fc.oneof(plain, fc.constant('*')), step).map(([of, by]) => `${of}/${by}`),
  );
};
const list = (min: number, max: number, steps = true) =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant('*') },
    { weight: 3, arbitrary: fc.array(item(min, max, steps), { minLength: 1, maxLength: 3 }).map((a) => a.join(',')) },
  );
const WEEKDAYS = ['SUN', 'mon', 'Tue', 'WED', 'THU', 'FRI', 'SAT'];
const weekday = fc.oneof(fc.integer({ min: 1, max: 7 }).map(String), fc.constantFrom(...WEEKDAYS));
const dayOfMonth = fc.oneof(
  list(1, 31),
  fc.constantFrom('L', 'LW'),
  fc.integer({ min: 1, max: 31 }).map((day) => `${day}W`),
);
const dayOfWeek = fc.oneof(
  list(1, 7, false),
  fc.constantFrom('L', 'MON-FRI', 'SUN,TUE-thu'),
  weekday.map((day) => `${day}L`),
  fc.tuple(weekday, fc.integer({ min: 1, max: 5 })).map(([day, nth]) => `${day}#${nth}`),
);
const days = fc.oneof(
  fc.tuple(dayOfMonth, list(1, 12)).map(([day, month]) => `${day} ${month} ?`),
  fc.tuple(list(1, 12), dayOfWeek).map(([month, day]) => `? ${month} ${day}`),
);
const hours = fc.oneof(
  { weight: 4, arbitrary: list(0, 23) },
  { weight: 1, arbitrary: fc.constantFrom('20-2', '23-0,5') },
);
const years = fc.oneof({ weight: 3, arbitrary: fc.constant('*') }, { weight: 1, arbitrary: list(1970, 2199) });
const expressions = fc.tuple(list(0, 59), hours, days, years).map((fields) => `cron(${fields.join(' ')})`);
const instants = fc.oneof(
  fc.integer({ min: -10 * DAY, max: (CALENDAR.length + 10) * DAY }),
  fc.integer({ min: -10, max: CALENDAR.length + 10 }).map((day) => day * DAY),
);

test('any valid expression at any instant is due when the oracle says so', () => {
  fc.assert(
    fc.property(expressions, instants, fc.integer({ min: 0, max: 70 * DAY }), (expression, t, length) => {
      const [cron, oracle] = [parseCron(expression), new Oracle(expression)];
      assert.equal(ms(dueAt(cron, new Date(t))), oracle.at(t));
      const next = ms(nextDue(cron, new Date(t)));
      assert.equal(next, oracle.next(t));
      if (next !== null) assert.equal(ms(dueAt(cron, new Date(next))), next);
      assertSame(dueBetween(cron, new Date(t), new Date(t + length)), oracle.between(t, t + length));
      assert.equal(parseCron(cron.text).text, cron.text);
      assert.equal(ms(nextDue(parseCron(cron.text), new Date(t))), next);
    }),
    { numRuns: 1500 },
  );
});

test('the text given to EventBridge has one spelling', () => {
  const table = [
    ['  cron( 00\t04  ?  * mon-Fri * ) ', 'cron(0 4 ? * MON-FRI *)'],
    ['cron(0 4 ? jan,DEC fril 2026)', 'cron(0 4 ? JAN,DEC 6L 2026)'],
    ['cron(0 4 ? * tue#02 *)', 'cron(0 4 ? * 3#2 *)'],
    ['cron(05-09/02 4 01w * ? *)', 'cron(5-9/2 4 1W * ? *)'],
    ['cron(000 4 lw * ? *)', 'cron(0 4 LW * ? *)'],
  ];
  for (const [given = '', text] of table) assert.equal(parseCron(given).text, text);
});

// ---- refusals -------------------------------------------------------------------------------------------------

const M = '0-59 with , - * /';
const H = '0-23 with , - * /';
const DOM = '1-31 with , - * /, or one alone of ? L LW 15W';
const MON = '1-12 or JAN-DEC with , - * /';
const DOW = '1-7 or SUN-SAT (1 is SUN) with , - *, or one alone of ? L 6L 3#2 (the last number 1-5)';
const Y = '1970-2199 with , - * /';
const FORM = 'cron(minutes hours day-of-month month day-of-week year), such as cron(0 4 * * ? *)';

const REFUSED: [expression: string, field: string, found: string, expected: string][] = [
  ['', 'the schedule', '', FORM],
  ['0 4 * * ? *', 'the schedule', '0 4 * * ? *', FORM],
  ['rate(1 day)', 'the schedule', 'rate(1 day)', FORM],
  ['at(2026-01-01T00:00:00)', 'the schedule', 'at(2026-01-01T00:00:00)', FORM],
  ['CRON(0 4 * * ? *)', 'the schedule', 'CRON(0 4 * * ? *)', FORM],
  ['cron(0 4 * * ? *', 'the schedule', 'cron(0 4 * * ? *', FORM],
  ['cron(0 4 * * ? *))', 'the schedule', 'cron(0 4 * * ? *))', FORM],
  ['cron()', 'the schedule', 'cron()', `six fields instead of 0: ${FORM}`],
  ['cron(0 4 * * ?)', 'the schedule', 'cron(0 4 * * ?)', `six fields instead of 5: ${FORM}`],
  ['cron(0 0 4 * * ? *)', 'the schedule', 'cron(0 0 4 * * ? *)', `six fields instead of 7: ${FORM}`],
  [`cron(${'0,'.repeat(130)}0 4 * * ? *)`, 'the schedule', `cron(${'0,'.repeat(17)}0…`, '256 characters at most'],
  ['cron(0 4 * * * *)', 'day-of-month and day-of-week', '* *', 'exactly one of the two to be ?'],
  ['cron(0 4 ? * ? *)', 'day-of-month and day-of-week', '? ?', 'exactly one of the two to be ?'],
  ['cron(0 4 1 * mon *)', 'day-of-month and day-of-week', '1 MON', 'exactly one of the two to be ?'],
  ['cron(60 4 * * ? *)', 'minutes', '60', M],
  ['cron(? 4 * * ? *)', 'minutes', '?', M],
  ['cron(-1 4 * * ? *)', 'minutes', '-1', M],
  ['cron(1.5 4 * * ? *)', 'minutes', '1.5', M],
  ['cron(1, 4 * * ? *)', 'minutes', '1,', M],
  ['cron(1,*,5 4 * * ? *)', 'minutes', '1,*,5', M],
  ['cron(*-5 4 * * ? *)', 'minutes', '*-5', M],
  ['cron(1-2-3 4 * * ? *)', 'minutes', '1-2-3', M],
  ['cron(/5 4 * * ? *)', 'minutes', '/5', M],
  ['cron(5/ 4 * * ? *)', 'minutes', '5/', M],
  ['cron(0/x 4 * * ? *)', 'minutes', '0/X', M],
  ['cron(0/0 4 * * ? *)', 'minutes', '0/0', 'a step of 1-59'],
  ['cron(0/90 4 * * ? *)', 'minutes', '0/90', 'a step of 1-59'],
  ['cron(50-10 4 * * ? *)', 'minutes', '50-10', '50-59,0-10 instead of a range that wraps'],
  ['cron(0 24 * * ? *)', 'hours', '24', H],
  ['cron(0 L * * ? *)', 'hours', 'L', H],
  ['cron(0 0/24 * * ? *)', 'hours', '0/24', 'a step of 1-23'],
  ['cron(0 20-2/2 * * ? *)', 'hours', '20-2/2', 'a list instead of a range that wraps'],
  ['cron(0 4 0 * ? *)', 'day-of-month', '0', DOM],
  ['cron(0 4 32 * ? *)', 'day-of-month', '32', DOM],
  ['cron(0 4 W * ? *)', 'day-of-month', 'W', DOM],
  ['cron(0 4 WL * ? *)', 'day-of-month', 'WL', DOM],
  ['cron(0 4 0W * ? *)', 'day-of-month', '0W', DOM],
  ['cron(0 4 32W * ? *)', 'day-of-month', '32W', DOM],
  ['cron(0 4 1W,15W * ? *)', 'day-of-month', '1W,15W', DOM],
  ['cron(0 4 1-5W * ? *)', 'day-of-month', '1-5W', DOM],
  ['cron(0 4 1,L * ? *)', 'day-of-month', '1,L', DOM],
  ['cron(0 4 L-3 * ? *)', 'day-of-month', 'L-3', DOM],
  ['cron(0 4 3L * ? *)', 'day-of-month', '3L', DOM],
  ['cron(0 4 ?,1 * ? *)', 'day-of-month', '?,1', DOM],
  ['cron(0 4 3#2 * ? *)', 'day-of-month', '3#2', DOM],
  ['cron(0 4 MON * ? *)', 'day-of-month', 'MON', DOM],
  ['cron(0 4 25-5 * ? *)', 'day-of-month', '25-5', '25-31,1-5 instead of a range that wraps'],
  ['cron(0 4 * 0 ? *)', 'month', '0', MON],
  ['cron(0 4 * 13 ? *)', 'month', '13', MON],
  ['cron(0 4 ? ? MON *)', 'month', '?', MON],
  ['cron(0 4 * JANUARY ? *)', 'month', 'JANUARY', MON],
  ['cron(0 4 * NOV-FEB ? *)', 'month', 'NOV-FEB', 'NOV-DEC,JAN-FEB instead of a range that wraps'],
  ['cron(0 4 ? * 0 *)', 'day-of-week', '0', DOW],
  ['cron(0 4 ? * 8 *)', 'day-of-week', '8', DOW],
  ['cron(0 4 ? * MONDAY *)', 'day-of-week', 'MONDAY', DOW],
  ['cron(0 4 ? * JAN *)', 'day-of-week', 'JAN', DOW],
  ['cron(0 4 ? * 3W *)', 'day-of-week', '3W', DOW],
  ['cron(0 4 ? * 0L *)', 'day-of-week', '0L', DOW],
  ['cron(0 4 ? * 2,6L *)', 'day-of-week', '2,6L', DOW],
  ['cron(0 4 ? * 2-6L *)', 'day-of-week', '2-6L', DOW],
  ['cron(0 4 ? * L-2 *)', 'day-of-week', 'L-2', DOW],
  ['cron(0 4 ? * 3#0 *)', 'day-of-week', '3#0', DOW],
  ['cron(0 4 ? * 3#6 *)', 'day-of-week', '3#6', DOW],
  ['cron(0 4 ? * 8#1 *)', 'day-of-week', '8#1', DOW],
  ['cron(0 4 ? * #1 *)', 'day-of-week', '#1', DOW],
  ['cron(0 4 ? * 3# *)', 'day-of-week', '3#', DOW],
  ['cron(0 4 ? * 3#1,6#3 *)', 'day-of-week', '3#1,6#3', DOW], // the page's own example of what is not valid
  ['cron(0 4 ? * 2/2 *)', 'day-of-week', '2/2', 'no step but a list: MON,WED,FRI'],
  ['cron(0 4 ? * FRI-MON *)', 'day-of-week', 'FRI-MON', 'FRI-SAT,SUN-MON instead of a range that wraps'],
  ['cron(0 4 ? * SAT-SUN *)', 'day-of-week', 'SAT-SUN', 'SAT,SUN instead of a range that wraps'],
  ['cron(0 4 * * ? 1969)', 'year', '1969', Y],
  ['cron(0 4 * * ? 2200)', 'year', '2200', Y],
  ['cron(0 4 * * ? 26)', 'year', '26', Y],
  ['cron(0 4 * * ? ?)', 'year', '?', Y],
  ['cron(0 4 * * ? 2030-2026)', 'year', '2030-2026', '2030-2199,1970-2026 instead of a range that wraps'],
];

describe('what EventBridge refuses, and what its page leaves open, is refused with a message that helps', () => {
  for (const [expression, field, found, expected] of REFUSED) {
    test(expression.slice(0, 60) || '(empty)', () => {
      assert.throws(
        () => parseCron(expression),
        (error) => {
          assert.ok(error instanceof OffsiteError);
          assert.equal(error.code, 'cron-invalid');
          assert.equal(error.exitCode, 2);
          assert.equal(error.message, `cron: ${field} is ${JSON.stringify(found)}, expected ${expected}`);
          return true;
        },
      );
    });
  }
});

test('no text at all makes it fail otherwise than with cron-invalid', () => {
  const characters = fc.constantFrom(...'0123456789,-*/?LW# \t', 'MON', 'FEB', '٣', 'ſ', '\u0000', '\n', '(', ')');
  const text = fc.string({ unit: characters, maxLength: 30 });
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        text.map((inner) => `cron(${inner})`),
        text.map((f) => `cron(${f} 4 1 * ? *)`),
      ),
      (given) => {
        try {
          assert.match(parseCron(given).text, /^cron\([0-9A-Z,\-*/?#]+( [0-9A-Z,\-*/?#]+){5}\)$/);
        } catch (error) {
          assert.ok(error instanceof OffsiteError && error.code === 'cron-invalid', String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
