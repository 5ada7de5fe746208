/** File systems that cannot do everything, played by replacing functions of node:fs for a while. */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Runs `work` while some functions of node:fs are others, for whoever imports them by name too. */
export async function withFs<T>(replacements: Partial<typeof fs>, work: () => Promise<T>): Promise<T> {
  const names = Object.keys(replacements) as (keyof typeof fs)[];
  const original = Object.fromEntries(names.map((name) => [name, fs[name]]));
  Object.assign(fs, replacements);
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    Object.assign(fs, original);
    syncBuiltinESMExports();
  }
}
