/** False alarms and what is found, counted over many lives; and the tables of docs/anomalies.md, made of that. */

import { ATTACKS, type AttackName } from './attacks.ts';
import { KINDS, type KindName } from './kinds.ts';
import { type Life, live, SCHEDULES } from './life.ts';

const YEAR = 365;
const NIGHTLY = 'every night, a full every month';
/** When an attack begins: there are three fulls by then. */
const BEGINS = 93;
/** So long after its end it may be found. */
const PATIENCE = 31;

const kindNames = Object.keys(KINDS) as KindName[];
const scheduleNames = Object.keys(SCHEDULES) as (keyof typeof SCHEDULES)[];

export interface FalseAlarms {
  /** Alarms in a year of one set, by kind and schedule. */
  readonly perYear: ReadonlyMap<KindName, readonly number[]>;
  readonly alarms: number;
  readonly runs: number;
  readonly setYears: number;
}

/** Nothing but ordinary days: every alarm is false. Hours are many; a set backed up hourly lives a quarter of a year. */
export function falseAlarms(seeds: readonly number[], limits?: Life['limits']): FalseAlarms {
  let [alarms, runs, setYears] = [0, 0, 0];
  const perYear = new Map<KindName, number[]>();
  for (const name of kindNames) {
    const row = scheduleNames.map((schedule) => {
      const days = schedule.startsWith('every hour') ? YEAR / 4 : YEAR;
      let found = 0;
      for (const seed of seeds) {
        const life = { kind: KINDS[name], schedule: SCHEDULES[schedule], seed, days };
        const lived = live(limits === undefined ? life : { ...life, limits });
        found += lived.alarms.length;
        runs += lived.runs;
      }
      const years = (seeds.length * days) / YEAR;
      alarms += found;
      setYears += years;
      return found / years;
    });
    perYear.set(name, row);
  }
  return { perYear, alarms, runs, setYears };
}

/** On which day after it began the attack is found, in each life; null where it is not. */
export function findings(
  attack: AttackName,
  kind: KindName,
  seeds: readonly number[],
  schedule: keyof typeof SCHEDULES = NIGHTLY,
): (number | null)[] {
  const { days, hit } = ATTACKS[attack];
  return seeds.map((seed) => {
    const { alarms } = live({
      kind: KINDS[kind],
      schedule: SCHEDULES[schedule],
      seed,
      days: BEGINS + days + PATIENCE,
      undisturbed: true,
      accepts: (day) => day <= BEGINS,
      event: (content, { day, hour }) => {
        if (hour === 23 && day >= BEGINS && day < BEGINS + days) hit(content, day - BEGINS);
      },
    });
    const first = alarms.find(({ day }) => day > BEGINS);
    return first === undefined ? null : first.day - BEGINS;
  });
}

export function falseAlarmTable({ perYear }: FalseAlarms): string {
  const rows = [...perYear].map(([kind, row]) => [kind, ...row.map((rate) => (rate === 0 ? '0' : rate.toFixed(1)))]);
  return table(['set', ...scheduleNames], rows);
}

/** Days until it is found; `(n)` where it is not in every life; `-` where it is in none. */
export function findingsTable(
  found: ReadonlyMap<AttackName, ReadonlyMap<KindName, readonly (number | null)[]>>,
): string {
  const names = [...found.keys()];
  const cell = (days: readonly (number | null)[]) => {
    const known = days.filter((day) => day !== null).toSorted((one, other) => one - other);
    const late = known.at(-1);
    if (late === undefined) return '-';
    return known.length === days.length ? String(late) : `(${late})`;
  };
  const rows = kindNames.map((kind) => [kind, ...names.map((name) => cell(found.get(name)?.get(kind) ?? []))]);
  return table(['set', ...names], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

export { kindNames };
