/** Where a source touches the clock, the environment, the process or randomness: what only `system/` may. */

import type { Import } from './imports.ts';
import type { Token } from './tokens.ts';

export interface Touch {
  readonly what: 'clock' | 'environment' | 'process' | 'randomness';
  readonly how: string;
  readonly line: number;
}

/** Names that are there without an import. */
const GLOBALS: Record<string, Touch['what']> = {
  process: 'process',
  globalThis: 'process',
  performance: 'clock',
  setTimeout: 'clock',
  setInterval: 'clock',
  setImmediate: 'clock',
  Temporal: 'clock',
  crypto: 'randomness',
};
/** Members by which it is touched, whatever they are members of. */
const MEMBERS: Record<string, [object: string, what: Touch['what']]> = {
  now: ['Date', 'clock'],
  timeout: ['AbortSignal', 'clock'],
  random: ['Math', 'randomness'],
};
/** Whoever names these means them. */
const ANYWHERE: Record<string, Touch['what']> = {
  hrtime: 'clock',
  randomBytes: 'randomness',
  randomUUID: 'randomness',
  randomInt: 'randomness',
  randomFill: 'randomness',
  randomFillSync: 'randomness',
  getRandomValues: 'randomness',
};
const MODULES: Record<string, Touch['what']> = {
  process: 'process',
  timers: 'clock',
  'timers/promises': 'clock',
  perf_hooks: 'clock',
};
/** Of node:os, what it takes from the environment or the user. */
const OF_OS = new Set(['hostname', 'homedir', 'tmpdir', 'userInfo']);

export function touchesOf(tokens: readonly Token[], imports: readonly Import[]): Touch[] {
  return [...imports.flatMap(touchesOfImport), ...tokens.flatMap((_, i) => touchOfToken(tokens, i))];
}

function touchesOfImport({ specifier, names, line }: Import): Touch[] {
  const module = specifier?.replace(/^node:/, '') ?? '';
  const what = Object.hasOwn(MODULES, module) ? MODULES[module] : undefined;
  if (what !== undefined) return [{ what, how: `imports ${specifier}`, line }];
  if (module !== 'os') return [];
  if (names.length === 0) return [{ what: 'environment', how: 'imports node:os as a whole', line }];
  return names
    .filter((name) => OF_OS.has(name))
    .map((name) => ({ what: 'environment', how: `${name} of node:os`, line }));
}

function touchOfToken(tokens: readonly Token[], i: number): Touch[] {
  const token = tokens[i] as Token;
  if (token.kind !== 'word') return [];
  const { value, line } = token;
  const sign = (offset: number) => (tokens[i + offset]?.kind === 'sign' ? tokens[i + offset]?.value : undefined);
  const word = (offset: number) => (tokens[i + offset]?.kind === 'word' ? tokens[i + offset]?.value : undefined);
  const isMember = sign(-1) === '.' || sign(-1) === '?.';

  if (Object.hasOwn(ANYWHERE, value)) return [{ what: ANYWHERE[value] ?? 'process', how: value, line }];
  if (isMember) {
    const [object, what] = (Object.hasOwn(MEMBERS, value) && MEMBERS[value]) || [];
    return what !== undefined && word(-2) === object ? [{ what, how: `${object}.${value}`, line }] : [];
  }
  if (value === 'Date') {
    if (word(-1) === 'new')
      return sign(1) !== '(' || sign(2) === ')' ? [{ what: 'clock', how: 'new Date()', line }] : [];
    return sign(1) === '(' ? [{ what: 'clock', how: 'Date()', line }] : [];
  }
  if (!Object.hasOwn(GLOBALS, value)) return [];
  // A key of an object, a member of an interface, the name of a method.
  const isKey = (sign(1) === ':' || (sign(1) === '?' && sign(2) === ':')) && ['{', ',', ';'].includes(sign(-1) ?? '');
  const isMethod = value === 'process' && sign(1) === '(';
  return isKey || isMethod ? [] : [{ what: GLOBALS[value] ?? 'process', how: value, line }];
}
