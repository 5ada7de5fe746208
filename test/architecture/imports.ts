/** What a source imports: statically, dynamically, for types alone, and as a worker's file. */

import type { Token } from './tokens.ts';

export interface Import {
  /** As written; null where a dynamic import's is not a plain text. */
  readonly specifier: string | null;
  /** The exported names that it takes; empty where it takes the module as a whole. */
  readonly names: readonly string[];
  readonly line: number;
}

const isText = (token: Token | undefined) =>
  token?.kind === 'text' || (token?.kind === 'template' && !token.value.includes('${'));
const is = (token: Token | undefined, value: string) =>
  token !== undefined && token.value === value && (token.kind === 'sign' || token.kind === 'word');

export function importsOf(tokens: readonly Token[]): Import[] {
  const found: Import[] = [];
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'word' || is(tokens[i - 1], '.') || is(tokens[i - 1], '?.')) continue;
    const next = tokens[i + 1];
    const { line } = token;
    const called = (at: number) => {
      const argument = tokens[at];
      const isPlain = isText(argument) && (is(tokens[at + 1], ')') || is(tokens[at + 1], ','));
      found.push({ specifier: isPlain ? (argument?.value ?? null) : null, names: [], line });
    };
    if (token.value === 'import' && is(next, '(')) called(i + 2);
    else if (token.value === 'import' && isText(next)) found.push({ specifier: next?.value ?? null, names: [], line });
    else if (token.value === 'import' && is(next, '.')) {
      if (is(tokens[i + 3], '.') && is(tokens[i + 4], 'resolve')) called(i + 6);
    } else if (token.value === 'import' && !is(next, ':')) found.push(fromClause(tokens, i + 1));
    else if (token.value === 'export' && isReexport(tokens, i + 1)) found.push(fromClause(tokens, i + 1));
    else if (token.value === 'require' && is(next, '(')) called(i + 2);
    else if (token.value === 'URL' && is(next, '(') && isSourceBesideThis(tokens, i + 2)) called(i + 2);
  }
  return found;
}

/** `URL('x.ts', import.meta.url)`: a worker's file. */
function isSourceBesideThis(tokens: readonly Token[], at: number): boolean {
  const isSource = isText(tokens[at]) && /\.[cm]?[jt]s$/.test(tokens[at]?.value ?? '');
  return isSource && [',', 'import', '.', 'meta', '.', 'url'].every((value, i) => is(tokens[at + 1 + i], value));
}

function isReexport(tokens: readonly Token[], at: number): boolean {
  const begin = is(tokens[at], 'type') ? at + 1 : at;
  if (is(tokens[begin], '*')) return true;
  if (!is(tokens[begin], '{')) return false;
  const end = tokens.findIndex((token, i) => i > begin && is(token, '}'));
  return is(tokens[end + 1], 'from');
}

/** From behind `import` or `export` up to `from 'specifier'`. */
function fromClause(tokens: readonly Token[], begin: number): Import {
  const from = tokens.findIndex((token, i) => i >= begin && is(token, 'from') && isText(tokens[i + 1]));
  const { line } = tokens[begin] as Token;
  const specifier = tokens[from + 1]?.value;
  if (from < 0 || specifier === undefined) throw new SyntaxError(`line ${line}: an import from nowhere`);
  const clause = tokens.slice(begin, from);
  const open = clause.findIndex((token) => is(token, '{'));
  const words = open < 0 ? [] : clause.slice(open + 1);
  const names = words.filter((token, i) => {
    const before = words[i - 1];
    const isName = token.kind === 'word' || token.kind === 'text';
    const isFirst = before === undefined || is(before, ',') || (is(before, 'type') && !is(token, 'as'));
    const isModifier = is(token, 'type') && words[i + 1]?.kind === 'word' && !is(words[i + 1], 'as');
    return isName && isFirst && !isModifier;
  });
  return { specifier, names: names.map(({ value }) => value), line };
}
