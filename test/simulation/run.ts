/** What tests have done apart. */

import { type Measured, measure, type NightOf } from './scale.ts';
import { manyDays, manyHosts } from './scenarios.ts';
import { type Simulated, simulate } from './simulate.ts';

export const liveManyHosts = (seed: number): Promise<Simulated> => simulate(manyHosts(seed));
export const liveManyDays = (seed: number): Promise<Simulated> => simulate(manyDays(seed));

/** With 20 ms added to each call of the store, which nobody waits for. */
export const measureCounted = ([night, hosts]: [NightOf, number]): Promise<Measured> =>
  measure(night, { hosts, milliseconds: 20, isCounted: true });
