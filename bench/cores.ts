/**
 * Loaded before the program with `node --import`: it then takes the machine to have BENCH_CORES cores, and starts as many
 * threads as it would there. What they take of memory is so measured; what they take of time is not.
 */

import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { wholeEnvironment } from '../system/environment.ts';

const cores = Number(wholeEnvironment().BENCH_CORES);
if (!(Number.isInteger(cores) && cores > 0)) throw new Error('BENCH_CORES is not a number of cores');
os.availableParallelism = () => cores;
syncBuiltinESMExports();
