/** From what lstat says of a file to what a listing says of it. */

import { readFileSync, readlinkSync } from 'node:fs';
import { type BytePath, pathFromBytes } from '../../contract/byte-path.ts';
import type { Entry } from '../../contract/entry.ts';
import type { FileStat } from './file-stat.ts';
import type { Found } from './scan.ts';

/** Looks up the names of user and group ids. */
export interface Names {
  user(uid: number): BytePath | undefined;
  group(gid: number): BytePath | undefined;
}

/** Names from files of the form of /etc/passwd and /etc/group; an unreadable file knows none. */
export function readNames(passwd = '/etc/passwd', group = '/etc/group'): Names {
  const users = readTable(passwd);
  const groups = readTable(group);
  return { user: (uid) => users.get(uid), group: (gid) => groups.get(gid) };
}

function readTable(file: string): Map<number, BytePath> {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch {
    return new Map();
  }
  const table = new Map<number, BytePath>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name === undefined || id === undefined || !/^\d+$/.test(id) || table.has(Number(id))) continue;
    table.set(Number(id), name as BytePath);
  }
  return table;
}

/** `seconds.nanoseconds`; the seconds are the floor, so that nanoseconds count forward also before 1970. */
export function mtimeText(mtimeNs: bigint): string {
  const billion = 1_000_000_000n;
  if (mtimeNs >= billion) {
    const digits = String(mtimeNs);
    return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
  }
  const nanoseconds = ((mtimeNs % billion) + billion) % billion;
  return `${(mtimeNs - nanoseconds) / billion}.${String(nanoseconds).padStart(9, '0')}`;
}

/** What may be newer than what was found: a file's is taken from its open handle. */
type NewerStat = Pick<FileStat, 'mode' | 'uid' | 'gid' | 'mtimeNs'>;

/** The entry without content. */
export function entryOf(found: Found, stat: NewerStat, names: Names): Entry {
  const { type } = found.stat;
  const { mode, uid, gid } = stat;
  const user = names.user(uid);
  const group = names.group(gid);
  const entry: Entry = {
    path: found.path,
    root: found.root,
    type,
    mode,
    uid,
    gid,
    mtime: mtimeText(stat.mtimeNs),
  };
  if (user !== undefined) entry.user = user;
  if (group !== undefined) entry.group = group;
  if (type === 'symlink') entry.target = pathFromBytes(readlinkSync(found.file, { encoding: 'buffer' }));
  if (type === 'char' || type === 'block') entry.device = deviceNumbers(found.stat.rdev);
  if (found.error !== undefined) entry.error = found.error;
  return entry;
}

/** Major and minor of Linux's 64-bit dev_t, as glibc's gnu_dev_major and gnu_dev_minor take it apart. */
function deviceNumbers(rdev: bigint): [number, number] {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return [Number(major & 0xffffffffn), Number(minor & 0xffffffffn)];
}
