/** Compares two trees entry by entry: names, types, content, modes, owners, times, links. */

import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

export interface Comparison {
  readonly entries: number;
  readonly bytes: number;
  /** What differs, `path: how`. */
  readonly differences: string[];
}

/** Restored times may differ by what a double of seconds cannot hold. */
const TIME_TOLERANCE_NS = 1000n;

/** `before` and `after` are directories; their own attributes are compared too. */
export function compareTrees(before: string, after: string): Comparison {
  const differences: string[] = [];
  const inodes = new Map<bigint, bigint>();
  let [entries, bytes] = [0, 0];
  const pending: Buffer[] = [Buffer.alloc(0)];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const [a, b] = [at(before, path), at(after, path)];
    const one = lstatSync(a, { bigint: true });
    const other = lstatSync(b, { bigint: true, throwIfNoEntry: false });
    const differs = (how: string) => differences.push(`${path?.toString() || '.'}: ${how}`);
    entries++;
    if (other === undefined) {
      differs('missing');
      continue;
    }
    if (one.mode !== other.mode) differs(`mode ${one.mode.toString(8)}, restored ${other.mode.toString(8)}`);
    if (one.uid !== other.uid || one.gid !== other.gid) differs('another owner');
    const skew = one.mtimeNs - other.mtimeNs;
    if (skew > TIME_TOLERANCE_NS || skew < -TIME_TOLERANCE_NS) differs(`mtime differs by ${skew} ns`);
    if (one.isSymbolicLink() && readlinkSync(a) !== readlinkSync(b)) differs('another target');
    if (one.isFile()) {
      bytes += Number(one.size);
      if (one.size !== other.size || !sameContent(a, b)) differs('another content');
      // Names of one file before must be names of one file after.
      const twin = inodes.get(one.ino) ?? other.ino;
      inodes.set(one.ino, twin);
      if (twin !== other.ino) differs('no longer the same file as its other name');
    }
    if (!one.isDirectory()) continue;
    const [names, restored] = [namesIn(a), namesIn(b)];
    for (const name of restored) if (!names.has(name)) differs(`more than there was: ${name}`);
    for (const name of names) pending.push(Buffer.concat([path, Buffer.from('/'), Buffer.from(name, 'latin1')]));
  }
  return { entries, bytes, differences };
}

const at = (folder: string, path: Buffer) => Buffer.concat([Buffer.from(folder), path]);

const namesIn = (folder: Buffer) => new Set(readdirSync(folder, { encoding: 'latin1' }));

function sameContent(one: Buffer, other: Buffer): boolean {
  const [a, b] = [openSync(one, 'r'), openSync(other, 'r')];
  const [left, right] = [Buffer.alloc(2 ** 20), Buffer.alloc(2 ** 20)];
  try {
    for (;;) {
      const [read, again] = [readSync(a, left), readSync(b, right)];
      if (read !== again || left.compare(right, 0, again, 0, read) !== 0) return false;
      if (read === 0) return true;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
