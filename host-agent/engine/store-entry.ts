/**
 * One entry that is not simply the base's, but for its content: its attributes, and what becomes of it where it changes
 * meanwhile or cannot be read. That costs this entry alone and is noted.
 */

import type { Entry } from '../../contract/entry.ts';
import { entryOf, type Names } from '../source/attributes.ts';
import type { FileStat } from '../source/file-stat.ts';
import { errnoOf, type Found, isGone, type Unseen } from '../source/scan.ts';
import type { BaseEntry, Stamp } from '../state/entry-blocks.ts';
import { entryOfLines } from './base-cursor.ts';
import type { FileRead } from './batch.ts';
import type { RunTally } from './tally.ts';

export interface EntryPorts {
  readonly names: Names;
  readonly tally: RunTally;
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
export const isLinked = ({ stat }: Found): boolean => stat.nlink > 1 && stat.type === 'file';

export interface Done {
  entry: Entry;
  stamp: Stamp;
  /** False where content was not read whole and stable. */
  settled: boolean;
  /** The base's entry, where this one is unchanged and probably has the same lines. */
  before?: BaseEntry;
  /** Numbers of the content's chunks, which hash and locations are made of when all of them are located. */
  chunks?: readonly number[];
}

type AnyStat = Pick<FileStat, 'size' | 'mtimeNs' | 'ctimeNs' | 'ino'>;
export const stampOfStat = ({ size, mtimeNs, ctimeNs, ino }: AnyStat): Stamp => ({
  size,
  mtimeNs,
  ctimeNs,
  inode: ino,
});
/** The base's, as plain values. */
export const stampOfBase = ({ size, mtimeNs, ctimeNs, inode }: Stamp): Stamp => ({ size, mtimeNs, ctimeNs, inode });
const NO_STAMP: Stamp = { size: 0n, mtimeNs: 0n, ctimeNs: 0n, inode: 0n };

/** What it is cannot be told now: what the base knows of it, else only that there is something. */
export function unseenEntry({ path, root, error }: Unseen, before: BaseEntry | null, { tally }: EntryPorts): Done {
  tally.unreadable(path, error);
  if (before !== null) return { entry: staleEntry(before, error), stamp: stampOfBase(before), settled: false };
  const entry: Entry = { path, root, type: 'file', mode: 0, uid: 0, gid: 0, mtime: '0.000000000', size: 0, error };
  return { entry, stamp: NO_STAMP, settled: false };
}

/** The base's entry of what cannot be read now. The content of a file, if it has any, is of an earlier time. */
export function staleEntry(before: BaseEntry, error: string): Entry {
  const entry = entryOfLines(before.lines);
  const hasContent = entry.type === 'file' && (entry.error === undefined || entry.stale === true);
  return { ...entry, error, ...(hasContent ? { stale: true } : {}) };
}

/** What is no file. `replaced`: it is something else by now. */
export function otherEntry(found: Found, before: BaseEntry | null, ports: EntryPorts): Done | 'replaced' {
  try {
    const entry = entryOf(found, found.stat, ports.names);
    if (found.error !== undefined) ports.tally.unreadable(found.path, found.error);
    return { entry, stamp: stampOfStat(found.stat), settled: found.error === undefined };
  } catch (error) {
    const code = errnoOf(error);
    // readlink: no symlink any more.
    if (code === 'EINVAL' || isGone(code)) return 'replaced';
    if (code === 'EUNKNOWN') throw error;
    return unseenEntry({ ...found, stat: null, error: code }, before, ports);
  }
}

/** A file whose content was read; attributes are those of the moment it was opened. */
export function readEntry(found: Found, read: FileRead, { names, tally }: EntryPorts): Done {
  const stat = read.stat ?? found.stat;
  const entry = entryOf(found, stat, names);
  entry.size = read.end;
  if (read.data !== undefined) entry.data = read.data.map(([offset, length]) => [offset, length]);
  if (read.unstable) {
    entry.unstable = true;
    tally.warn('unstable', found.path, 'changed while it was read, twice');
  }
  tally.changedFiles++;
  return { entry, stamp: stampOfStat(stat), settled: !read.unstable, chunks: read.chunks };
}

/** The content could not be read: the base's, marked stale, is better than none. */
export function unreadableEntry(found: Found, before: BaseEntry | null, code: string, ports: EntryPorts): Done {
  ports.tally.unreadable(found.path, code);
  const entry = entryOf(found, found.stat, ports.names);
  entry.size = Number(found.stat.size);
  entry.error = code;
  const old = before === null ? null : staleEntry(before, code);
  if (old?.stale) {
    const { size, mtime, data, hash, locations } = old;
    Object.assign(entry, { size, mtime, stale: true }, data && { data }, hash && { hash }, locations && { locations });
  }
  return { entry, stamp: stampOfStat(found.stat), settled: false };
}

/** A file that has not changed, from its lines in the base: its group's first path may be another one now. */
export const knownEntry = (found: Found, before: BaseEntry): Done => ({
  entry: { ...entryOfLines(before.lines), path: found.path },
  stamp: stampOfStat(found.stat),
  settled: true,
  before,
});

/** A further name of a file that this run has seen: the same content and attributes under another path. */
export function anotherName(found: Found, first: Done, before: BaseEntry | null): Done {
  const entry = { ...first.entry, path: found.path, root: found.root };
  const { before: _, ...content } = first;
  return { ...content, entry, stamp: stampOfStat(found.stat), settled: true, ...(before === null ? {} : { before }) };
}
