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

/** Fails as a function of node:fs does. */
export function failing(code: string): never {
  throw Object.assign(new Error(`${code}: by script`), { code });
}

/** As `writeSync`, until so many writes were made; then there is no room any more. */
export function fullAfter(writes: number): typeof fs.writeSync {
  const { writeSync } = fs;
  let left = writes;
  return ((...args: Parameters<typeof writeSync>) => {
    if (left-- <= 0) failing('ENOSPC');
    return writeSync(...args);
  }) as typeof writeSync;
}
