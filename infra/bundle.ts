/** One file for each function: everything it needs of ours and of others, so that nothing drifts with the runtime. */

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
  await build({
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
}

/** All of them. */
export async function bundleAll(): Promise<void> {
  await Promise.all(FUNCTIONS.map(bundle));
}
