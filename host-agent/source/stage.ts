/** Staging: the set's scripts and commands leave what they dump in a fresh folder that is then backed up. */

import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, createWriteStream, existsSync, readdirSync, statSync, type WriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OffsiteError } from '../../contract/errors.ts';
import type { SetConfig } from '../../contract/host-config.ts';
import type { ScriptResult } from '../../contract/manifest.ts';
import { monotonicMilliseconds, timer } from '../../system/clock.ts';
import { wholeEnvironment } from '../../system/environment.ts';
import { killProcessGroup } from '../../system/process.ts';
import { closeWhenQuiet } from './quiet.ts';

/** Of each script's output, the end is kept: this much in the index, and a few lines in the manifest if allowed. */
const MAX_OUTPUT = 64 * 2 ** 10;
const ALERT_LINES = 20;
const ALERT_CHARACTERS = 2000;

export interface StagedScript extends ScriptResult {
  /** The end of what it wrote to stdout and stderr, for the encrypted index. */
  readonly output: string;
}

/** A script failed or hung; the run is failed and names it. */
export class ScriptError extends OffsiteError {
  readonly script: StagedScript;
  constructor(code: 'script-failed' | 'script-timeout', message: string, script: StagedScript) {
    super(code, message);
    this.script = script;
  }
}

interface Task {
  /** In manifest and alerts; never a file name of the backup. */
  readonly name: string;
  readonly label: string;
  readonly command: string;
  readonly args: string[];
  /** Where stdout goes, relative to the stage; undefined: with stderr into the output. */
  readonly into?: string;
}

/**
 * Makes `folder` anew (0700) and runs the scripts in name order, then the commands. Throws ScriptError at the first
 * that does not exit 0 in time, and `stage-empty` where nothing was left. `onEnd` hears of each that has ended. The
 * error's message shows the last lines of output only with `showsOutput`.
 */
export async function stage(
  set: SetConfig,
  folder: string,
  how: { onEnd: (script: StagedScript) => void; showsOutput: boolean; signal?: AbortSignal | undefined },
): Promise<void> {
  const { onEnd, showsOutput, signal } = how;
  try {
    // What an earlier run staged must never be taken for this one's: the folder is new, or there is no run.
    await rm(folder, { recursive: true, force: true });
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
    await mkdir(folder, { mode: 0o700 });
  } catch (cause) {
    throw new OffsiteError('stage-failed', `${folder} cannot be made: ${String(cause)}`, { cause });
  }
  const tasks = [...scriptsOf(set), ...commandsOf(set)];
  for (const task of tasks) {
    signal?.throwIfAborted();
    const result = await run(task, folder, set, signal);
    onEnd(result.script);
    if (result.why !== null) throw scriptError(task, result, showsOutput);
  }
  if (tasks.length === 0) throw new OffsiteError('stage-empty', `there is no script in ${set.scripts}`);
  if (readdirSync(folder).length === 0) {
    throw new OffsiteError('stage-empty', 'the scripts of the set left nothing in the staging folder');
  }
}

function scriptsOf(set: SetConfig): Task[] {
  const folder = set.scripts;
  if (folder === undefined) return [];
  let names: string[];
  try {
    names = readdirSync(folder).sort((one, other) => (one < other ? -1 : 1));
  } catch (cause) {
    throw new OffsiteError('stage-failed', `the scripts folder ${folder} cannot be read: ${String(cause)}`, { cause });
  }
  // As run-parts(8) does, names that editors and package managers leave behind are no scripts.
  const isScript = (name: string) => !name.startsWith('.') && !/(~|\.bak|\.orig|\.dpkg-\w+|\.rpm\w+)$/.test(name);
  return names
    .map((name) => ({ name, label: join(folder, name), command: join(folder, name), args: [] }))
    .filter(({ name, command }) => isScript(name) && isFile(command));
}

/** A link that leads nowhere may be a script that should have run. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch (cause) {
    throw new OffsiteError('stage-failed', `${path} cannot be read: ${String(cause)}`, { cause });
  }
}

function commandsOf(set: SetConfig): Task[] {
  return Object.entries(set.commands).map(([into, command], i) => ({
    name: `command:${i + 1}`,
    label: `the command for ${into}`,
    command: shell(),
    // A pipe must not hide that its first half failed; a shell without pipefail goes on without it.
    args: ['-c', `if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi\n${command}`],
    into,
  }));
}

/** bash where it is, because /bin/sh is often a dash that has no pipefail. */
const shell = (): string => ['/bin/bash', '/usr/bin/bash'].find((path) => existsSync(path)) ?? '/bin/sh';

async function run(
  task: Task,
  folder: string,
  set: SetConfig,
  signal: AbortSignal | undefined,
): Promise<{ script: StagedScript; why: string | null; timedOut: boolean }> {
  const began = monotonicMilliseconds();
  const output = new Tail(MAX_OUTPUT);
  const { exitCode, why, timedOut } = await execute(task, folder, set.scriptTimeout, output, signal);
  const script: StagedScript = {
    name: task.name.slice(0, 255),
    exitCode,
    seconds: Math.round((monotonicMilliseconds() - began) / 1000),
    output: output.text(),
    ...(set.alertOutput && exitCode !== 0 ? { lastLines: lastLines(output.text()) } : {}),
  };
  return { script, why: exitCode === 0 ? null : why, timedOut };
}

function scriptError(task: Task, ended: Awaited<ReturnType<typeof run>>, showsOutput: boolean): ScriptError {
  const { script, why, timedOut } = ended;
  const shown = showsOutput ? lastLines(script.output) : '';
  const message = `${task.label} ${why}${shown === '' ? '' : `:\n${shown}`}`;
  return new ScriptError(timedOut ? 'script-timeout' : 'script-failed', message, script);
}

interface Ended {
  exitCode: number | null;
  why: string;
  timedOut: boolean;
}

async function execute(
  task: Task,
  folder: string,
  timeout: number,
  output: Tail,
  signal: AbortSignal | undefined,
): Promise<Ended> {
  const unrunnable = (why: string): Ended => ({ exitCode: null, why, timedOut: false });
  try {
    accessSync(task.command, constants.X_OK);
  } catch {
    return unrunnable('is not executable');
  }
  const child = spawn(task.command, task.args, {
    cwd: folder,
    env: { ...wholeEnvironment(), OFFSITE_STAGE: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let timedOut = false;
  const cancel = timer(timeout, () => {
    timedOut = true;
    killGroup(child);
  });
  const onAbort = () => killGroup(child);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await ended(child, task, folder, output, () => timedOut);
  } catch (cause) {
    killGroup(child);
    return unrunnable(`cannot be run: ${cause instanceof Error ? cause.message : String(cause)}`);
  } finally {
    cancel();
    signal?.removeEventListener('abort', onAbort);
    // What a script leaves running in the background must not go on writing while its output is read.
    killGroup(child);
  }
}

async function ended(
  child: ChildProcess,
  task: Task,
  folder: string,
  output: Tail,
  timedOut: () => boolean,
): Promise<Ended> {
  child.stderr?.on('data', (bytes: Buffer) => output.add(bytes));
  const file =
    task.into === undefined ? null : createWriteStream(join(folder, task.into), { mode: 0o600, flags: 'wx' });
  if (file === null) child.stdout?.on('data', (bytes: Buffer) => output.add(bytes));
  const written = file === null ? undefined : writtenTo(file, child);
  const exit = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signalName) => {
      // Whoever still holds the pipes open behind the script's back is killed, or else not waited for.
      killGroup(child);
      closeWhenQuiet(child, () => (file?.writableLength ?? 0) > 0, timedOut);
      child.once('close', () => resolve(outcomeOf(code, signalName, timedOut())));
    });
  });
  const [result] = await Promise.all([exit, written]);
  return result;
}

function writtenTo(file: WriteStream, child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    file.on('finish', resolve).on('error', reject);
    child.stdout?.pipe(file);
    child.stdout?.on('close', () => file.end());
  });
}

function outcomeOf(code: number | null, signalName: string | null, timedOut: boolean): Ended {
  if (timedOut) return { exitCode: null, why: 'ran too long and was killed', timedOut };
  return { exitCode: code, why: code === null ? `was killed by ${signalName}` : `exited with ${code}`, timedOut };
}

function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined) killProcessGroup(child.pid);
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n').slice(-ALERT_LINES).join('\n');
  // Whole characters: half of one is no valid JSON.
  return [...lines].slice(-ALERT_CHARACTERS).join('');
}

/** Keeps the end of a stream of bytes. */
class Tail {
  readonly #limit: number;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (this.#bytes.length > this.#limit) this.#bytes = this.#bytes.subarray(-this.#limit);
  }

  text(): string {
    return this.#bytes.toString('utf8');
  }
}
