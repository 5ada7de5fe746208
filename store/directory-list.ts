import { isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../contract/errors.ts';
import { errno } from '../system/errno.ts';
import { compareKeys, isKey } from './keys-safety.ts';
import type { ListedObject } from './port.ts';

/** So many files are looked at at once. */
const BATCH = 64;

interface Entry {
  /** Key of the object, or that of the folder with a slash at its end: compared so, the entries of a folder are in the order of all keys below them. */
  readonly key: string;
  readonly isFolder: boolean;
}

/**
 * All objects below `folder` (a key with a slash at its end, or empty for the root) that begin with `prefix` and come
 * after `after`, in bytewise order of their keys. That is not the order of the names in each folder: `a-b` comes
 * before `a/x`, because `-` is less than the slash.
 */
export async function* listObjects(
  root: string,
  folder: string,
  prefix: string,
  after: string,
): AsyncIterable<ListedObject> {
  let files: Entry[] = [];
  for (const entry of await entriesOf(root, folder)) {
    if (!entry.key.startsWith(prefix)) continue;
    if (entry.isFolder) {
      yield* looked(root, files);
      files = [];
      const mayHoldLater = after.startsWith(entry.key) || compareKeys(entry.key, after) > 0;
      if (mayHoldLater) yield* listObjects(root, entry.key, prefix, after);
    } else if (compareKeys(entry.key, after) > 0) {
      files.push(entry);
      if (files.length === BATCH) {
        yield* looked(root, files);
        files = [];
      }
    }
  }
  yield* looked(root, files);
}

/** The folders directly in `folder` that begin with `prefix` and hold an object; an empty one is no key's beginning. */
export async function* listObjectFolders(root: string, folder: string, prefix: string): AsyncIterable<string> {
  for (const entry of await entriesOf(root, folder)) {
    if (entry.isFolder && entry.key.startsWith(prefix) && (await holdsObject(root, entry.key))) yield entry.key;
  }
}

async function holdsObject(root: string, folder: string): Promise<boolean> {
  const entries = await entriesOf(root, folder);
  if (entries.some((entry) => !entry.isFolder)) return true;
  for (const entry of entries) if (await holdsObject(root, entry.key)) return true;
  return false;
}

async function* looked(root: string, files: readonly Entry[]): AsyncIterable<ListedObject> {
  const infos = await Promise.all(files.map(({ key }) => infoOf(root, key)));
  for (const info of infos) if (info !== null) yield info;
}

async function infoOf(root: string, key: string): Promise<ListedObject | null> {
  try {
    const info = await lstat(join(root, key));
    return { key, size: info.size, lastModified: info.mtime };
  } catch (error) {
    if (errno(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Files and folders whose names can be keys, sorted. Symbolic links, devices and the like are nobody's. */
async function entriesOf(root: string, folder: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const found of await namesIn(root, folder)) {
    if (!isUtf8(found.name)) continue;
    const key = `${folder}${found.name.toString('utf8')}`;
    if (!isKey(key)) continue;
    if (found.isDirectory()) entries.push({ key: `${key}/`, isFolder: true });
    else if (found.isFile()) entries.push({ key, isFolder: false });
  }
  return entries.sort((a, b) => compareKeys(a.key, b.key));
}

async function namesIn(root: string, folder: string): Promise<Dirent<NonSharedBuffer>[]> {
  try {
    return await readdir(join(root, folder), { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    const name = errno(error);
    if (name !== 'ENOENT' && name !== 'ENOTDIR') throw error;
    if (folder !== '') return [];
    throw new OffsiteError('store-absent', `The folder ${root} of the store is not there.`, { cause: error });
  }
}
