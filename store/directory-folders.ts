import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../contract/errors.ts';
import { errno } from '../system/errno.ts';

/** Folders are the owner's alone: what lies in a store is encrypted, but names and sizes speak too. */
export const FOLDER_MODE = 0o700;

/**
 * The folders below a store's root, as this process knows them: each was seen to be a real folder (a symbolic link
 * inside a store is never followed), and the durable ones to have a name that survives a power cut.
 */
export class Folders {
  readonly #root: string;
  readonly #known = new Map<string, 'seen' | 'durable'>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Whether the folder of `key` is there. */
  async has(key: string): Promise<boolean> {
    for (const folder of ancestors(key)) {
      if (this.#known.has(folder)) continue;
      if ((await whatIs(join(this.#root, folder))) !== 'folder') return false;
      this.#known.set(folder, 'seen');
    }
    return true;
  }

  /** Makes the folder of `key` where it is missing, durably: also one that another process made a moment ago. */
  async make(key: string): Promise<void> {
    let parent = this.#root;
    for (const folder of ancestors(key)) {
      const path = join(this.#root, folder);
      if (this.#known.get(folder) !== 'durable') {
        await makeFolder(path);
        await syncFolder(parent);
        this.#known.set(folder, 'durable');
      }
      parent = path;
    }
  }

  /** To be called when a folder turned out to be gone. */
  forget(): void {
    this.#known.clear();
  }
}

/** Makes what was written into a folder survive a power cut: names are data of the folder, not of the file. */
export async function syncFolder(path: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    await handle.sync();
  } catch (error) {
    // Some network and FUSE file systems cannot sync a folder; there is nothing better to call.
    if (errno(error) !== 'EINVAL' && errno(error) !== 'ENOTSUP') throw error;
  } finally {
    await handle?.close();
  }
}

async function makeFolder(path: string): Promise<void> {
  const found = await whatIs(path);
  if (found === 'folder') return;
  if (found === 'other') throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' });
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (error) {
    if (errno(error) !== 'EEXIST') throw error;
    await makeFolder(path);
  }
}

async function whatIs(path: string): Promise<'folder' | 'nothing' | 'other'> {
  try {
    const info = await lstat(path);
    if (info.isSymbolicLink()) throw new OffsiteError('store-denied', `${path} is a symbolic link inside a store.`);
    return info.isDirectory() ? 'folder' : 'other';
  } catch (error) {
    if (errno(error) === 'ENOENT') return 'nothing';
    throw error;
  }
}

/** `a/b/c` → `a`, `a/b`. */
function ancestors(key: string): string[] {
  const segments = key.split('/').slice(0, -1);
  return segments.map((_, index) => segments.slice(0, index + 1).join('/'));
}
