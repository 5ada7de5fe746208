import ignore from 'ignore';
import type { BytePath } from '../../contract/byte-path.ts';
import { pathToText } from '../../contract/byte-path.ts';

/**
 * The `exclude` patterns of a set, in gitignore syntax, over paths as restored. A name that is not UTF-8 is matched by
 * its bytes read as Latin-1. Staged output is never excluded: a script that does not want a file does not write it.
 */
export function compileExcludes(patterns: readonly string[]): (path: BytePath, isDirectory: boolean) => boolean {
  if (patterns.length === 0) return () => false;
  const rules = ignore({ ignoreCase: false }).add([...patterns]);
  return (path, isDirectory) => rules.ignores((pathToText(path) ?? path) + (isDirectory ? '/' : ''));
}
