/**
 * One entry that is not simply the base's: its attributes and, of a file, its content. Whatever happens to it meanwhile
 * (it shrinks, grows, vanishes, becomes something else, cannot be read) costs this entry alone and is noted. What the
 * store throws is never caught here.
 */

import type { Entry } from '../../contract/entry.ts';
import { entryOf, type Names } from '../source/attributes.ts';
import { openRegularFile } from '../source/read-file.ts';
import { errnoOf, type Found } from '../source/scan.ts';
import type { BaseEntry } from '../state/state.ts';
import { entryOfLines } from './base-cursor.ts';
import { type FileContentReader, SourceReadError } from './file-content.ts';
import type { RunTally } from './tally.ts';

/** How often a path is looked at again that is something else each time. */
const MAX_LOOKS = 3;

export interface EntryPorts {
  /** Entries whose ctime is not older than this may have changed within the same tick of the clock. Nanoseconds. */
  settledBefore: bigint;
  lstatAgain(found: Found): Found | null;
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
  found: Found;
  entry: Entry;
  /** False where content was not read whole and stable. */
  settled: boolean;
}

/** One entry that is not simply the base's: its attributes, and its content if it is a file. Null where it vanished. */
export async function storeEntry(
  found: Found,
  before: BaseEntry | null,
  links: Map<string, Entry>,
  ports: EntryPorts,
): Promise<Done | null> {
  let now: Found | null = found;
  for (let look = 1; now !== null && look <= MAX_LOOKS; look++) {
    const done = now.stat.isFile() ? await storeFile(now, before, links, ports) : storeOther(now, ports);
    if (done !== 'changed-type') return done;
    now = ports.lstatAgain(now);
  }
  if (now === null) ports.tally.warn('vanished', found.path, 'gone between the scan and its reading');
  else ports.tally.unreadable(found.path, 'EAGAIN');
  return null;
}

function storeOther(found: Found, ports: EntryPorts): Done | 'changed-type' | null {
  try {
    const entry = entryOf(found, found.stat, ports.names);
    if (found.error !== undefined) ports.tally.unreadable(found.path, found.error);
    return { found, entry, settled: found.error === undefined };
  } catch (error) {
    const code = errnoOf(error);
    // readlink: no symlink any more.
    if (code === 'EINVAL' || code === 'ENOENT') return 'changed-type';
    if (code === 'EUNKNOWN') throw error;
    ports.tally.unreadable(found.path, code);
    return null;
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
  if (first !== undefined) return { found, entry: anotherName(found, first), settled: true };
  const known = group !== null && isUnchanged(found, before, ports.settledBefore) ? entryOfLines(before.lines) : null;
  const done =
    known === null
      ? await readFile(found, before, ports)
      : { found, entry: { ...known, path: found.path }, settled: true };
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
    if (file.problem === 'not-a-file' || file.problem === 'ENOENT') return 'changed-type';
    return unreadableFile(found, before, file.problem, ports);
  }
  try {
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
    return { found: { ...found, stat: file.stat }, entry, settled: stable };
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
  const old = before === null ? null : entryOfLines(before.lines);
  if (old?.type === 'file' && old.size !== undefined) {
    const { size, mtime, data, hash, locations } = old;
    Object.assign(entry, { size, mtime, stale: true }, data && { data }, hash && { hash }, locations && { locations });
  }
  return { found, entry, settled: false };
}
