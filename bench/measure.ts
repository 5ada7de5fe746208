/** One command, run to its end and measured from outside. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { wholeEnvironment } from '../system/environment.ts';

export interface Command {
  readonly words: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** What a command cost. Seconds; `peak` in bytes, of its largest process. */
export interface Cost {
  readonly wall: number;
  readonly cpu: number;
  readonly peak: number;
}

const RUSAGE = join(import.meta.dirname, 'rusage.py');

/** Runs it and measures it. Throws with its last words where it does not end with one of these exit codes. */
export function measure(command: Command, scratch: string, allowed: readonly number[] = [0]): Cost {
  const file = join(scratch, 'rusage.json');
  run({ ...command, words: ['python3', RUSAGE, file, ...command.words] }, allowed);
  const { wall, user, system, peak } = JSON.parse(readFileSync(file, 'utf8'));
  return { wall, cpu: user + system, peak: peak * 1024 };
}

/** Runs it without measuring; what it printed. */
export function run({ words: [program, ...rest], env, cwd }: Command, allowed: readonly number[] = [0]): string {
  const ended = spawnSync(program, rest, {
    cwd,
    env: { ...wholeEnvironment(), ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (ended.error !== undefined) throw ended.error;
  if (ended.status === null || !allowed.includes(ended.status)) {
    const said = `${ended.stdout}\n${ended.stderr}`.trim().slice(-2000);
    throw new Error(`${[program, ...rest].join(' ')} ended with ${ended.status ?? ended.signal}:\n${said}`);
  }
  return ended.stdout;
}

/** Whether a program is on PATH and answers. */
export function isThere(program: string, argument = '--version'): boolean {
  const { status, error } = spawnSync(program, [argument], { stdio: 'ignore' });
  return error === undefined && status === 0;
}
