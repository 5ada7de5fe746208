/** The two worlds that every test run lives through, and what `npm run simulate` makes of them. */

import { CALENDARS, SHIFTS } from './fleet-plan.ts';
import { BAD_TIMES, type Scenario } from './scenario.ts';

/** Two weeks of many hosts: crowds, batches, whole slots gone wrong. */
export const manyHosts = (seed: number, hosts = 5000, days = 14): Scenario => ({
  ...{ seed, hosts, days, start: '2026-11-20T00:00:00Z', schedules: SHIFTS },
  ...{ changes: 9, auditEvery: 30, rates: BAD_TIMES },
});

/** More than a year, of every kind of calendar: a leap day, month ends, and problems that last for months. */
export const manyDays = (seed: number, hosts = 200, days = 400): Scenario => ({
  ...{ seed, hosts, days, start: '2027-09-01T00:00:00Z', schedules: CALENDARS },
  ...{ changes: 40, auditEvery: 120, rates: BAD_TIMES },
});
