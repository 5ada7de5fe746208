/**
 * The scan: everything under the configured paths, in the order of listings, one lstat an entry. Names are bytes from
 * end to end. A mount boundary is not crossed where `oneFileSystem` is set, unless a configured path lies beyond it.
 */

import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { type BytePath, comparePaths, joinPath, pathForFs, pathFromText } from '../../contract/byte-path.ts';
import { OffsiteError } from '../../contract/errors.ts';

export interface Found {
  /** As restored. */
  readonly path: BytePath;
  readonly root: '/' | '.stage';
  /** What `node:fs` takes to reach it. */
  readonly file: string | Buffer;
  readonly stat: BigIntStats;
  /** An errno name where a directory could not be listed. */
  readonly error?: string;
}

/** Something is there, and lstat is refused. */
export interface Unseen {
  readonly path: BytePath;
  readonly root: '/' | '.stage';
  readonly stat: null;
  /** An errno name. */
  readonly error: string;
}

/** One tree to scan: what lies at `at` on this machine is restored as `path`. */
export interface ScanRoot {
  readonly path: BytePath;
  readonly at: BytePath;
  readonly root: '/' | '.stage';
}

export interface ScanOptions {
  readonly oneFileSystem: boolean;
  /** `dev:ino` of folders that are never entered: the agent's own state, the store. */
  readonly never: ReadonlySet<string>;
  isExcluded(path: BytePath, isDirectory: boolean): boolean;
  /** Something vanished between listing and lstat. */
  onVanished(path: BytePath): void;
}

/** A configured absolute path as a root. Throws `source-collides` for what would land in the place of staged output. */
export function rootOfPath(configured: string): ScanRoot {
  const at = pathFromText(
    `/${configured
      .split('/')
      .filter((piece) => piece !== '' && piece !== '.')
      .join('/')}`,
  );
  const path = at.slice(1) as BytePath;
  if (path.split('/').includes('..'))
    throw new OffsiteError('source-collides', `${configured}: a path may not hold '..'`);
  if (path === '.stage' || path.startsWith('.stage/')) {
    throw new OffsiteError('source-collides', `${configured} would be restored to the place of staged output`);
  }
  return { path, at, root: '/' };
}

/** A place on the way to the roots: roots below it, and whether it is one itself. */
interface Node {
  root: ScanRoot | null;
  children: Map<BytePath, Node>;
}

/**
 * Yields every entry once, in order of `comparePaths`; directories before what they hold. The directories above a
 * root are yielded too, so that a restore can give them their attributes. Throws `source-missing` where a root is not
 * there or cannot be listed.
 */
export function* scan(roots: readonly ScanRoot[], options: ScanOptions): Generator<Found | Unseen> {
  const top: Node = { root: null, children: new Map() };
  for (const root of roots) insert(top, root);
  if (top.root !== null) {
    yield* walk(top.root.path, top.root.at, top.root.root, top, statOfRoot(top.root), options, false);
  } else {
    yield* between('' as BytePath, '/' as BytePath, top, options);
  }
}

function insert(top: Node, root: ScanRoot): void {
  let node = top;
  for (const name of root.path === '' ? [] : (root.path.split('/') as BytePath[])) {
    let child = node.children.get(name);
    if (child === undefined) {
      child = { root: null, children: new Map() };
      node.children.set(name, child);
    }
    node = child;
  }
  node.root = root;
}

const sortedNames = (names: Iterable<BytePath>) => [...names].sort(comparePaths);

/** Above the roots: only what leads to them. */
function* between(path: BytePath, at: BytePath, node: Node, options: ScanOptions): Generator<Found | Unseen> {
  for (const name of sortedNames(node.children.keys())) {
    const child = node.children.get(name) as Node;
    const childPath = joinPath(path, name);
    if (child.root !== null) {
      const { root } = child;
      yield* walk(childPath, root.at, root.root, child, statOfRoot(root), options, false);
      continue;
    }
    const childAt = (at === '/' ? `/${name}` : `${at}/${name}`) as BytePath;
    const file = pathForFs(childAt);
    yield { path: childPath, root: '/', file, stat: followedStat(childAt) };
    yield* between(childPath, childAt, child, options);
  }
}

/** A directory above a root counts as a directory, also where it is a symlink to one. */
function followedStat(at: BytePath): BigIntStats {
  try {
    return lstatSync(Buffer.from(`${at}/.`, 'latin1'), { bigint: true });
  } catch (cause) {
    throw new OffsiteError('source-missing', `${at} cannot be read: ${errnoOf(cause)}`, { cause });
  }
}

function statOfRoot(root: ScanRoot): BigIntStats {
  try {
    return lstatSync(pathForFs(root.at), { bigint: true });
  } catch (cause) {
    throw new OffsiteError('source-missing', `${root.at} cannot be read: ${errnoOf(cause)}`, { cause });
  }
}

function* walk(
  path: BytePath,
  at: BytePath,
  root: '/' | '.stage',
  node: Node | undefined,
  stat: BigIntStats,
  options: ScanOptions,
  crossed: boolean,
): Generator<Found | Unseen> {
  const file = pathForFs(at);
  const isTop = path === '';
  if (!stat.isDirectory()) {
    if (!isTop) yield { path, root, file, stat };
    return;
  }
  if (options.never.has(`${stat.dev}:${stat.ino}`)) return;
  const names = crossed ? [] : listDirectory(at, node?.root ?? null);
  if (!isTop) yield typeof names === 'string' ? { path, root, file, stat, error: names } : { path, root, file, stat };
  const children = typeof names === 'string' ? [] : names;
  // Roots beyond a mount boundary or inside an excluded folder are reached all the same.
  const onTheWay = [...(node?.children.keys() ?? [])].filter((name) => !children.includes(name));
  for (const name of onTheWay.length === 0 ? children : sortedNames([...children, ...onTheWay])) {
    yield* walkChild(joinPath(path, name), (at === '/' ? `/${name}` : `${at}/${name}`) as BytePath, {
      root,
      node: node?.children.get(name),
      device: stat.dev,
      options,
      wanted: !crossed,
    });
  }
}

function* walkChild(
  path: BytePath,
  at: BytePath,
  context: { root: '/' | '.stage'; node: Node | undefined; device: bigint; options: ScanOptions; wanted: boolean },
): Generator<Found | Unseen> {
  const { root, node, options } = context;
  if (node?.root) {
    yield* walk(path, node.root.at, node.root.root, node, statOfRoot(node.root), options, false);
    return;
  }
  const stat = lstatOrError(at);
  if (typeof stat === 'string') {
    if (isGone(stat)) options.onVanished(path);
    // It may be a directory or not.
    else if (root !== '/' || ![false, true].some((isDirectory) => options.isExcluded(path, isDirectory))) {
      yield { path, root, stat: null, error: stat };
    }
    return;
  }
  const excluded = root === '/' && options.isExcluded(path, stat.isDirectory());
  if (excluded && node === undefined) return;
  const otherDevice = options.oneFileSystem && stat.dev !== context.device;
  // The mount point itself is an entry; what is mounted there is not.
  yield* walk(path, at, root, node, stat, options, stat.isDirectory() && (otherDevice || excluded || !context.wanted));
}

function lstatOrError(at: BytePath): BigIntStats | string {
  try {
    return lstatSync(pathForFs(at), { bigint: true });
  } catch (error) {
    return errnoOf(error);
  }
}

/** The names in order; an errno name where the directory cannot be listed. A root that cannot be is fatal. */
function listDirectory(at: BytePath, root: ScanRoot | null): BytePath[] | string {
  try {
    return (readdirSync(pathForFs(at), { encoding: 'latin1' }) as BytePath[]).sort(byBytes);
  } catch (cause) {
    const code = errnoOf(cause);
    if (root !== null) throw new OffsiteError('source-missing', `${at} cannot be listed: ${code}`, { cause });
    if (isGone(code)) return [];
    return code;
  }
}

/** Within one directory no name holds a slash, so the order of code units is the order of bytes. */
const byBytes = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);

/** True where an errno name says that there is nothing of that name any more. */
export const isGone = (code: string): boolean => code === 'ENOENT' || code === 'ENOTDIR';

/** The errno name of a system error, `EUNKNOWN` where it has none. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'EUNKNOWN';
}
