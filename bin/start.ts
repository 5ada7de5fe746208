/**
 * What bin/offsite runs: the command line, bundled where that was made of these very sources, else the sources. What it
 * compiles to is kept from start to start in the checkout, where that may be written, unless $NODE_COMPILE_CACHE says
 * where: never under the temporary directory, where anybody could lay down code for root to run. Of a bundled file it is
 * kept for each command by itself, because only what the first one loads is ever kept.
 */

import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundledMain, MAIN, START } from './program.ts';

// Here, or bundled as .offsite/program/start.mjs.
const isSource = import.meta.url.endsWith('.ts');
const root = fileURLToPath(new URL(isSource ? '..' : '../..', import.meta.url));
const isCommand = (word: string) => /^[a-z]+$/.test(word) && existsSync(join(root, 'cli/commands', `${word}.ts`));
enableCompileCache(join(root, 'node_modules/.cache/compile', process.argv.slice(2).find(isCommand) ?? 'help'));
// Bundled, this may be older than the source of it.
const main = bundledMain(root) ?? join(root, isSource ? `${MAIN}.ts` : START);
await import(pathToFileURL(main).href);
