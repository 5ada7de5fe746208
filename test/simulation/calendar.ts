/**
 * When a cron expression is due, by looking at one minute after the other: does each field's text allow it? Written from
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html, and shares nothing with the product.
 * It takes what the simulations use, and no more.
 */

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const DAYS = ['', 'SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** Every due minute in [from, to), as milliseconds. */
export function dueMinutes(cron: string, from: number, to: number): number[] {
  const [minutes = '', hours = '', days = '', months = '', weekdays = '', years = ''] = cron.slice(5, -1).split(' ');
  const times: number[] = [];
  for (let time = 0; time < DAY; time += MINUTE) {
    const at = new Date(time);
    if (allows(minutes, at.getUTCMinutes()) && allows(hours, at.getUTCHours())) times.push(time);
  }
  const due: number[] = [];
  for (let day = Math.floor(from / DAY) * DAY; day < to; day += DAY) {
    const at = new Date(day);
    const isDay = days === '?' ? allowsWeekday(weekdays, at) : allowsDay(days, at);
    if (!isDay || !allows(months, at.getUTCMonth() + 1) || !allows(years, at.getUTCFullYear())) continue;
    for (const time of times) if (day + time >= from && day + time < to) due.push(day + time);
  }
  return due;
}

function allows(field: string, value: number): boolean {
  return field.split(',').some((item) => {
    const [range = '', step] = item.split('/');
    if (range === '*') return step === undefined || value % Number(step) === 0;
    const [low = 0, high] = range.split('-').map(Number);
    if (step !== undefined) return value >= low && value <= (high ?? 99) && (value - low) % Number(step) === 0;
    return value >= low && value <= (high ?? low);
  });
}

const dateOf = (at: Date) => at.getUTCDate();
const tomorrow = (at: Date, days = 1) => new Date(at.getTime() + days * DAY);
const isLastOfMonth = (at: Date) => dateOf(tomorrow(at)) === 1;
const isWeekend = (at: Date) => at.getUTCDay() === 0 || at.getUTCDay() === 6;

function allowsDay(field: string, at: Date): boolean {
  if (field === 'L') return isLastOfMonth(at);
  if (field === 'LW') {
    if (isWeekend(at)) return false;
    // The last weekday: until the month is over there are only Saturdays and Sundays.
    for (let next = tomorrow(at); dateOf(next) !== 1; next = tomorrow(next)) if (!isWeekend(next)) return false;
    return true;
  }
  if (field.endsWith('W')) return isNearestWeekday(Number(field.slice(0, -1)), at);
  return allows(field, dateOf(at));
}

/** Where the named day is a Saturday or Sunday: the Friday before or the Monday after, but of the same month. */
function isNearestWeekday(named: number, at: Date): boolean {
  const target = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), named));
  if (target.getUTCMonth() !== at.getUTCMonth()) return false;
  const nearness = isWeekend(target) ? (target.getUTCDay() === 6 ? [-1, 2] : [1, -2]) : [0];
  const nearest = nearness.map((days) => tomorrow(target, days)).find((day) => day.getUTCMonth() === at.getUTCMonth());
  return nearest !== undefined && dateOf(nearest) === dateOf(at);
}

function allowsWeekday(field: string, at: Date): boolean {
  const weekday = at.getUTCDay() + 1;
  const numbered = field.replaceAll(/[A-Z]{3}/g, (name) => String(DAYS.indexOf(name)));
  if (numbered === 'L') return weekday === 7;
  const last = /^(\d)L$/.exec(numbered);
  if (last !== null) return weekday === Number(last[1]) && tomorrow(at, 7).getUTCMonth() !== at.getUTCMonth();
  const nth = /^(\d)#(\d)$/.exec(numbered);
  if (nth !== null) return weekday === Number(nth[1]) && Math.floor((dateOf(at) - 1) / 7) + 1 === Number(nth[2]);
  return allows(numbered, weekday);
}
