/** What happens to a corpus between two backups, the same for everybody. */

import { closeSync, openSync, readdirSync, statSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Stream } from './corpora.ts';

const BLOCK = 64 * 1024;
/** Files above it change in places, smaller ones as a whole. */
const LARGE = 16 << 20;

/** All regular files below `folder`, in order of their paths. Links are not followed: they may lead out of it. */
export function filesBelow(folder: string): string[] {
  const files: string[] = [];
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) files.push(path);
    }
  }
  return files.sort();
}

/** The size of all of them together. */
export function bytesBelow(folder: string): number {
  return filesBelow(folder).reduce((sum, file) => sum + statSync(file).size, 0);
}

/** Every modification time becomes `when`; no content changes. */
export function touchAll(files: readonly string[], when: Date): void {
  for (const file of files) utimesSync(file, when, when);
}

/** One file in so many (100: 1 %) is written anew, and of large files one block in so many. */
export function changePart(files: readonly string[], oneIn: number, seed: string): void {
  const stream = new Stream(seed);
  for (const file of files) {
    const { size } = statSync(file);
    if (size >= LARGE) {
      const descriptor = openSync(file, 'r+');
      // In runs of sixteen blocks, as the pages of a table that was worked on.
      for (let left = Math.ceil(size / BLOCK / oneIn / 16); left > 0; left--)
        writeSync(
          descriptor,
          stream.bytes(BLOCK * 16),
          0,
          BLOCK * 16,
          stream.below(Math.floor(size / BLOCK) - 16) * BLOCK,
        );
      closeSync(descriptor);
    } else if (stream.below(oneIn) === 0) {
      const descriptor = openSync(file, 'w');
      writeSync(descriptor, stream.bytes(Math.max(1, size)));
      closeSync(descriptor);
    }
  }
}
