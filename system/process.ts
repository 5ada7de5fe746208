import { readFileSync, readlinkSync } from 'node:fs';
import { errno } from './errno.ts';

/** What tells one process from every other one that ever ran on this machine. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks after boot: field 22 of /proc/PID/stat, see proc(5). Empty where there is no /proc. */
  readonly started: string;
  /** Id of the machine's boot, from /proc/sys/kernel/random/boot_id. Empty where there is no /proc. */
  readonly boot: string;
}

/** The identity of the process that calls this. */
export function thisProcess(): ProcessIdentity {
  own ??= { pid: process.pid, started: statOf('self')?.started ?? '', boot: bootId() };
  return own;
}
let own: ProcessIdentity | undefined;

/**
 * False only if that process certainly runs no more: the machine was booted since, no process has its pid, the pid
 * belongs to a process that started at another time, or it is a zombie without threads (a killed one whose other
 * threads are still in the kernel can still finish a rename). Whatever cannot be looked at (no /proc, or one that hides
 * other users' processes) counts as running.
 */
export function isRunning(identity: ProcessIdentity): boolean {
  const here = thisProcess();
  if (identity.boot !== '' && here.boot !== '' && identity.boot !== here.boot) return false;
  if (!pidExists(identity.pid)) return false;
  const stat = statOf(String(identity.pid));
  if (stat === null) return true;
  if (/[ZX]/.test(stat.state) && stat.threads <= 1) return false;
  return identity.started === '' || stat.started === identity.started;
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errno(error) !== 'ESRCH';
  }
}

/** Fields 3, 20 and 22; null where the file cannot be read. The name, field 2, may hold blanks and parentheses. */
function statOf(pid: string): { state: string; threads: number; started: string } | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  const fromThird = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, threads, started] = [fromThird[3 - 3], fromThird[20 - 3], fromThird[22 - 3]];
  if (state === undefined || threads === undefined || started === undefined) return null;
  return { state, threads: Number(threads), started };
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

/**
 * What pids mean here: the machine's boot, and the namespace of pids (see pid_namespaces(7)). A process of another one, in a
 * container or on another machine, cannot be looked for. Empty where there is no /proc.
 */
export function pidSpace(): string {
  try {
    return `${bootId()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/** Kills a whole process group at once (SIGKILL), present or not. */
export function killProcessGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** The process's own output streams. */
export function standardStreams(): { out: NodeJS.WriteStream; err: NodeJS.WriteStream; in: NodeJS.ReadStream } {
  return { out: process.stdout, err: process.stderr, in: process.stdin };
}

/** The words behind the program's name. */
export const commandLine = (): string[] => process.argv.slice(2);

/** Aborted at SIGINT, SIGTERM or SIGHUP; a second signal ends the process as usual. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(name, () => controller.abort(new Error(name)));
  return controller.signal;
}

/** The code with which the process will end. */
export function setExitCode(code: number): void {
  process.exitCode = code;
}
