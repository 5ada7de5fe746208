import { createHash, type Hash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, link, lstat, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../contract/errors.ts';
import { errno } from '../system/errno.ts';
import type { UploadRate } from './upload-rate.ts';

/** Bytes written, hashed or read in one step, so that a big object never blocks the event loop for long. */
const STEP = 4 * 2 ** 20;

/** Objects are the owner's alone; see FOLDER_MODE. */
const FILE_MODE = 0o600;

/** What a new file is written with. */
export interface Writing {
  /** Null: as fast as it goes. */
  readonly rate: UploadRate | null;
  /** Given each piece that was written. */
  readonly onWritten: (piece: Uint8Array) => void;
}

/**
 * Writes a new file, on disk when it returns. Threads of Node's pool write it, straight from the body; the caller's own
 * thread only asks them to.
 */
export async function writeDurably(path: string, body: Uint8Array, { rate, onWritten }: Writing): Promise<void> {
  const handle = await open(path, 'wx', FILE_MODE);
  try {
    for (let offset = 0; offset < body.length; ) {
      const wanted = body.subarray(offset, offset + (rate?.pieceSize ?? STEP));
      await rate?.take(wanted.length);
      const { bytesWritten } = await handle.write(wanted);
      onWritten(wanted.subarray(0, bytesWritten));
      offset += bytesWritten;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Gives a written file its name; false where the name is taken. Over NFS a repeated request can answer "taken"
 * although the first one did it: then the name leads to our own file. The file and its folder are ours, so EPERM means
 * a file system without hard links (link(2)), such as FAT.
 */
export async function linkUnlessTaken(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errno(error) === 'EPERM')
      throw Object.assign(new Error('no hard links here', { cause: error }), { code: 'ENOTSUP' });
    if (errno(error) !== 'EEXIST') throw error;
    const [own, taken] = await Promise.all([lstat(from), lstat(to)]);
    if (taken.isDirectory()) throw Object.assign(new Error(`${to} is a folder`), { code: 'EISDIR' });
    return own.ino === taken.ino && own.dev === taken.dev;
  }
}

/** Opens an object for reading; null where there is none of that name. A symbolic link or a device is refused. */
export async function openObject(path: string): Promise<{ handle: FileHandle; info: Stats } | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const name = errno(error);
    if (name === 'ENOENT' || name === 'ENOTDIR' || name === 'ENAMETOOLONG') return null;
    throw error;
  }
  try {
    const info = await handle.stat();
    if (info.isFile()) return { handle, info };
    if (!info.isDirectory()) throw new OffsiteError('store-denied', `${path} is not a regular file.`);
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return null;
}

/** All bytes of an open file, in `memory` if they fit there. */
export async function readWhole(handle: FileHandle, size: number, memory?: Uint8Array): Promise<Buffer> {
  const body =
    memory === undefined || memory.length < size
      ? Buffer.allocUnsafeSlow(size)
      : Buffer.from(memory.buffer, memory.byteOffset, size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(body, filled, size - filled, filled);
    if (bytesRead === 0) throw Object.assign(new Error(`it ended after ${filled} bytes of ${size}`), { code: 'EIO' });
    filled += bytesRead;
  }
  return body;
}

/** SHA-256 (hex) of an open file, read in steps. */
export async function hashWhole(handle: FileHandle): Promise<string> {
  const hash: Hash = createHash('sha256');
  const step = Buffer.allocUnsafeSlow(STEP);
  for (let offset = 0; ; ) {
    const { bytesRead } = await handle.read(step, 0, STEP, offset);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(step.subarray(0, bytesRead));
    offset += bytesRead;
  }
}

export async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error;
  }
}

/** Removes files last written before `limit`: what killed processes left. Best effort: it is only room. */
export async function removeOlder(folder: string, limit: Date): Promise<void> {
  try {
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const info = await lstat(path);
      if (info.isFile() && info.mtime < limit) await unlink(path);
    }
  } catch {
    // Another process may be sweeping too, or may not let us; the next one tries again.
  }
}
