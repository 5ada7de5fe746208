/**
 * False alarms in ordinary lives of sets, and what of deliberate damage is found: measured, bounded, and stated as
 * measured in docs/anomalies.md. The lives are the same in every run; other seeds give other figures of the same size.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { LIMITS } from '../../../functions/rules/changes.ts';
import { ATTACKS, type AttackName } from './anomalies/attacks.ts';
import { falseAlarms, falseAlarmTable, findings, findingsTable, kindNames } from './anomalies/measure.ts';

const page = readFileSync(new URL('../../../docs/anomalies.md', import.meta.url), 'utf8');
const SEEDS = [17, 7936];
const attacks = Object.keys(ATTACKS) as AttackName[];
const has = (text: string) => assert.ok(page.includes(text), `docs/anomalies.md does not have:\n${text}`);

/** Nothing can be told of these by figures: they are other every day, or too small. */
const OPAQUE = ['dumps, packed', 'tiny', 'spool'];

describe('anomalies, measured', () => {
  test('false alarms: at most one in five years of a set, and none of most kinds; the page says so', () => {
    const measured = falseAlarms(SEEDS);
    const perSetYear = measured.alarms / measured.setYears;
    assert.ok(measured.setYears > 125 && measured.runs > 70_000, `${measured.setYears} years, ${measured.runs} runs`);
    assert.ok(perSetYear <= 0.2, `${perSetYear}`);
    const quiet = [...measured.perYear.values()].filter((row) => row.every((rate) => rate === 0));
    assert.ok(quiet.length >= 10, `${quiet.length}`);
    has(falseAlarmTable(measured));
    has(`${measured.alarms} false alarms in ${Math.round(measured.setYears)} years of sets`);
  });

  const found = new Map(
    attacks.map((attack) => [attack, new Map(kindNames.map((kind) => [kind, findings(attack, kind, SEEDS)]))]),
  );
  const daysOf = (attack: AttackName, kind: (typeof kindNames)[number]) => found.get(attack)?.get(kind) ?? [];

  test('what encrypts, or deletes, all of a set at once is found by the next run, wherever figures can tell', () => {
    for (const attack of ['encrypts all in a day', 'deletes 90 %', 'cuts off 95 % of all content'] as const) {
      for (const kind of kindNames.filter((name) => !OPAQUE.includes(name))) {
        assert.deepEqual(
          daysOf(attack, kind),
          SEEDS.map(() => 1),
          `${attack}: ${kind}`,
        );
      }
    }
  });

  test('what takes three days is found before it has ended, in two of three kinds of sets', () => {
    const days = kindNames.map((kind) => daysOf('encrypts all over 3 days', kind));
    const early = days.filter((all) => all.every((day) => day !== null && day <= 3));
    assert.ok(early.length / kindNames.length >= 0.65, `${early.length} of ${kindNames.length}`);
  });

  test('the page has all that is found and all that is not', () => has(findingsTable(found)));

  test('the page has every limit', () => {
    for (const [name, value] of Object.entries(LIMITS)) has(`| \`${name}\` | ${value} |`);
  });
});
