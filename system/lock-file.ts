/**
 * A lock that one process of this machine holds at a time: a file that names its owner. It needs no daemon and no
 * clock, and a lock whose owner was killed is taken over at once.
 *
 * - **Taking** writes the owner to a file of its own and link()s it to the lock's name, so the lock file is whole from
 *   the first instant, and link() lets exactly one win.
 * - **Stale** is a lock whose owner certainly runs no more (system/process.ts). A file that names no owner is stale as
 *   well: no holder's file ever reads so, because it was whole before it had the name. It is what a power cut may leave.
 * - **Breaking** must not let two win, though any number may see the same stale lock at once, and although a slow one
 *   may act long after the lock has passed to somebody else. So the right to replace one particular stale lock file is
 *   itself taken by link(), to a name made from the hash of its content (which holds a random token, so it never comes
 *   back). Whoever has the right looks once more whether the lock is still that stale file, and moves its claim over it.
 *   A claim whose owner died is inherited by the same means: the right passes on along a chain of dead claims.
 *
 * All users of one lock must share the machine and see each other's pids: containers that share a folder but not a pid
 * namespace, or machines that share a network folder, cannot be told from dead ones.
 */
import { createHash } from 'node:crypto';
import { link, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OffsiteError } from '../contract/errors.ts';
import { errno } from './errno.ts';
import { isRunning, type ProcessIdentity, thisProcess } from './process.ts';
import { secureRandom } from './random.ts';

/** Who holds a lock. A pid of 0 means that the file named nobody. */
export interface Owner extends ProcessIdentity {
  /** Whatever the holder wanted to say about itself, for example the run that it makes. */
  readonly note: string;
}

export type LockAttempt =
  | {
      readonly acquired: true;
      /** The dead owner that this attempt took the lock from; null where it was free. */
      readonly broke: Owner | null;
      /** Frees the lock; a second call does nothing. A process that ends without it leaves a stale lock. */
      release(): Promise<void>;
    }
  | { readonly acquired: false; readonly owner: Owner };

interface LockFile {
  readonly content: Buffer;
  readonly owner: Owner;
  readonly running: boolean;
}

/**
 * Takes the lock at `path`, whose folder must exist, or says who has it; never waits. A second attempt of the process
 * that holds it is refused too. `lock-unusable` where the file cannot be made or read.
 */
export async function tryLock(path: string, note: string): Promise<LockAttempt> {
  const { pid, started, boot } = thisProcess();
  const token = secureRandom(16).toString('hex');
  const content = Buffer.from(`${JSON.stringify({ pid, started, boot, note, token })}\n`);
  const own = `${path}.new-${pid}-${started}-${token}`;
  try {
    await writeFile(own, content, { flag: 'wx', mode: 0o600 });
    for (;;) {
      if (await linked(own, path)) return held(path, content, null);
      const found = await readLock(path);
      if (found === null) continue;
      if (found.running) return { acquired: false, owner: found.owner };
      const rival = await replaceStale(path, found, own);
      if (rival === 'nobody') {
        await sweep(path);
        return held(path, content, found.owner);
      }
      if (rival !== 'moved on') return { acquired: false, owner: rival };
    }
  } catch (error) {
    throw unusable(path, error);
  } finally {
    await removeIfThere(own);
  }
}

function held(path: string, content: Buffer, broke: Owner | null): LockAttempt {
  let released = false;
  return {
    acquired: true,
    broke,
    async release() {
      if (released) return;
      released = true;
      try {
        const found = await readLock(path);
        if (found?.content.equals(content)) await removeIfThere(path);
      } catch (error) {
        throw unusable(path, error);
      }
    },
  };
}

function unusable(path: string, cause: unknown): OffsiteError {
  return new OffsiteError('lock-unusable', `The lock file ${path} cannot be used: ${String(cause)}`, { cause });
}

/**
 * Puts the lock of `own` in the place of the stale one. `nobody` stood in the way: the lock is ours. Otherwise the one
 * who is about to take it, or `moved on` where it is no longer that stale lock and everything must be looked at anew.
 */
async function replaceStale(path: string, stale: LockFile, own: string): Promise<'nobody' | 'moved on' | Owner> {
  const inherited: string[] = [];
  let claim = claimName(path, stale.content);
  while (!(await linked(own, claim))) {
    const rival = await readLock(claim);
    if (rival === null) return 'moved on';
    if (rival.running) return rival.owner;
    inherited.push(claim);
    claim = claimName(path, rival.content);
  }
  const now = await readLock(path);
  if (now === null || !now.content.equals(stale.content)) {
    await removeIfThere(claim);
    return 'moved on';
  }
  await rename(claim, path);
  for (const dead of inherited) await removeIfThere(dead);
  return 'nobody';
}

function claimName(path: string, content: Buffer): string {
  return `${path}.break-${createHash('sha256').update(content).digest('hex').slice(0, 32)}`;
}

/**
 * Removes what killed processes left beside the lock. Only its holder may: while it holds, every claim is to a lock
 * that is gone, so it gives no right to anybody.
 */
async function sweep(path: string): Promise<void> {
  const name = basename(path);
  for (const sibling of await readdir(dirname(path))) {
    if (!sibling.startsWith(`${name}.`)) continue;
    const rest = sibling.slice(name.length + 1);
    const [, pid, started] = /^new-(\d+)-(\d*)-[0-9a-f]{32}$/.exec(rest) ?? [];
    const leftOver = pid !== undefined && !isRunning({ ...thisProcess(), pid: Number(pid), started: started ?? '' });
    if (leftOver || /^break-[0-9a-f]{32}$/.test(rest)) await removeIfThere(join(dirname(path), sibling));
  }
}

async function readLock(path: string): Promise<LockFile | null> {
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (error) {
    if (errno(error) === 'ENOENT') return null;
    throw error;
  }
  const owner = parseOwner(content.toString('utf8'));
  return owner === null
    ? { content, owner: { pid: 0, started: '', boot: '', note: '' }, running: false }
    : { content, owner, running: isRunning(owner) };
}

function parseOwner(text: string): Owner | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { pid, started, boot, note } = value as Record<string, unknown>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return null;
  if (typeof started !== 'string' || typeof boot !== 'string' || typeof note !== 'string') return null;
  return { pid, started, boot, note };
}

/** link() as a question: false where the name is taken. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errno(error) === 'EEXIST') return false;
    throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error;
  }
}
