/**
 * One entry that is not simply the base's: its attributes and, of a file, its content. Whatever happens to it meanwhile
 * (it shrinks, grows, vanishes, becomes something else, cannot be read) costs this entry alone and is noted. What the
 * store throws is never caught here.
 */

import type { BigIntStats } from 'node:fs';
import type { Entry } from '../../contract/entry.ts';
import { entryOf, type Names } from '../source/attributes.ts';
import { openRegularFile, SourceReadError } from '../source/read-file.ts';
import { errnoOf, type Found, isGone, type Unseen } from '../source/scan.ts';
import type { BaseEntry, Stamp } from '../state/state.ts';
import { entryOfLines } from './base-cursor.ts';
import type { FileContentReader } from './file-content.ts';
import type { RunTally } from './tally.ts';

/** How often a path is looked at again that is something else each time. */
const MAX_LOOKS = 3;

export interface EntryPorts {
  /** Entries whose ctime is not older than this may have changed within the same tick of the clock. Nanoseconds. */
  settledBefore: bigint;
  /** Null where it is gone. */
  lstatAgain(found: Found): Found | Unseen | null;
  names: Names;
  reader: FileContentReader;
  tally: RunTally;
}

/** Size, mtime, ctime and inode equal, and not so young that an edit within one clock tick could hide. */
export function isUnchanged(found: Found, before: BaseEntry | null, settledBefore: bigint): before is BaseEntry {
  const { stat } = found;
  return (
    before?.settled === true &&
    found.error === undefined &&
    before.ctimeNs === stat.ctimeNs &&
    before.mtimeNs === stat.mtimeNs &&
    before.inode === stat.ino &&
    before.size === stat.size &&
    stat.ctimeNs < settledBefore
  );
}

/** A file of several names is looked at closer: the group's first path may be another one now. */
export const isLinked = ({ stat }: Found) => stat.isFile() && stat.nlink > 1n;

export interface Done {
  entry: Entry;
  stamp: Stamp;
  /** False where content was not read whole and stable. */
  settled: boolean;
}

const stampOf = ({ size, mtimeNs, ctimeNs, ino }: BigIntStats): Stamp => ({ size, mtimeNs, ctimeNs, inode: ino });
const NO_STAMP: Stamp = { size: 0n, mtimeNs: 0n, ctimeNs: 0n, inode: 0n };

/** One entry that is not simply the base's: its attributes, and its content if it is a file. Null where it vanished. */
export async function storeEntry(
  found: Found | Unseen,
  before: BaseEntry | null,
  links: Map<string, Entry>,
  ports: EntryPorts,
): Promise<Done | null> {
  let now: Found | Unseen | null = found;
  for (let look = 1; now !== null && look <= MAX_LOOKS; look++) {
    if (now.stat === null) return storeUnseen(now, before, ports);
    const done = now.stat.isFile() ? await storeFile(now, before, links, ports) : storeOther(now, before, ports);
    if (done !== 'changed-type') return done;
    now = ports.lstatAgain(now);
  }
  if (now !== null) return storeUnseen({ ...found, stat: null, error: 'EAGAIN' }, before, ports);
  ports.tally.warn('vanished', found.path, 'gone between the scan and its reading');
  return null;
}

/** What it is cannot be told now: what the base knows of it, else only that there is something. */
function storeUnseen({ path, root, error }: Unseen, before: BaseEntry | null, ports: EntryPorts): Done {
  ports.tally.unreadable(path, error);
  if (before !== null) return { entry: staleEntry(before, error), stamp: before, settled: false };
  const entry: Entry = { path, root, type: 'file', mode: 0, uid: 0, gid: 0, mtime: '0.000000000', size: 0, error };
  return { entry, stamp: NO_STAMP, settled: false };
}

/** The base's entry of what cannot be read now. The content of a file, if it has any, is of an earlier time. */
export function staleEntry(before: BaseEntry, error: string): Entry {
  const entry = entryOfLines(before.lines);
  const hasContent = entry.type === 'file' && (entry.error === undefined || entry.stale === true);
  return { ...entry, error, ...(hasContent ? { stale: true } : {}) };
}

function storeOther(found: Found, before: BaseEntry | null, ports: EntryPorts): Done | 'changed-type' {
  try {
    const entry = entryOf(found, found.stat, ports.names);
    if (found.error !== undefined) ports.tally.unreadable(found.path, found.error);
    return { entry, stamp: stampOf(found.stat), settled: found.error === undefined };
  } catch (error) {
    const code = errnoOf(error);
    // readlink: no symlink any more.
    if (code === 'EINVAL' || isGone(code)) return 'changed-type';
    if (code === 'EUNKNOWN') throw error;
    return storeUnseen({ ...found, stat: null, error: code }, before, ports);
  }
}

async function storeFile(
  found: Found,
  before: BaseEntry | null,
  links: Map<string, Entry>,
  ports: EntryPorts,
): Promise<Done | 'changed-type' | null> {
  const group = isLinked(found) ? `${found.stat.dev}:${found.stat.ino}` : null;
  const first = group === null ? undefined : links.get(group);
  if (first !== undefined) return { entry: anotherName(found, first), stamp: stampOf(found.stat), settled: true };
  const known = group !== null && isUnchanged(found, before, ports.settledBefore) ? entryOfLines(before.lines) : null;
  const done =
    known === null
      ? await readFile(found, before, ports)
      : { entry: { ...known, path: found.path }, stamp: stampOf(found.stat), settled: true };
  if (group !== null && typeof done === 'object' && done?.settled) {
    done.entry.link = found.path;
    links.set(group, done.entry);
  }
  return done;
}

/** A further name of a file that this run has seen: the same content and attributes under another path. */
const anotherName = (found: Found, first: Entry): Entry => ({ ...first, path: found.path, root: found.root });

async function readFile(
  found: Found,
  before: BaseEntry | null,
  ports: EntryPorts,
): Promise<Done | 'changed-type' | null> {
  let file = openRegularFile(found.file);
  if ('problem' in file) {
    if (file.problem === 'not-a-file' || isGone(file.problem)) return 'changed-type';
    return unreadableFile(found, before, file.problem, ports);
  }
  try {
    // Another file than the scan saw, replaced or behind another folder now: it is looked at anew, links and all.
    if (file.stat.ino !== found.stat.ino || file.stat.dev !== found.stat.dev) return 'changed-type';
    let stored = await ports.reader.read(file);
    let stable = file.isUnchanged();
    if (!stable) {
      file = file.reopen();
      stored = await ports.reader.read(file);
      stable = file.isUnchanged();
    }
    const entry = entryOf(found, file.stat, ports.names);
    entry.size = stored.size;
    if (stored.data !== undefined) entry.data = stored.data;
    if (stored.hash !== undefined) {
      entry.hash = stored.hash;
      entry.locations = stored.locations;
    }
    if (!stable) {
      entry.unstable = true;
      ports.tally.warn('unstable', found.path, 'changed while it was read, twice');
    }
    ports.tally.changedFiles++;
    return { entry, stamp: stampOf(file.stat), settled: stable };
  } catch (error) {
    if (error instanceof SourceReadError) return unreadableFile(found, before, error.code, ports);
    throw error;
  } finally {
    file.close();
  }
}

/** The content could not be read: the base's, marked stale, is better than none. */
function unreadableFile(found: Found, before: BaseEntry | null, code: string, ports: EntryPorts): Done {
  ports.tally.unreadable(found.path, code);
  const entry = entryOf(found, found.stat, ports.names);
  entry.size = Number(found.stat.size);
  entry.error = code;
  const old = before === null ? null : staleEntry(before, code);
  if (old?.stale) {
    const { size, mtime, data, hash, locations } = old;
    Object.assign(entry, { size, mtime, stale: true }, data && { data }, hash && { hash }, locations && { locations });
  }
  return { entry, stamp: stampOf(found.stat), settled: false };
}
