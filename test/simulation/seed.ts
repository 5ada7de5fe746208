/** The seed of a simulation: the one that is wanted with $OFFSITE_SIMULATE_SEED; it is always printed. */

import { environmentVariable } from '../../system/environment.ts';
import { secureRandom } from '../../system/random.ts';

const VARIABLE = 'OFFSITE_SIMULATE_SEED';

/** The same in every run of the tests, where none is wanted: a change is judged by what it changed, not by chance. */
export function seedOfTests(): number {
  return Number(environmentVariable(VARIABLE) ?? 1);
}

/** Another one each time, where none is wanted: `npm run simulate` looks for what no seed before has shown. */
export function anySeed(): number {
  const wanted = environmentVariable(VARIABLE);
  return wanted === undefined ? secureRandom(4).readUInt32LE() >>> 1 : Number(wanted);
}
