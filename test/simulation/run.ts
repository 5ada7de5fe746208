/** What tests have done apart. */

import { manyDays, manyHosts } from './scenarios.ts';
import { type Simulated, simulate } from './simulate.ts';

export const liveManyHosts = (seed: number): Promise<Simulated> => simulate(manyHosts(seed));
export const liveManyDays = (seed: number): Promise<Simulated> => simulate(manyDays(seed));
