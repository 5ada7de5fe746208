/** The seed of a simulation: the one that is wanted, or another one each time, which must be printed. */

import { environmentVariable } from '../../system/environment.ts';
import { secureRandom } from '../../system/random.ts';

export function seedOfToday(): number {
  const wanted = environmentVariable('OFFSITE_SIMULATE_SEED');
  return wanted === undefined ? secureRandom(4).readUInt32LE() >>> 1 : Number(wanted);
}
