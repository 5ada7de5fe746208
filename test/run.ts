/**
 * All tests but the simulations, or those under the paths that are named:
 *
 *   npm test [-- test/pgp test/cli/restore.test.ts --name 'text of a test']
 *   npm run test:simulation
 *
 * Every file is a process of its own, as many at a time as there are cores; one that does not end in time is killed with
 * all that it started. Exits 1 where a test failed or none ran. The last line is `N passed, N failed[, N skipped]`.
 */

import { globSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { type FileResult, type RunOptions, runFile } from './runner/run-file.ts';
import { describeAll, describeFile } from './runner/summary.ts';
import { seedOfTests } from './simulation/seed.ts';

const ROOT = join(import.meta.dirname, '..');
/** Minutes of simulated fleets: a step of its own in CI. */
const APART = join(ROOT, 'test/simulation') + sep;
const FILE_TIMEOUT = 10 * 60_000;

/** The test files under these paths, all but the simulations where none is named. Throws where a path has none: a mistyped one tests nothing. */
function testFiles(paths: readonly string[]): string[] {
  const all = globSync('test/**/*.test.ts', { cwd: ROOT })
    .map((file) => join(ROOT, file))
    .sort();
  if (paths.length === 0) return all.filter((file) => !file.startsWith(APART));
  const chosen = new Set<string>();
  for (const path of paths) {
    const wanted = resolve(path);
    const found = statSync(wanted, { throwIfNoEntry: false })?.isFile()
      ? [wanted]
      : all.filter((file) => file.startsWith(wanted + sep));
    if (found.length === 0) throw new Error(`${path} has no tests`);
    for (const file of found) chosen.add(file);
  }
  return [...chosen];
}

async function runAll(files: readonly string[], options: RunOptions): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const waiting = [...files];
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined && !options.signal?.aborted; file = waiting.shift()) {
      const result = await runFile(file, options);
      results.push(result);
      process.stdout.write(`${describeFile(result, ROOT)}\n`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { name: { type: 'string' }, timeout: { type: 'string' } },
  });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const timeout = values.timeout === undefined ? FILE_TIMEOUT : Number(values.timeout) * 1000;
  const only = values.name === undefined ? {} : { only: values.name };
  const files = testFiles(positionals);
  if (files.some((file) => file.startsWith(APART))) process.stdout.write(`simulations: seed ${seedOfTests()}\n`);
  const results = await runAll(files, { timeout, signal: stop.signal, ...only });
  process.stdout.write(`${describeAll(results, ROOT)}\n`);
  const isGood = results.some(({ passed }) => passed > 0) && results.every(({ failed }) => failed.length === 0);
  return isGood && !stop.signal.aborted ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stdout.write('0 passed, 0 failed\n');
  return 1;
});
