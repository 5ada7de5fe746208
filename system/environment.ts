import { hostname, tmpdir } from 'node:os';

/** An environment variable; undefined where it is unset or empty. */
export function environmentVariable(name: string): string | undefined {
  const value = process.env[name];
  return value === undefined || value === '' ? undefined : value;
}

/** A copy of the whole environment, for child processes. */
export function wholeEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

/** The machine's host name up to the first dot. */
export function machineName(): string {
  return hostname().split('.')[0] ?? hostname();
}

/** Where files go that nobody keeps. */
export const temporaryFolder = (): string => tmpdir();
