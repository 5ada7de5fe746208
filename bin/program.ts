/** The command line in a few files, made of its sources by bundle.ts: where it lies, and whether it is still the same. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** From the project's root. */
export const PROGRAM = '.offsite/program';
/** Beside the folders of what was bundled, each named after its digest. */
export const LIST = 'sources.json';
/** What is loaded of it first, which is at the same place below its folder as the source below the root. */
export const MAIN = 'cli/main';

/** What a bundle was made of. */
export interface Sources {
  /** From the root, packages left out: the lock file stands for them. */
  readonly files: readonly string[];
  /** SHA-256 (hex) of all of them. */
  readonly digest: string;
}

/** SHA-256 (hex) of the names, sizes and contents of these files, in this order. Throws where one cannot be read. */
export function digestOf(root: string, files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** The bundled file to load; null where there is none, or a source is not what it was, byte for byte. */
export function bundledMain(root: string): string | null {
  try {
    const { files, digest } = JSON.parse(readFileSync(join(root, PROGRAM, LIST), 'utf8')) as Sources;
    return digestOf(root, files) === digest ? join(root, PROGRAM, digest, `${MAIN}.mjs`) : null;
  } catch {
    return null;
  }
}
