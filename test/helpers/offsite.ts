/** The real `bin/offsite` in a process of its own, as a person or cron runs it. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const OFFSITE = fileURLToPath(new URL('../../bin/offsite', import.meta.url));
const SOURCES = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** Milliseconds that no command here takes, however slow and busy the machine is. */
const LONGEST = 240_000;

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** The bytes of stdout. */
  readonly bytes: Buffer;
}

interface HowToRun {
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly cwd?: string;
}

/** The environment without what would change what a command does. */
export function cleanEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (pair): pair is [string, string] =>
      pair[1] !== undefined && !/^(OFFSITE_|AWS_|NODE_|NO_COLOR|FORCE_)/.test(pair[0]),
  );
  return { ...Object.fromEntries(kept), ...more };
}

/** Runs `offsite …` to its end. */
export function offsite(args: readonly string[], options: HowToRun = {}): Promise<Said> {
  return run(OFFSITE, args, options);
}

/** The same without its bundle, each source by itself. */
export function offsiteOfSources(args: readonly string[], options: HowToRun = {}): Promise<Said> {
  return run(process.execPath, [SOURCES, ...args], options);
}

/** The same as seen by a terminal of 100 columns: what it shows, control codes and all, as `out`. */
export function offsiteOnTerminal(args: readonly string[], options: HowToRun = {}): Promise<Said> {
  const words = [OFFSITE, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  return run('script', ['-qefc', `stty cols 100; exec ${words}`, '/dev/null'], options);
}

function run(program: string, args: readonly string[], { env, input = '', cwd }: HowToRun): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: cleanEnvironment(env), ...(cwd === undefined ? {} : { cwd }) });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => err.push(bytes));
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST);
    child.on('close', (code) => {
      clearTimeout(timer);
      const bytes = Buffer.concat(out);
      resolve({ code, bytes, out: bytes.toString(), err: Buffer.concat(err).toString() });
    });
    child.stdin.end(input);
  });
}

/** What was said must be exactly one JSON document. */
export function oneDocument<T = Record<string, unknown>>({ out, err }: Said): T {
  try {
    return JSON.parse(out) as T;
  } catch (cause) {
    throw new Error(`not one JSON document: ${out}\n${err}`, { cause });
  }
}

/** Asserts how it ended, and shows what it said if it ended otherwise. */
export function ended(said: Said, code: number): Said {
  assert.equal(said.code, code, `stdout: ${said.out}\nstderr: ${said.err}`);
  return said;
}

/** An operator's key pair, and hosts, in a folder of their own. */
export class Home implements Disposable {
  readonly root: string;
  readonly store: string;
  readonly privateKey: string;
  readonly publicKey: string;

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), 'offsite-cli-'));
    this.store = `file://${join(this.root, 'store')}`;
    this.privateKey = join(this.root, 'operator/private.asc');
    this.publicKey = join(this.root, 'operator/public.asc');
  }

  path(...pieces: string[]): string {
    return join(this.root, ...pieces);
  }

  write(name: string, content: string | Uint8Array, mode = 0o644): string {
    const file = this.path(name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content, { mode });
    return file;
  }

  config(host: string): string {
    return this.path(host, 'config.yml');
  }

  /** Words for commands of one host, and for those of the operator on a machine of his own. */
  as(host: string): string[] {
    return ['--config', this.config(host)];
  }

  get operator(): string[] {
    return ['--store', this.store, '--key', this.privateKey];
  }

  makeKeys(): Promise<Said> {
    const words = ['--name', 'Jo Doe', '--email', 'jo@example.org', '--out', this.path('operator')];
    return offsite(['keys', 'generate', ...words]);
  }

  init(host: string, more: readonly string[] = [], store: string = this.store): Promise<Said> {
    const words = ['--host', host, '--recipient', this.publicKey, '--state', this.path(host, 'state')];
    return offsite(['init', '--store', store, ...words, ...this.as(host), ...more]);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
