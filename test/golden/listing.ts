/** What a directory holds, as data: for the golden repositories, and compared with what was written down for them. */

import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Listed {
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  readonly mode: string;
  /** Seconds and nanoseconds; null for symlinks, whose time Node cannot set. */
  readonly mtime: string | null;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  /** The first of several names of the file. */
  readonly link?: string;
}

/** By path, below the directory, as bytes in Latin-1 where it is not UTF-8. Directories that only lead there count too. */
export function listingOf(top: string): Record<string, Listed> {
  const listed: Record<string, Listed> = {};
  const first = new Map<bigint, string>();
  const walk = (folder: Buffer, above: string) => {
    for (const name of readdirSync(folder, { encoding: 'buffer' }).sort(Buffer.compare)) {
      const file = Buffer.concat([folder, Buffer.from('/'), name]);
      const path = above + textOf(name);
      const stat = lstatSync(file, { bigint: true });
      const mode = (stat.mode & 0o7777n).toString(8).padStart(4, '0');
      const second = stat.mtimeNs / 1_000_000_000n - (stat.mtimeNs % 1_000_000_000n < 0n ? 1n : 0n);
      const mtime = `${second}.${(stat.mtimeNs - second * 1_000_000_000n).toString().padStart(9, '0')}`;
      if (stat.isDirectory()) {
        listed[path] = { type: 'directory', mode, mtime };
        walk(file, `${path}/`);
      } else if (stat.isSymbolicLink()) {
        listed[path] = {
          type: 'symlink',
          mode,
          mtime: null,
          target: textOf(readlinkSync(file, { encoding: 'buffer' })),
        };
      } else if (stat.isFile()) {
        const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
        const link = stat.nlink > 1n ? { link: first.get(stat.ino) ?? path } : {};
        if (!first.has(stat.ino)) first.set(stat.ino, path);
        listed[path] = { type: 'file', mode, mtime, size: Number(stat.size), sha256, ...link };
      } else listed[path] = { type: 'other', mode, mtime };
    }
  };
  walk(Buffer.from(top), '');
  return listed;
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : bytes.toString('latin1');
}
