/** One simulated world with the oracle as its witness. */

import { DAY } from './fleet-plan.ts';
import { Oracle } from './oracle/oracle.ts';
import type { Scenario } from './scenario.ts';
import { World } from './world.ts';

export interface Simulated {
  readonly counts: World['counts'];
  readonly told: Oracle['told'];
  readonly seconds: number;
  /** Bytes of the process, at the most that was seen. */
  readonly memory: number;
}

/** Lives through it. Throws with seed and time where people were told anything else than what the oracle says. */
export async function simulate(scenario: Scenario, onDay: (day: number) => void = () => {}): Promise<Simulated> {
  const begun = performance.now();
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
    const at = world.clock.now();
    const day = Math.floor((at.getTime() - world.from) / DAY);
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`seed ${seed}, ${hosts} hosts, ${days} days: on day ${day}, at ${at.toISOString()}: ${why}`);
  }
  const seconds = (performance.now() - begun) / 1000;
  return { counts: world.counts, told: (oracle as Oracle).told, seconds, memory };
}
