/** The command line in a few files, made of its sources by bundle.ts: where it lies, and whether it is still the same. */

import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** From the project's root. */
export const PROGRAM = '.offsite/program';
/** Beside the folders of what was bundled, each named after its digest. */
export const LIST = 'sources.json';
/** What is loaded of it first, which is at the same place below its folder as the source below the root. */
export const MAIN = 'cli/main';
/** What runs either; bundled too, so that nothing is compiled to find out. */
export const START = 'bin/start.ts';

/** What a bundle was made of. */
export interface Sources {
  /** From the root, packages left out: the lock file stands for them. */
  readonly files: readonly string[];
  /** SHA-256 (hex) of all of them. */
  readonly digest: string;
}

/** SHA-256 (hex) of the names, sizes and contents of these files, in this order. Throws what `read` throws. */
export function digestOf(files: readonly string[], read: (file: string) => Uint8Array): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = read(file);
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** What the bundle was made of; null where there is none. */
export function sourcesOf(root: string): Sources | null {
  try {
    return JSON.parse(readFileSync(join(root, PROGRAM, LIST), 'utf8')) as Sources;
  } catch {
    return null;
  }
}

/** The bundled file to load; null where there is none, or a source is not what it was, byte for byte. */
export function bundledMain(root: string): string | null {
  const sources = sourcesOf(root);
  if (sources === null) return null;
  try {
    const digest = digestOf(sources.files, (file) => readFileSync(join(root, file)));
    const main = join(root, PROGRAM, digest, `${MAIN}.mjs`);
    accessSync(main, constants.R_OK);
    // It finds the project from where it lies.
    return digest === sources.digest && realpathSync(main) === main ? main : null;
  } catch {
    return null;
  }
}
