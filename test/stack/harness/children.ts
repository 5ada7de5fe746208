/** Child processes of the harness. Each leads a group of its own, and none outlives the harness, however it ends. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { killProcessGroup } from '../../../system/process.ts';

const running = new Set<number>();

process.on('exit', () => {
  for (const leader of running) killProcessGroup(leader);
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

/** Starts a program as the leader of its own process group; the whole group is killed when the harness ends. */
export function startChild(command: string, words: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, words, { ...options, detached: true });
  const { pid } = child;
  if (pid !== undefined) {
    running.add(pid);
    child.once('exit', () => {
      // What it left behind in its group goes with it.
      killProcessGroup(pid);
      running.delete(pid);
    });
  }
  return child;
}

/** Ends a program's group: politely, then after `grace` milliseconds at once. */
export async function stopChild(child: ChildProcess, grace = 3000): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  await Promise.race([gone, sleep(grace, undefined, { ref: false })]);
  killProcessGroup(pid);
  await gone;
}

export interface Finished {
  /** 137 where it was killed, as a shell says it. */
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly milliseconds: number;
}

interface RunOptions extends SpawnOptions {
  /** Milliseconds after which the whole group is killed. */
  readonly limit: number;
  /** Throw where it exits with anything but 0; default true. */
  readonly mustSucceed?: boolean;
}

/** Runs a program to its end, within `limit`. Throws with its words where it fails. */
export async function runToEnd(command: string, words: readonly string[], options: RunOptions): Promise<Finished> {
  const { limit, mustSucceed = true, ...rest } = options;
  const began = performance.now();
  const child = startChild(command, words, { ...rest, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => {
    if (child.pid !== undefined) killProcessGroup(child.pid);
  }, limit);
  const pieces = { out: '', err: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    pieces.out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    pieces.err += text;
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve(exit ?? 137));
  }).finally(() => clearTimeout(timer));
  if (code !== 0 && mustSucceed) {
    throw new Error(
      `${command} ${words.slice(0, 4).join(' ')} ended with ${code} (137: killed, perhaps after its limit of ${limit / 1000} s):\n${pieces.out.slice(-6000)}\n${pieces.err.slice(-6000)}`,
    );
  }
  return { code, ...pieces, milliseconds: performance.now() - began };
}
