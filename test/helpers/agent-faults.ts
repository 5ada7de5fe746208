/**
 * Agents that die, and file systems that fail, at a chosen call: `node:fs` is patched, so that the product needs no
 * hooks. In a process of its own (agent-preload.ts) an agent dies by SIGKILL. In this process its death is simulated:
 * from that call on nothing that it still tries has any effect, which leaves disk and store as a killed process would.
 * Nothing is synced in this process: it would cost much time, and only a power cut could tell.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';

/** One call to the file system or, in this process, to the store. */
export interface Call {
  /** As `node:fs` names it, without `Sync`; `put` for the store. */
  readonly name: string;
  /** The path, or the object key. */
  readonly path: string;
  /** Of rename and link. */
  readonly to: string | undefined;
  /** True where it changes something, or makes it durable. */
  readonly changes: boolean;
  /** What is written, where that is in the call. */
  readonly bytes?: Uint8Array | string;
}

/** `die-halfway`: half of the bytes are written. An errno is thrown instead of the call, or instead of its reply. */
export type Verdict = 'die' | 'die-halfway' | { readonly errno: string } | undefined;

/** Decides what becomes of an agent's calls. What it does itself is not sabotaged. */
export interface Saboteur {
  before?(call: Call): Verdict;
  after?(call: Call): Verdict;
}

/** An agent's time from its start to its death. */
export class Life {
  readonly #saboteur: Saboteur;
  readonly #isOwnProcess: boolean;
  readonly #descriptors = new Set<number>();
  readonly #handles = new Set<fs.promises.FileHandle>();
  readonly #died = Promise.withResolvers<void>();
  #isOver = false;
  #inFlight = 0;

  constructor(saboteur: Saboteur, isOwnProcess: boolean) {
    this.#saboteur = saboteur;
    this.#isOwnProcess = isOwnProcess;
  }

  get isSimulated(): boolean {
    return !this.#isOwnProcess;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves at its death. */
  get death(): Promise<void> {
    return this.#died.promise;
  }

  /** A synchronous call. */
  now<T>(call: Call, work: () => T, halfway: () => void): T {
    if (this.#isOver) throw new Error('this agent is dead');
    this.#judge(this.#ask('before', call), call, halfway);
    const result = work();
    this.#judge(this.#ask('after', call), call, () => undefined);
    return result;
  }

  /** A call that takes time. One that was begun before the death is ended. */
  async later<T>(call: Call, work: () => Promise<T>, halfway: () => Promise<void>): Promise<T> {
    if (this.#isOver) return await new Promise(() => undefined);
    const before = this.#ask('before', call);
    if (before === 'die-halfway') await halfway();
    if (before !== undefined) this.#judge(before, call, () => undefined);
    this.#inFlight++;
    const result = await work().finally(() => this.#inFlight--);
    if (this.#isOver) return await new Promise(() => undefined);
    this.#judge(this.#ask('after', call), call, () => undefined);
    return result;
  }

  /** What it has open. */
  get open(): string[] {
    const files = [...this.#descriptors].map((descriptor) => paths.get(descriptor) ?? '');
    const handles = [...this.#handles].filter((handle) => handle.fd >= 0);
    return [...files, ...handles.map((handle) => handlePaths.get(handle) ?? '')];
  }

  keepDescriptor(descriptor: number): void {
    this.#descriptors.add(descriptor);
  }

  forgetDescriptor(descriptor: number): void {
    this.#descriptors.delete(descriptor);
  }

  keepHandle(handle: fs.promises.FileHandle): void {
    this.#handles.add(handle);
  }

  /** Waits until nothing of a dead agent is under way, and closes what it had open. */
  async bury(): Promise<void> {
    while (this.#inFlight > 0) await new Promise((resolve) => setImmediate(resolve));
    for (const descriptor of this.#descriptors) real.closeSync(descriptor);
    for (const handle of this.#handles) await handle.close().catch(() => undefined);
  }

  #ask(when: 'before' | 'after', call: Call): Verdict {
    const others = onlyLife;
    onlyLife = undefined;
    try {
      return lives.exit(() => this.#saboteur[when]?.(call));
    } finally {
      onlyLife = others;
    }
  }

  #judge(verdict: Verdict, { name, path }: Call, halfway: () => void): void {
    if (verdict === undefined) return;
    if (typeof verdict === 'object') throw systemError(verdict.errno, name, path);
    if (verdict === 'die-halfway') halfway();
    if (this.#isOwnProcess) {
      process.kill(process.pid, 'SIGKILL');
      // The signal is there before kill() returns to us, but nothing says so; until then nothing more may happen.
      for (;;);
    }
    this.#isOver = true;
    this.#died.resolve();
    throw new Error('this agent has died');
  }
}

const ERRNOS: Record<string, number> = { EIO: -5, ENOSPC: -28, EACCES: -13, ESTALE: -116, EROFS: -30 };

/** As `node:fs` throws it. */
export function systemError(code: string, syscall: string, path: string): Error {
  const text = `${code}: by script, ${syscall} '${path}'`;
  return Object.assign(new Error(text), { code, syscall, path, errno: ERRNOS[code] ?? -5 });
}

const lives = new AsyncLocalStorage<Life>();
let onlyLife: Life | undefined;
const present = (): Life | undefined => onlyLife ?? lives.getStore();

/** From here on the whole process is one life, which ends by SIGKILL. */
export function liveAsProcess(saboteur: Saboteur): void {
  onlyLife = new Life(saboteur, true);
}

export type Fate<T> = { readonly died: true } | { readonly died: false; readonly result: T };

/** Runs an agent in this process until it ends, or dies. Only what `work` does is sabotaged. */
export async function simulate<T>(saboteur: Saboteur, work: (life: Life) => Promise<T>): Promise<Fate<T>> {
  const life = new Life(saboteur, false);
  const ended = lives
    .run(life, () => work(life))
    .then(
      (result): Fate<T> => ({ died: false, result }),
      (error: unknown) => {
        if (life.isOver) return { died: true } as const;
        throw error;
      },
    );
  const fate = await Promise.race([ended, life.death.then(() => ({ died: true }) as const)]);
  if (!life.isOver) return fate;
  ended.catch(() => undefined);
  await life.bury();
  return { died: true };
}

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Methods = Record<string, Method>;

/** The functions as they were before they were patched. */
const real = { ...fs };
const realPromises = { ...fs.promises };

const CHANGING = new Set(
  'write writeFile appendFile rename link unlink rm mkdir symlink truncate ftruncate sync fsync datasync fdatasync'.split(
    ' ',
  ),
);
const SYNCING = new Set(['sync', 'fsync', 'datasync', 'fdatasync']);
const WRITING = new Set(['write', 'writeFile', 'appendFile']);
const BY_PATH =
  'open writeFile appendFile mkdir rename link unlink rm symlink truncate readFile lstat readdir readlink';
const BY_DESCRIPTOR = 'write fsync fdatasync ftruncate read fstat close';
const OF_HANDLE = 'write writeFile appendFile sync datasync truncate read stat';

const paths = new Map<number, string>();
const handlePaths = new WeakMap<object, string>();

const text = (path: unknown): string => (Buffer.isBuffer(path) ? path.toString('utf8') : String(path));

function opensForWriting(flags: unknown): boolean {
  if (typeof flags === 'string') return flags !== 'r';
  const { O_WRONLY, O_RDWR, O_CREAT } = fs.constants;
  return typeof flags === 'number' && (flags & (O_WRONLY | O_RDWR | O_CREAT)) !== 0;
}

/** `at`: where among the arguments the bytes are that are written. */
function callOf(name: string, path: string, args: unknown[], at: number): Call {
  const to = name === 'rename' || name === 'link' || name === 'symlink' ? text(args[1]) : undefined;
  const changes = CHANGING.has(name) || (name === 'open' && opensForWriting(args[1]));
  return { name, path, to, changes, ...(WRITING.has(name) ? { bytes: args[at] as Uint8Array | string } : {}) };
}

/** The arguments with half of the bytes, where the call writes some. */
function halved(name: string, args: unknown[], at: number): unknown[] | null {
  if (!WRITING.has(name)) return null;
  const bytes = args[at];
  const all = typeof bytes === 'string' ? Buffer.from(bytes) : (bytes as Buffer);
  return args.map((arg, i) => (i === at ? all.subarray(0, all.length >> 1) : i > at ? undefined : arg));
}

function patchSync(name: string, kind: 'path' | 'descriptor'): void {
  const original = (fs as unknown as Methods)[`${name}Sync`] as Method;
  (fs as unknown as Methods)[`${name}Sync`] = (...args) => {
    const life = present();
    if (life === undefined) return original(...args);
    const path = kind === 'path' ? text(args[0]) : (paths.get(args[0] as number) ?? '');
    const result = life.now(
      callOf(name, path, args, 1),
      () => (life.isSimulated && SYNCING.has(name) ? undefined : original(...args)),
      () => {
        const half = halved(name, args, 1);
        if (half !== null) original(...half);
      },
    );
    if (name === 'open') {
      paths.set(result as number, path);
      life.keepDescriptor(result as number);
    } else if (name === 'close') {
      life.forgetDescriptor(args[0] as number);
    }
    return result;
  };
}

function patchPromise(name: string): void {
  const original = (fs.promises as unknown as Methods)[name] as Method;
  (fs.promises as unknown as Methods)[name] = async (...args) => {
    const life = present();
    if (life === undefined) return await original(...args);
    const path = text(args[0]);
    const result = await life.later(
      callOf(name, path, args, 1),
      async () => {
        const made = await original(...args);
        if (name === 'open') {
          handlePaths.set(made as object, path);
          life.keepHandle(made as fs.promises.FileHandle);
        }
        return made;
      },
      async () => {
        const half = halved(name, args, 1);
        if (half !== null) await original(...half);
      },
    );
    return result;
  };
}

function patchHandle(prototype: Methods, name: string): void {
  const original = prototype[name] as Method;
  prototype[name] = async function (...args) {
    const life = present();
    if (life === undefined) return await original.apply(this, args);
    const path = handlePaths.get(this as object) ?? '';
    return await life.later(
      callOf(name, path, args, 0),
      async () => (life.isSimulated && SYNCING.has(name) ? undefined : await original.apply(this, args)),
      async () => {
        const half = halved(name, args, 0);
        if (half !== null) await original.apply(this, half);
      },
    );
  };
}

for (const name of BY_PATH.split(' ')) {
  patchSync(name, 'path');
  patchPromise(name);
}
for (const name of BY_DESCRIPTOR.split(' ')) patchSync(name, 'descriptor');
{
  const handle = await realPromises.open(tmpdir(), 'r');
  const prototype = Object.getPrototypeOf(handle) as Methods;
  await handle.close();
  for (const name of OF_HANDLE.split(' ')) patchHandle(prototype, name);
}
syncBuiltinESMExports();
