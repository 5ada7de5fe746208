import { hostname, tmpdir } from 'node:os';

/** An environment variable; undefined where it is unset or empty. */
export function environmentVariable(name: string): string | undefined {
  const value = process.env[name];
  return value === undefined || value === '' ? undefined : value;
}

/** What bin/offsite sets for itself, and nobody else should work with. */
const OF_THE_LAUNCHER = new Set([
  'MALLOC_ARENA_MAX',
  'MALLOC_MMAP_THRESHOLD_',
  'MALLOC_TRIM_THRESHOLD_',
  'NODE_COMPILE_CACHE',
]);

/** A copy of the environment, for child processes. */
export function wholeEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (pair): pair is [string, string] => pair[1] !== undefined && !OF_THE_LAUNCHER.has(pair[0]),
    ),
  );
}

/** The machine's host name up to the first dot. */
export function machineName(): string {
  return hostname().split('.')[0] ?? hostname();
}

/** Where files go that nobody keeps. */
export const temporaryFolder = (): string => tmpdir();
