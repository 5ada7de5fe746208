/**
 * MiniStack, the AWS that we did not write, in a Python environment of its own. It is made at first use in a folder that
 * git ignores. Where PyPI cannot be reached this fails and says so: without the emulator nothing here is proven.
 */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runToEnd } from './children.ts';

export const MINISTACK = 'ministack==1.5.33';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const CACHE = join(ROOT, 'node_modules/.cache/offsite-stack');
const MINUTE = 60_000;

/** The Python that has MiniStack, made where it is not there. */
export async function pythonWithMinistack(): Promise<string> {
  const home = join(CACHE, MINISTACK.replace('==', '-'));
  const python = join(home, 'bin/python');
  const mark = join(home, 'made-of.txt');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === MINISTACK) return python;

  rmSync(home, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  await runToEnd('python3', ['-m', 'venv', home], { limit: 2 * MINUTE }).catch((error: unknown) => {
    throw new Error(`the stack's tests need Python 3.10 or newer with venv (Debian: python3-venv): ${String(error)}`);
  });
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', MINISTACK];
  await runToEnd(python, install, { limit: 4 * MINUTE }).catch((error: unknown) => {
    throw new Error(`the stack's tests need ${MINISTACK} from PyPI, and it cannot be installed: ${String(error)}`);
  });
  // Last, and by a rename, so that an environment of which half was made is never taken for a whole one.
  writeFileSync(`${mark}.new`, MINISTACK);
  renameSync(`${mark}.new`, mark);
  return python;
}
