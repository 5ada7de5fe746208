/**
 * Longer simulations than the tests have time for:
 *
 *   npm run simulate [-- --hosts N] [--days N] [--seed S] [--rounds N] [--world hosts|days]
 *
 *   npm run simulate -- --scale [--hosts N]     one audit of so many hosts, 20 ms added to each call of the store
 *
 * Each round is one world of each kind, of another seed; the first seed is printed, and `--seed` begins with it. It ends
 * with exit code 1 at the first world in which people are told anything else than what the oracle says.
 */

import { parseArgs } from 'node:util';
import { measure, NIGHTS } from './scale.ts';
import { manyDays, manyHosts } from './scenarios.ts';
import { seedOfToday } from './seed.ts';
import { simulate } from './simulate.ts';

const WORLDS = { hosts: manyHosts, days: manyDays };

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hosts: { type: 'string' },
      days: { type: 'string' },
      seed: { type: 'string' },
      rounds: { type: 'string', default: '1' },
      world: { type: 'string' },
      scale: { type: 'boolean', default: false },
    },
  });
  if (values.scale) return await scale(Number(values.hosts ?? 5000));
  const wanted = (name: string) => values.world === undefined || values.world === name;
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const first = number(values.seed) ?? seedOfToday();
  Error.stackTraceLimit = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, make] of Object.entries(WORLDS)) {
      if (!wanted(name)) continue;
      const scenario = make(first + round, number(values.hosts), number(values.days));
      const { seed, hosts, days } = scenario;
      process.stdout.write(`seed ${seed}: ${hosts} hosts for ${days} days\n`);
      const every = Math.max(1, Math.floor(days / 10));
      const { counts, told, seconds, memory } = await simulate(scenario, (day) => {
        if (day % every === 0) process.stdout.write(`  day ${day}\n`);
      });
      const { runs, invocations, deaths } = counts;
      const { begins, ends, repeats, disturbed } = told;
      process.stdout.write(
        `  ${runs} runs, ${invocations} invocations, ${deaths} deaths; told ${begins} beginnings, ${ends} ends, ` +
          `${repeats} repeats, ${disturbed} while something failed; ${seconds.toFixed(0)} s, ${(memory / 1e6).toFixed(0)} MB\n`,
      );
    }
  }
}

async function scale(hosts: number): Promise<void> {
  for (const night of NIGHTS) {
    const { calls, worked, memory, messages } = await measure(night, { hosts, milliseconds: 20, isCounted: false });
    const rate = `${worked.toFixed(1)} s, ${calls} calls, ${messages} messages, ${(memory / 1e6).toFixed(0)} MB`;
    process.stdout.write(`${hosts} hosts, ${night}: ${rate}\n`);
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
