import ignore, { type Ignore } from 'ignore';
import { type BytePath, isUnder, parentPath, pathToText } from '../../contract/byte-path.ts';

/** The library remembers every path that it was asked about; it is made anew after so many. */
const MAX_ASKED = 50_000;

/**
 * The `exclude` patterns of a set, in gitignore syntax, over paths as restored. A name that is not UTF-8 is matched by
 * its bytes read as Latin-1. Staged output is never excluded: a script that does not want a file does not write it. A
 * configured path (`roots`) that lies in an excluded folder is backed up all the same, and what lies beneath it is held
 * against the patterns as if that folder were none.
 */
export function compileExcludes(
  patterns: readonly string[],
  roots: readonly BytePath[],
): (path: BytePath, isDirectory: boolean) => boolean {
  if (patterns.length === 0) return () => false;
  const everywhere = new Rules(patterns);
  const beneath = roots
    .filter((root) => aboveAndSelf(root).some((folder) => everywhere.exclude(folder, true)))
    .map((root) => ({ root, rules: new Rules([...patterns, ...aboveAndSelf(root).map(reincluded)]) }))
    .sort((one, other) => other.root.length - one.root.length);
  return (path, isDirectory) => {
    const found = beneath.find(({ root }) => isUnder(path, root));
    return (found?.rules ?? everywhere).exclude(path, isDirectory);
  };
}

class Rules {
  readonly #patterns: readonly string[];
  #rules: Ignore;
  #asked = 0;

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns;
    this.#rules = ignore({ ignoreCase: false }).add([...patterns]);
  }

  exclude(path: BytePath, isDirectory: boolean): boolean {
    if (++this.#asked > MAX_ASKED) {
      this.#rules = ignore({ ignoreCase: false }).add([...this.#patterns]);
      this.#asked = 0;
    }
    return this.#rules.ignores(text(path) + (isDirectory ? '/' : ''));
  }
}

const text = (path: BytePath): string => pathToText(path) ?? path;

/** The folders that lead to a path, from the top, and the path. */
function aboveAndSelf(path: BytePath): BytePath[] {
  const above: BytePath[] = [];
  for (let at = path; at !== ''; at = parentPath(at)) above.unshift(at);
  return above;
}

/** A pattern that takes this folder back in: every character that means something is escaped. */
const reincluded = (path: BytePath): string => `!/${text(path).replace(/[\\*?[\]!# ]/g, '\\$&')}`;
