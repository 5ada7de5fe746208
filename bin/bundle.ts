/**
 * Puts the sources of the command line, and what they use of packages, into a few files: loading some 300 modules one by
 * one is a third of a small backup's time. `npm ci` runs this; without it, or after a source has changed, the sources
 * are run as they are (start.ts).
 */

import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { replace } from '../infra/bundle.ts';
import { digestOf, LIST, MAIN, PROGRAM, type Sources, START, sourcesOf } from './program.ts';

/** What is started in a thread of its own. */
const THREADS = ['host-agent/engine/worker', 'host-agent/restore/worker'];

/** Milliseconds that a bundle is kept after another one took its place: somebody may still be running it. */
const KEPT = 30 * 24 * 3_600_000;

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
  // Not minified any further, for stack traces.
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** The project's files as they are bundled, from its root: read once, whatever becomes of them meanwhile. */
class SourceFiles {
  readonly #root: string;
  readonly #contents = new Map<string, Buffer>();

  constructor(root: string) {
    this.#root = root;
  }

  read(file: string): Buffer {
    const content = this.#contents.get(file) ?? readFileSync(join(this.#root, file));
    this.#contents.set(file, content);
    return content;
  }

  /** Has them read here, and what a source names by where it lies itself found from where it will lie. */
  plugin(): Plugin {
    return {
      name: 'sources',
      setup: ({ onLoad }) => {
        onLoad({ filter: /\.ts$/ }, ({ path }) => {
          const file = relative(this.#root, path).split(sep).join('/');
          return { contents: moved(file, this.read(file).toString()), loader: 'ts' };
        });
      },
    };
  }
}

function moved(file: string, source: string): string {
  if (file === START) return source;
  const text = source.replace(/new URL\('([^']+)', import\.meta\.url\)/g, (_, name: string) => {
    const target = posix.join(posix.dirname(file), name);
    const thread = THREADS.find((one) => `${one}.ts` === target);
    if (thread !== undefined) return `new URL('${thread}.mjs', __programUrl)`;
    if (target.endsWith('worker.ts')) throw new Error(`${file}: ${target} is none of the THREADS`);
    return `new URL('${target}', __projectUrl)`;
  });
  if (text.includes('import.meta.'))
    throw new Error(`${file} names its own place in a way that is not understood here`);
  return text;
}

/** Makes the bundle of the project at `root`; others may do so at the same time, and run it meanwhile. */
async function bundleProgram(root: string): Promise<void> {
  const source = new SourceFiles(root);
  const others = ['bin/bundle.ts', 'bin/program.ts', START, 'package-lock.json'];
  for (const file of others) source.read(file);
  const outdir = join(root, PROGRAM, 'new');
  const { outputFiles, metafile } = await build({
    ...COMMON,
    absWorkingDir: root,
    entryPoints: [MAIN, ...THREADS].map((entry) => `${entry}.ts`),
    ...{ outdir, outbase: root, splitting: true, metafile: true, plugins: [source.plugin()] },
    banner: { js: BANNER },
  });
  const start = await build({ ...COMMON, absWorkingDir: root, entryPoints: [START], plugins: [source.plugin()] });
  const ours = Object.keys(metafile.inputs).filter((file) => !/(?:^|\/)node_modules\//.test(file));
  const files = [...ours.sort(), ...others];
  const made: Sources = { files, digest: digestOf(files, (file) => source.read(file)) };
  for (const { path, contents } of outputFiles) {
    replace(join(root, PROGRAM, made.digest, relative(outdir, path)), contents);
  }
  replace(join(root, PROGRAM, 'start.mjs'), start.outputFiles[0]?.contents ?? new Uint8Array());
  const before = sourcesOf(root);
  replace(join(root, PROGRAM, LIST), Buffer.from(JSON.stringify(made)));
  const now = new Date();
  if (before !== null && before.digest !== made.digest) touch(join(root, PROGRAM, before.digest), now);
  removeOld(join(root, PROGRAM), made.digest, now);
}

function removeOld(program: string, current: string, now: Date): void {
  const folders = readdirSync(program, { withFileTypes: true }).filter((one) => one.isDirectory());
  for (const { name } of folders.filter((one) => one.name !== current)) {
    const folder = join(program, name);
    const kept = statSync(folder, { throwIfNoEntry: false });
    if (kept !== undefined && kept.mtimeMs < +now - KEPT) rmSync(folder, { recursive: true, force: true });
  }
}

/** Its age counts from here on. */
function touch(folder: string, now: Date): void {
  try {
    utimesSync(folder, now, now);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

await bundleProgram(fileURLToPath(new URL('..', import.meta.url)));
