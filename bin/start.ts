/**
 * What bin/offsite runs: the command line, bundled where that was made of these very sources, else the sources. What it
 * compiles to is kept from start to start, where the checkout may be written: for each command by itself, because only
 * what the first one uses is ever kept of a file. Never under the temporary directory, where anybody could lay down code
 * for root to run.
 */

import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundledMain, MAIN } from './program.ts';

// Here, or bundled as .offsite/program/start.mjs.
const root = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '..' : '../..', import.meta.url));
const command = process.argv.slice(2).find((word) => existsSync(join(root, 'cli/commands', `${word}.ts`)));
enableCompileCache(join(root, 'node_modules/.cache/compile', command ?? 'help'));
const main = bundledMain(root) ?? join(root, `${MAIN}.ts`);
await import(pathToFileURL(main).href);
