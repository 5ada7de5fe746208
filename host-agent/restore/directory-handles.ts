/**
 * openat() for Node: directories are opened component by component, each relative to the handle of the one above and
 * never through a symbolic link, and names in them are reached as `/proc/self/fd/N/name`. So nothing outside the target
 * is ever touched, whatever the target holds and whoever changes it meanwhile.
 */

import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { type BytePath, baseName, joinPath, parentPath, pathForFs, pathFromBytes } from '../../contract/byte-path.ts';
import { OffsiteError } from '../../contract/errors.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
const HANDLE = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

/** Handles kept open; directories of neighbours come one after the other. */
const MAX_HANDLES = 64;

/** Opens the target, which is made if it is missing; it may be reached through links. Throws `target-unusable`. */
export function openTarget(target: string): { handle: number; isNew: boolean } {
  if (!existsSync('/proc/self/fd')) {
    throw new OffsiteError('target-unusable', 'restoring needs /proc, which is not mounted here');
  }
  try {
    const isNew = mkdirSync(target, { recursive: true, mode: 0o700 }) !== undefined;
    return { handle: openSync(target, O_RDONLY | O_DIRECTORY), isNew };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OffsiteError('target-unusable', `${target} cannot be made or opened: ${why}`, { cause });
  }
}

/** A name in an open directory, as `node:fs` takes it. The name is one component. */
export function inDirectory(handle: number, name: BytePath): string | Buffer {
  return pathForFs(`/proc/self/fd/${handle}/${name}` as BytePath);
}

/** Removes something in a directory, with all in it; what is not there any more is no error. Links are not followed. */
export function removeTree(handles: DirectoryHandles, directory: BytePath, name: BytePath): void {
  const found = lstatSync(handles.at(directory, name), { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory()) return unlinkSync(handles.at(directory, name));
  const path = joinPath(directory, name);
  const inside = readdirSync(`/proc/self/fd/${handles.get(path)}`, { encoding: 'buffer' });
  for (const one of inside) removeTree(handles, path, pathFromBytes(one));
  rmdirSync(handles.at(directory, name));
}

/** Handles of directories under one target, for one thread. A handle is good until the next one is asked for. */
export class DirectoryHandles implements Disposable {
  readonly #root: number;
  /** The one used last comes last. */
  readonly #open = new Map<BytePath, number>();

  /** `root`: handle of the target; not closed here. */
  constructor(root: number) {
    this.#root = root;
  }

  /**
   * Handle of a directory given by its path under the target; that of `keep` stays good as well. Throws ENOTDIR or
   * ELOOP where a component is no directory.
   */
  get(path: BytePath, keep: BytePath = path): number {
    if (path === '') return this.#root;
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const above = this.get(parentPath(path), keep);
    const handle = openSync(inDirectory(above, baseName(path)), HANDLE);
    this.#open.set(path, handle);
    for (const [oldest, stale] of this.#open) {
      if (this.#open.size <= MAX_HANDLES) break;
      if (oldest === path || oldest === keep) continue;
      this.#open.delete(oldest);
      closeSync(stale);
    }
    return handle;
  }

  /** A name in a directory, as `node:fs` takes it. */
  at(directory: BytePath, name: BytePath, keep?: BytePath): string | Buffer {
    return inDirectory(this.get(directory, keep), name);
  }

  [Symbol.dispose](): void {
    for (const handle of this.#open.values()) closeSync(handle);
    this.#open.clear();
  }
}
