/** One test file in a process of its own, which does not outlive its time limit, and what came of it. */

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from './reporter.ts';

export interface FileResult {
  readonly file: string;
  readonly milliseconds: number;
  readonly passed: number;
  readonly failed: readonly { readonly name: string; readonly error: string }[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** The end of what the process printed. */
  readonly output: string;
}

export interface RunOptions {
  readonly timeout: number;
  /** Only tests of which a name matches. A file without any is then no failure. */
  readonly only?: string;
  /** Aborted: everything is killed. */
  readonly signal?: AbortSignal;
}

const LONGEST_OUTPUT = 16_384;
const REPORTER = join(import.meta.dirname, 'reporter.ts');

/** Runs the file. A crash, a hang, an early end and a file without tests are failures, too. */
export async function runFile(file: string, options: RunOptions): Promise<FileResult> {
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'offsite-test-'));
  try {
    const destination = join(folder, 'reports');
    const { why, output } = await runProcess(file, destination, options);
    const reports = readReports(await readFile(destination, 'utf8').catch(() => ''));
    const tests = reports.flatMap((one) => (one.event === 'test' ? [one] : []));
    const skipped = reports.flatMap((one) => (one.event === 'skipped' ? [one] : []));
    const failed = tests.flatMap((one) =>
      one.outcome === 'failed' ? [{ name: one.name, error: one.error ?? '' }] : [],
    );
    const isWhole = reports.some(({ event }) => event === 'end');
    const isEmpty = tests.length + skipped.length === 0 && options.only === undefined;
    const problem = why ?? (isWhole ? null : 'ended before its tests did') ?? (isEmpty ? 'has no tests' : null);
    if (problem !== null && (failed.length === 0 || !isWhole))
      failed.push({ name: 'the file', error: [problem, ...hintsOf(reports)].join('\n') });
    const passed = tests.filter(({ outcome }) => outcome === 'passed').length;
    return { file, milliseconds: performance.now() - began, passed, failed, skipped, output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What may explain why a file failed as a whole: what was said of it, and what it was at. */
function hintsOf(reports: readonly Report[]): string[] {
  const notes = reports.flatMap((one) => (one.event === 'note' ? [one.text] : []));
  const open: string[] = [];
  for (const one of reports) {
    if (one.event === 'begun') open.push(one.name);
    if (one.event === 'over') open.splice(open.lastIndexOf(one.name), 1);
  }
  return open.length === 0 ? notes : [...notes, `begun and not ended: ${open.join(', ')}`];
}

/** `why` it is no success, if it is none. */
function runProcess(
  file: string,
  destination: string,
  options: RunOptions,
): Promise<{ why: string | null; output: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const flags = [
    '--disable-warning=ExperimentalWarning',
    `--test-reporter=${REPORTER}`,
    `--test-reporter-destination=${destination}`,
    ...(options.only === undefined ? [] : [`--test-name-pattern=${options.only}`]),
  ];
  // A group of its own, so that whatever it started ends with it.
  const child = spawn(process.execPath, [...flags, file], { detached: true, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-LONGEST_OUTPUT);
    });
  }
  let killed: string | null = null;
  const kill = (why: string) => {
    killed ??= why;
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  };
  const timer = setTimeout(kill, options.timeout, `did not end within ${options.timeout / 1000} s and was killed`);
  const onAbort = () => kill('interrupted');
  options.signal?.addEventListener('abort', onAbort);
  if (options.signal?.aborted) onAbort();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      const why = code === 0 ? null : code === null ? `was ended by ${signal}` : `ended with exit code ${code}`;
      // What it left running may hold the pipes open.
      kill('');
      child.on('close', () => resolve({ why: killed || why, output }));
    });
  });
}

function readReports(text: string): Report[] {
  // The last line of a killed process may be cut.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Report);
}
