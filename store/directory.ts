/**
 * A store in a folder: every object is a file of its key's path below the root.
 *
 * - Put-if-absent: a temporary file in `.offsite/tmp`, fsync, link() to the name (which fails if the name is there;
 *   rename() would replace), fsync of the folder. A new folder is synced into its parent, up to the root.
 * - Compare-and-swap: a lock file per key in `.offsite/locks`, then rename() over the object. The lock tells processes
 *   of one machine apart (system/lock-file.ts), so compare-and-swap is for one machine; put-if-absent works from
 *   several over a network file system too.
 * - The etag is the SHA-256 of the content, so equal content has equal etags.
 * - A given SHA-256 is checked against the bytes handed over, as they are written; except where the caller has computed it
 *   from the same memory a moment ago (`isHashed`). A server hashes what arrived because a network lies between; here
 *   nothing does. A second hash of the same memory sees no torn write and no bad disk, for it never reads the file:
 *   against those stand fsync before the name, and the SHA-256 in the manifest, which `verify` and every restore check
 *   against what is read. It would see the memory change in between, and there only a fault of the machine or of this
 *   process can change it: a thread that has sealed a part leaves it alone until it is given back. That is not worth half a
 *   second of CPU a gigabyte on the thread that does everything else.
 * - Modes: folders 0700, files 0600, less the umask. The root keeps the mode that it has.
 *
 * It needs one file system with hard links. `.offsite` in the root marks a folder as a store: without it nothing is
 * written, so that a disk that is not mounted is noticed rather than replaced by its mount point. Reading does without.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir, realpath, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OffsiteError } from '../contract/errors.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { errno } from '../system/errno.ts';
import { type LockAttempt, tryLock } from '../system/lock-file.ts';
import { thisProcess } from '../system/process.ts';
import { jitter, secureRandom } from '../system/random.ts';
import { directoryError } from './directory-errors.ts';
import {
  hashWhole,
  linkUnlessTaken,
  openObject,
  readWhole,
  removeIfThere,
  removeOlder,
  writeDurably,
} from './directory-files.ts';
import { FOLDER_MODE, Folders, syncFolder } from './directory-folders.ts';
import { listObjectFolders, listObjects } from './directory-list.ts';
import { assertKey, assertPrefix, RESERVED_FOLDER } from './keys-safety.ts';
import type { GetOptions, ListedObject, ObjectInfo, ObjectStore, PutOptions, StoredObject } from './port.ts';
import { ReadObject } from './read-object.ts';
import type { UploadRate } from './upload-rate.ts';

export interface DirectoryOptions {
  /** Make the folder a store if it is none: for `offsite init` and tests. */
  readonly create?: boolean;
  /** Tells how old temporary files are. */
  readonly clock?: Clock;
  /** How fast objects may be written; as fast as it goes where absent. */
  readonly rate?: UploadRate | undefined;
}

const TEMPORARIES = join(RESERVED_FOLDER, 'tmp');
const LOCKS = join(RESERVED_FOLDER, 'locks');

const DAY = 24 * 60 * 60 * 1000;
/** A swap holds its lock for some milliseconds; who waits longer than about ten seconds meets a hung disk. */
const LOCK_TRIES = 1000;
const LOCK_PAUSE = 20;

/** Opens the store in `folder`; `store-absent` if there is no such folder and it is not to be made. */
export async function openDirectoryStore(folder: string, options: DirectoryOptions = {}): Promise<ObjectStore> {
  try {
    if (options.create) await makeStore(folder);
    const root = await realpath(folder);
    if (!(await lstat(root)).isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
    return new DirectoryStore(root, pathToFileURL(folder).href, options);
  } catch (error) {
    if (errno(error) !== 'ENOENT' && errno(error) !== 'ENOTDIR') throw directoryError(error, `The store ${folder}`);
    throw new OffsiteError('store-absent', `There is no folder ${folder}. If it is on a disk, is that mounted?`, {
      cause: error,
      hint: 'Check the path and the mount; `offsite init` makes a new store.',
    });
  }
}

async function makeStore(folder: string): Promise<void> {
  const firstMade = await mkdir(join(folder, TEMPORARIES), { recursive: true, mode: FOLDER_MODE });
  if (firstMade === undefined) return;
  for (let path = join(folder, TEMPORARIES); path !== dirname(firstMade); path = dirname(path)) {
    await syncFolder(dirname(path));
  }
}

class DirectoryStore implements ObjectStore {
  readonly url: string;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #rate: UploadRate | null;
  readonly #folders: Folders;
  #prepared: Promise<void> | undefined;

  constructor(root: string, url: string, { clock = systemClock, rate }: DirectoryOptions) {
    this.#root = root;
    this.url = url;
    this.#clock = clock;
    this.#rate = rate ?? null;
    this.#folders = new Folders(root);
  }

  async put(key: string, body: Uint8Array, options: PutOptions): Promise<{ etag: string }> {
    const { condition } = options;
    assertKey(key);
    return await this.#guarded(key, async () => {
      await this.#prepare();
      if (condition === 'absent') await this.#folders.make(key);
      else if (!(await this.#folders.has(key))) throw changed(key);
      if (condition === 'absent' && (await this.#isThere(key))) return await this.#refuseExisting(key);

      const temporary = this.#path(join(TEMPORARIES, `${thisProcess().pid}-${secureRandom(12).toString('hex')}`));
      try {
        const etag = await this.#write(key, temporary, body, options);
        if (condition !== 'absent') await this.#swap(key, temporary, condition.etag);
        else if (!(await linkUnlessTaken(temporary, this.#path(key)))) return await this.#refuseExisting(key);
        await syncFolder(dirname(this.#path(key)));
        return { etag };
      } finally {
        await removeIfThere(temporary);
      }
    });
  }

  async get(key: string, { maxBytes = Number.POSITIVE_INFINITY, memory }: GetOptions = {}): Promise<StoredObject> {
    assertKey(key);
    return await this.#reading(key, async ({ handle, info }) => {
      if (info.size > maxBytes) {
        const what = `${key} in ${this.url} has ${info.size} bytes, more than the ${maxBytes} allowed.`;
        throw new OffsiteError('document-too-large', what);
      }
      return new ReadObject(key, info.mtime, await readWhole(handle, info.size, memory));
    });
  }

  async head(key: string): Promise<ObjectInfo> {
    assertKey(key);
    return await this.#reading(key, async ({ handle, info }) => {
      const sha256 = await hashWhole(handle);
      return { key, size: info.size, lastModified: info.mtime, etag: sha256, sha256, cold: false };
    });
  }

  async *list(prefix: string, { after = '' } = {}): AsyncIterable<ListedObject> {
    assertPrefix(prefix);
    try {
      if (!(await this.#folders.has(prefix))) return;
      yield* listObjects(this.#root, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, after);
    } catch (error) {
      throw directoryError(error, `The list of ${prefix} in ${this.url}`);
    }
  }

  async *listFolders(prefix: string): AsyncIterable<string> {
    assertPrefix(prefix);
    try {
      if (!(await this.#folders.has(prefix))) return;
      yield* listObjectFolders(this.#root, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix);
    } catch (error) {
      throw directoryError(error, `The list of ${prefix} in ${this.url}`);
    }
  }

  /** Writes the body to a file that is not there yet; its SHA-256. */
  async #write(key: string, path: string, body: Uint8Array, { sha256, isHashed }: PutOptions): Promise<string> {
    const rate = this.#rate;
    if (isHashed && sha256 !== undefined) {
      await writeDurably(path, body, { rate, onWritten: () => undefined });
      return sha256;
    }
    const hash = createHash('sha256');
    await writeDurably(path, body, { rate, onWritten: (piece) => hash.update(piece) });
    const found = hash.digest('hex');
    if (sha256 !== undefined && sha256 !== found) throw differs(key, sha256, found);
    return found;
  }

  #path(key: string): string {
    return join(this.#root, key);
  }

  /** Once before the first put: the folder must be a store, and what a killed put left a day ago goes. */
  #prepare(): Promise<void> {
    this.#prepared ??= (async () => {
      for (const folder of [TEMPORARIES, LOCKS]) {
        try {
          await mkdir(this.#path(folder), { mode: FOLDER_MODE });
        } catch (error) {
          if (errno(error) === 'ENOENT') throw noStore(this.#root, error);
          if (errno(error) !== 'EEXIST') throw error;
        }
      }
      await removeOlder(this.#path(TEMPORARIES), new Date(this.#clock.now().getTime() - DAY));
    })().catch((error) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #isThere(key: string): Promise<boolean> {
    const info = await lstat(this.#path(key)).catch((error: unknown) => {
      if (errno(error) === 'ENOENT') return null;
      throw error;
    });
    if (info?.isDirectory()) throw Object.assign(new Error(`${key} is a folder`), { code: 'EISDIR' });
    return info !== null;
  }

  /** Who is told "exists" relies on it: so it must survive a power cut, though another process wrote it just now. */
  async #refuseExisting(key: string): Promise<never> {
    await syncFolder(dirname(this.#path(key)));
    throw new OffsiteError('store-exists', `${key} is already in ${this.url}.`);
  }

  async #swap(key: string, temporary: string, etag: string): Promise<void> {
    const lock = await this.#lock(key);
    try {
      const found = await openObject(this.#path(key));
      if (found === null) throw changed(key);
      const present = await hashWhole(found.handle).finally(() => found.handle.close());
      if (present !== etag) throw changed(key);
      await rename(temporary, this.#path(key));
    } finally {
      await lock.release();
    }
  }

  async #lock(key: string): Promise<LockAttempt & { acquired: true }> {
    const path = this.#path(join(LOCKS, createHash('sha256').update(key).digest('hex').slice(0, 32)));
    for (let tries = 1; ; tries++) {
      const attempt = await tryLock(path, key);
      if (attempt.acquired) return attempt;
      if (tries === LOCK_TRIES) {
        throw new OffsiteError('store-transient', `Process ${attempt.owner.pid} is replacing ${key} and does not end.`);
      }
      await systemClock.sleep(jitter() * LOCK_PAUSE);
    }
  }

  async #reading<T>(key: string, read: (found: OpenObject) => Promise<T>): Promise<T> {
    return await this.#guarded(key, async () => {
      const found = (await this.#folders.has(key)) ? await openObject(this.#path(key)) : null;
      if (found === null) throw new OffsiteError('store-absent', `${key} is not in ${this.url}.`);
      return await read(found).finally(() => found.handle.close());
    });
  }

  async #guarded<T>(key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (errno(error) === 'ENOENT') this.#folders.forget();
      throw directoryError(error, `${key} in ${this.url}`);
    }
  }
}

type OpenObject = NonNullable<Awaited<ReturnType<typeof openObject>>>;

function changed(key: string): OffsiteError {
  return new OffsiteError('store-changed', `${key} is not what it was when it was read.`);
}

function differs(key: string, expected: string, found: string): OffsiteError {
  return new OffsiteError('store-transient', `${key} arrived with SHA-256 ${found} instead of ${expected}.`);
}

function noStore(root: string, cause: unknown): OffsiteError {
  return new OffsiteError('store-absent', `${root} is not a store: it has no folder ${RESERVED_FOLDER}.`, {
    cause,
    hint: `If it is on a disk, is that mounted? \`offsite init\` makes a new store; a copied one needs \`mkdir ${join(root, RESERVED_FOLDER)}\`.`,
  });
}
