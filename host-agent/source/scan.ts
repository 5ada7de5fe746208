/**
 * The scan: everything under the configured paths, in the order of listings, one lstat an entry. Names are bytes from
 * end to end. A mount boundary is not crossed where `oneFileSystem` is set, unless a configured path lies beyond it.
 */

import { readdirSync } from 'node:fs';
import { type BytePath, comparePaths, pathForFs, pathFromText } from '../../contract/byte-path.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { type FileStat, lookAt } from './file-stat.ts';

export interface Found {
  /** As restored. */
  readonly path: BytePath;
  readonly root: '/' | '.stage';
  /** What `node:fs` takes to reach it. */
  readonly file: string | Buffer;
  readonly stat: FileStat;
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

/** A directory whose children are being looked at. */
interface Folder {
  /** What stands in front of a name: as restored, and on this machine. */
  readonly path: string;
  readonly at: string;
  /** Whether what stands in front is ASCII: then it depends on the name alone what `node:fs` takes. */
  readonly isAscii: boolean;
  readonly root: '/' | '.stage';
  /** Null above the roots, where there is nothing but what leads to them. */
  readonly device: bigint | null;
  /** False where only roots are wanted of it: beyond a mount boundary, or where it is excluded. */
  readonly isWanted: boolean;
  /** The roots beneath it; undefined where there are none. */
  readonly node: Node | undefined;
  readonly names: readonly BytePath[];
  next: number;
}

/**
 * Yields every entry once, in order of `comparePaths`; directories before what they hold. The directories above a
 * root are yielded too, so that a restore can give them their attributes. Throws `source-missing` where a root is not
 * there or cannot be listed.
 */
export function* scan(roots: readonly ScanRoot[], options: ScanOptions): Generator<Found | Unseen> {
  const top: Node = { root: null, children: new Map() };
  for (const root of roots) insert(top, root);
  const walk = new Walk(options);
  const first = top.root === null ? walk.enterAbove('', '/', top) : walk.visitRoot(top.root.path, top, top.root);
  if (first !== null) yield first;
  // One loop over a stack and not a generator in a generator: every entry would pass all that are above it.
  while (!walk.isOver) {
    const found = walk.step();
    if (found !== null) yield found;
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

/** The directories that have been entered and not left. */
class Walk {
  readonly #options: ScanOptions;
  readonly #folders: Folder[] = [];

  constructor(options: ScanOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#folders.length === 0;
  }

  /** Looks at the next name; null where that is no entry. */
  step(): Found | Unseen | null {
    const folder = this.#folders.at(-1) as Folder;
    const name = folder.names[folder.next++];
    if (name === undefined) {
      this.#folders.pop();
      return null;
    }
    const path = (folder.path + name) as BytePath;
    const node = folder.node?.children.get(name);
    if (node?.root) return this.visitRoot(path, node, node.root);
    const at = (folder.at + name) as BytePath;
    return folder.device === null
      ? this.#stepAbove(path, at, node as Node)
      : this.#stepInside(folder, name, { path, at, node });
  }

  /** Only what leads to the roots. */
  enterAbove(path: string, at: string, node: Node): null {
    this.#enter({ path, at, root: '/', device: null, isWanted: false, node, names: sortedNames(node.children.keys()) });
    return null;
  }

  visitRoot(path: BytePath, node: Node, { at, root }: ScanRoot): Found | null {
    const found = { path, root, file: pathForFs(at), stat: statOfRoot(at) };
    return this.#visit(found, at, node, true, true);
  }

  #stepAbove(path: BytePath, at: BytePath, node: Node): Found {
    const found: Found = { path, root: '/', file: pathForFs(at), stat: followedStat(at) };
    this.enterAbove(`${path}/`, `${at}/`, node);
    return found;
  }

  #stepInside(
    folder: Folder,
    name: BytePath,
    { path, at, node }: { path: BytePath; at: BytePath; node: Node | undefined },
  ): Found | Unseen | null {
    const { root } = folder;
    const options = this.#options;
    const file = folder.isAscii && pathForFs(name) === name ? at : pathForFs(at);
    const stat = lstatOrError(file);
    if (typeof stat === 'string') {
      if (isGone(stat)) options.onVanished(path);
      // It may be a directory or not.
      else if (root !== '/' || ![false, true].some((isFolder) => options.isExcluded(path, isFolder))) {
        return { path, root, stat: null, error: stat };
      }
      return null;
    }
    const isExcluded = root === '/' && options.isExcluded(path, stat.type === 'directory');
    if (isExcluded && node === undefined) return null;
    // The mount point itself is an entry; what is mounted there is not.
    const isWanted = folder.isWanted && !isExcluded && !(options.oneFileSystem && stat.dev !== folder.device);
    return this.#visit({ path, root, file, stat }, at, node, isWanted, false);
  }

  /** What was found, unless it is never backed up; where it is a directory, what it holds comes next. */
  #visit(found: Found, at: BytePath, node: Node | undefined, isWanted: boolean, isRoot: boolean): Found | null {
    const { path, root, file, stat } = found;
    const isTop = path === '';
    if (stat.type !== 'directory') return isTop ? null : found;
    const { never } = this.#options;
    if (never.size > 0 && never.has(`${stat.dev}:${stat.ino}`)) return null;
    const listed = isWanted ? listDirectory(file, at, isRoot) : [];
    const [names, error] = typeof listed === 'string' ? [[], listed] : [listed];
    this.#enter({
      path: isTop ? '' : `${path}/`,
      at: at === '/' ? '/' : `${at}/`,
      root,
      device: stat.dev,
      isWanted,
      node,
      names: withRoots(names, node),
    });
    if (isTop) return null;
    return error === undefined ? found : { ...found, error };
  }

  #enter(folder: Omit<Folder, 'isAscii' | 'next'>): void {
    this.#folders.push({ ...folder, isAscii: typeof pathForFs(folder.at as BytePath) === 'string', next: 0 });
  }
}

/** Roots beyond a mount boundary or inside an excluded folder are reached all the same. */
function withRoots(names: readonly BytePath[], node: Node | undefined): readonly BytePath[] {
  if (node === undefined) return names;
  const others = [...node.children.keys()].filter((name) => !names.includes(name));
  return others.length === 0 ? names : sortedNames([...names, ...others]);
}

/** A directory above a root counts as a directory, also where it is a symlink to one. */
function followedStat(at: BytePath): FileStat {
  try {
    return lookAt(Buffer.from(`${at}/.`, 'latin1'));
  } catch (cause) {
    throw new OffsiteError('source-missing', `${at} cannot be read: ${errnoOf(cause)}`, { cause });
  }
}

function statOfRoot(at: BytePath): FileStat {
  try {
    return lookAt(pathForFs(at));
  } catch (cause) {
    throw new OffsiteError('source-missing', `${at} cannot be read: ${errnoOf(cause)}`, { cause });
  }
}

function lstatOrError(file: string | Buffer): FileStat | string {
  try {
    return lookAt(file);
  } catch (error) {
    return errnoOf(error);
  }
}

/** The names in order; an errno name where the directory cannot be listed. A root that cannot be is fatal. */
function listDirectory(file: string | Buffer, at: BytePath, isRoot: boolean): BytePath[] | string {
  try {
    return (readdirSync(file, { encoding: 'latin1' }) as BytePath[]).sort(byBytes);
  } catch (cause) {
    const code = errnoOf(cause);
    if (isRoot) throw new OffsiteError('source-missing', `${at} cannot be listed: ${code}`, { cause });
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
