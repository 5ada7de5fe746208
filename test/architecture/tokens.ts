/**
 * The tokens of a TypeScript source, as far as it takes to find imports and names: comments are gone, and what stands in
 * texts, templates and regular expressions is no name. Throws on what it cannot read, rather than pass over it.
 */

export interface Token {
  readonly kind: 'word' | 'text' | 'template' | 'regex' | 'number' | 'sign';
  /** Of a text and of a template without `${}`, what it says; else the source. */
  readonly value: string;
  readonly line: number;
}

const SPACE = /(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)+/uy;
const WORD = /[#@]?[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /\.?\d(?:[eE][+-]|[\w.])*/uy;
const TEXT = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/uy;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/uy;
const CHARACTERS = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/uy;
const SIGN = /\.\.\.|\?\.(?!\d)|=>|\+\+|--|[{}()[\];,<>.=+\-*/%&|^!~?:]/uy;

/** After these a slash begins a regular expression; after other words, and after what ends a value, it divides. */
const BEFORE_VALUE = new Set(
  'return typeof case in of delete void throw new instanceof yield await else do'.split(' '),
);
const ENDS_VALUE = new Set([')', ']', '}', '++', '--']);

export function tokenize(source: string, name: string): Token[] {
  const tokens: Token[] = [];
  /** For each open `{`, whether it is a template's `${`. */
  const braces: boolean[] = [];
  let at = source.startsWith('#!') ? source.indexOf('\n') : 0;

  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0] ?? null;
    if (found !== null) at += found.length;
    return found;
  };
  let counted = 0;
  let line = 1;
  const add = (kind: Token['kind'], value: string, start: number) => {
    for (; counted < start; counted++) if (source[counted] === '\n') line++;
    tokens.push({ kind, value, line });
  };
  const endsValue = () => {
    const last = tokens.at(-1);
    if (last === undefined) return false;
    return last.kind === 'sign' ? ENDS_VALUE.has(last.value) : !BEFORE_VALUE.has(last.value);
  };
  /** Characters of a template up to its end or its next `${`. */
  const template = (start: number) => {
    const characters = take(CHARACTERS) ?? '';
    const isWhole = source[start] === '`';
    if (source[at] === '`') {
      at++;
      add('template', isWhole ? characters : source.slice(start, at), start);
    } else {
      at += 2;
      braces.push(true);
      add('template', source.slice(start, at), start);
    }
  };

  const next = (start: number): boolean => {
    const character = source[start];
    if (character === '`' || (character === '}' && braces.at(-1) === true)) {
      if (character === '}') braces.pop();
      at++;
      template(start);
      return true;
    }
    const kinds: [Token['kind'], RegExp][] = [
      ['text', TEXT],
      ['word', WORD],
      ['number', NUMBER],
      ['sign', SIGN],
    ];
    if (character === '/' && !endsValue()) kinds.unshift(['regex', REGEX]);
    for (const [kind, pattern] of kinds) {
      const found = take(pattern);
      if (found === null) continue;
      if (found === '{') braces.push(false);
      if (found === '}') braces.pop();
      add(kind, kind === 'text' ? unescaped(found.slice(1, -1)) : found, start);
      return true;
    }
    return false;
  };

  take(SPACE);
  while (at < source.length) {
    if (!next(at)) {
      const place = source.slice(0, at).split('\n').length;
      throw new SyntaxError(`${name}:${place}: cannot read ${JSON.stringify(source.slice(at, at + 20))}`);
    }
    take(SPACE);
  }
  return tokens;
}

/** `./\x78.ts` is `./x.ts`. */
function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]+)\}|(\n)|([\s\S]))/g, (_, ...found) => {
    const [x, u, point, newline, other] = found as (string | undefined)[];
    const code = x ?? u ?? point;
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
    return newline === undefined ? (other ?? '') : '';
  });
}
