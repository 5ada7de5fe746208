/** One simulated world with the oracle as its witness. */

import { monotonicMilliseconds } from '../../system/clock.ts';
import { DAY } from './fleet-plan.ts';
import { Oracle } from './oracle/oracle.ts';
import type { Scenario } from './scenario.ts';
import { World } from './world.ts';

export interface Simulated {
  readonly counts: World['counts'];
  readonly told: Oracle['told'];
  readonly seconds: number;
  /** Bytes of the whole process, at the most that was seen. */
  readonly memory: number;
}

/**
 * Lives through it. Where people were told anything else than what the oracle says it throws, with seed, time and what had
 * happened to whom it is about; of a smaller fleet, if that shows something too.
 */
export async function simulate(scenario: Scenario, onDay: (day: number) => void = () => {}): Promise<Simulated> {
  try {
    return await live(scenario, onDay);
  } catch (error) {
    const smaller = await smallest(scenario);
    throw smaller === null ? error : new Error(`${(error as Error).message}\n\nA smaller one:\n${smaller}`);
  }
}

/** What a smaller fleet of the same seed shows; null where it shows nothing. */
async function smallest(scenario: Scenario): Promise<string | null> {
  for (const part of [50, 10, 3]) {
    const hosts = Math.ceil(scenario.hosts / part);
    const failed = await live({ ...scenario, hosts }, () => {}).then(
      () => null,
      (error: Error) => error.message,
    );
    if (failed !== null) return failed;
  }
  return null;
}

async function live(scenario: Scenario, onDay: (day: number) => void): Promise<Simulated> {
  const begun = monotonicMilliseconds();
  let oracle: Oracle | undefined;
  let memory = 0;
  const world = new World(scenario, ({ store, from, to }) => {
    oracle = new Oracle(store, { from, to });
    return oracle;
  });
  try {
    await world.run((day) => {
      memory = Math.max(memory, process.memoryUsage.rss());
      onDay(day);
    });
  } catch (error) {
    const { seed, hosts, days } = scenario;
    const day = Math.floor((world.clock.now().getTime() - world.from) / DAY);
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const when = `seed ${seed}, ${hosts} hosts, ${days} days: on day ${day}, at ${world.clock.now().toISOString()}`;
    throw new Error(`${when}:\n${why}\n${oracle?.log.about(why)}`);
  }
  const seconds = (monotonicMilliseconds() - begun) / 1000;
  return { counts: world.counts, told: (oracle as Oracle).told, seconds, memory };
}
