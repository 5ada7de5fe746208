/** Writing small files so that they are whole and durable or not there at all. */

import { mkdirSync, readFileSync } from 'node:fs';
import { type FileHandle, open, rename, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OffsiteError } from '../../contract/errors.ts';
import { sha256Hex } from '../../contract/ids.ts';

/** Writes `<file>.new`, syncs it, renames it to `file`, syncs the folder. Throws `state-unwritable`. */
export async function writeDurably(file: string, bytes: Uint8Array | string, mode = 0o600): Promise<void> {
  const temporary = `${file}.new`;
  await asStateError(file, async () => {
    const handle = await open(temporary, 'w', mode);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(dirname(file));
  });
}

/** Makes names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

/** The file's bytes, or null where it cannot be read for any reason: state may be lost at any time. */
export function readIfThere(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}

/** A JSON file's value; null where it is absent or damaged. */
export function readJsonIfThere(file: string): unknown {
  const bytes = readIfThere(file);
  if (bytes === null) return null;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

/** Writes a JSON value durably, and its hash behind it, so that damage is noticed. Throws `state-unwritable`. */
export function writeChecked(file: string, value: unknown): Promise<void> {
  const text = JSON.stringify(value);
  return writeDurably(file, `${text}\n${sha256Hex(text)}\n`);
}

/** What `writeChecked` wrote; null where it is absent, or a single bit differs. */
export function readChecked(file: string): unknown {
  const [text = '', hash] = readIfThere(file)?.toString('utf8').split('\n') ?? [];
  return hash === sha256Hex(text) ? JSON.parse(text) : null;
}

/** Removes a file, present or not, and makes that durable. */
export async function removeDurably(file: string): Promise<void> {
  await asStateError(file, async () => {
    await unlink(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await syncFolder(dirname(file));
  });
}

/** Removes a whole folder, best effort. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => undefined);
}

export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new OffsiteError('state-unwritable', `${folder} cannot be made: ${describe(cause)}`, { cause });
  }
}

/** Runs `work`; a system error becomes `state-unwritable` naming `file`. */
export async function asStateError<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new OffsiteError('state-unwritable', `${file} cannot be written: ${describe(cause)}`, { cause });
  }
}

const describe = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
