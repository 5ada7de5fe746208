/** One file for each function: everything it needs of ours and of others, so that nothing drifts with the runtime. */

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export const FUNCTIONS = ['dispatch', 'complete', 'audit', 'reconcile'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** Where the bundle of a function lies, from the project's root. What a zip holds is named in infra/functions.yml. */
export const bundleOf = (name: FunctionName): string => `.offsite/${name}/index.mjs`;

/** Some packages are CommonJS and ask for Node's own modules by `require`. */
const REQUIRE = "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);";

/** Bundles a function; names of functions stay as they are, for stack traces. */
export async function bundle(name: FunctionName): Promise<void> {
  const { outputFiles } = await build({
    write: false,
    absWorkingDir: ROOT,
    entryPoints: [`functions/lambda/${name}.ts`],
    outfile: bundleOf(name),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    banner: { js: REQUIRE },
    logLevel: 'warning',
  });
  for (const { contents } of outputFiles) replace(join(ROOT, bundleOf(name)), contents);
}

/** Whole or not at all, and only where it differs: somebody else may be packaging the same at the same time. */
export function replace(file: string, contents: Uint8Array): void {
  if (existsSync(file) && readFileSync(file).equals(contents)) return;
  mkdirSync(dirname(file), { recursive: true });
  const made = `${file}.${process.pid}`;
  writeFileSync(made, contents);
  renameSync(made, file);
}

/** All of them. */
export async function bundleAll(): Promise<void> {
  await Promise.all(FUNCTIONS.map(bundle));
}
