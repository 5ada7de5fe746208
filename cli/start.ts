/**
 * What bin/offsite runs: the command line, with what its sources compile to kept from start to start, where the
 * checkout may be written. Never under the temporary directory, where anybody could lay down code for root to run.
 */

import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)));
await import('./main.ts');
