/**
 * Puts the sources of the command line, and what they use of packages, into a few files: loading some 300 modules one by
 * one is a third of a small backup's time. `npm ci` runs this; without it, or after a source has changed, the sources
 * are run as they are (start.ts).
 */

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { digestOf, LIST, MAIN, PROGRAM, type Sources } from './program.ts';

/** What is started in a thread of its own. */
const THREADS = ['host-agent/engine/worker', 'host-agent/restore/worker'];

/** Earlier ones may still be running; none does for longer. */
const KEPT = 7 * 24 * 3_600_000;

/** Where a bundled file finds the project and its own folder; some packages are CommonJS and ask for `require`. */
const BANNER = `import { createRequire as __requireOf } from 'node:module';
const require = __requireOf(import.meta.url);
const __programAt = import.meta.url.lastIndexOf('${PROGRAM}/');
const __projectUrl = import.meta.url.slice(0, __programAt);
const __programUrl = import.meta.url.slice(0, import.meta.url.indexOf('/', __programAt + ${PROGRAM.length + 1}) + 1);`;

const COMMON = {
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  mainFields: ['module', 'main'],
  // Lines stay as they are, for stack traces.
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** A source names other files by where it lies itself. */
function placesOf(root: string): Plugin {
  const moved = (file: string) => (_: string, name: string) => {
    const target = join(dirname(relative(root, file)), name)
      .split(sep)
      .join('/');
    const thread = THREADS.find((one) => `${one}.ts` === target);
    return thread === undefined ? `new URL('${target}', __projectUrl)` : `new URL('${thread}.mjs', __programUrl)`;
  };
  return {
    name: 'places',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const source = readFileSync(path, 'utf8').replace(/new URL\('([^']+)', import\.meta\.url\)/g, moved(path));
        return { contents: source, loader: 'ts' };
      });
    },
  };
}

/** Makes the bundle of the project at `root`; others may do so at the same time, and run it meanwhile. */
async function bundleProgram(root: string): Promise<void> {
  const outdir = join(root, PROGRAM, 'new');
  const { outputFiles, metafile } = await build({
    ...COMMON,
    absWorkingDir: root,
    entryPoints: [MAIN, ...THREADS].map((entry) => `${entry}.ts`),
    ...{ outdir, outbase: root, splitting: true, metafile: true, plugins: [placesOf(root)] },
    banner: { js: BANNER },
  });
  const start = await build({ ...COMMON, absWorkingDir: root, entryPoints: ['bin/start.ts'] });
  const ours = Object.keys(metafile.inputs).filter((file) => !/(?:^|\/)node_modules\//.test(file));
  const files = [...ours.sort(), 'bin/bundle.ts', 'bin/program.ts', 'bin/start.ts', 'package-lock.json'];
  const sources: Sources = { files, digest: digestOf(root, files) };
  for (const { path, contents } of outputFiles) {
    replace(join(root, PROGRAM, sources.digest, relative(outdir, path)), contents);
  }
  replace(join(root, PROGRAM, 'start.mjs'), start.outputFiles[0]?.contents ?? new Uint8Array());
  replace(join(root, PROGRAM, LIST), JSON.stringify(sources));
  for (const { name } of readdirSync(join(root, PROGRAM), { withFileTypes: true }).filter((one) => one.isDirectory())) {
    const folder = join(root, PROGRAM, name);
    if (name !== sources.digest && statSync(folder).mtimeMs < Date.now() - KEPT) rmSync(folder, { recursive: true });
  }
}

/** Whole or not at all. */
function replace(file: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  const made = `${file}.${process.pid}`;
  writeFileSync(made, contents);
  renameSync(made, file);
}

await bundleProgram(fileURLToPath(new URL('..', import.meta.url)));
