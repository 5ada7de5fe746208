/** Which paths of a listing may be written at all, and how people's paths become those of a listing. */

import { type BytePath, comparePaths, isUnder } from '../../contract/byte-path.ts';

/** NAME_MAX of every Linux file system, in bytes. */
const MAX_NAME = 255;
/** PATH_MAX of Linux, in bytes. */
const MAX_PATH = 4096;
const LONG = new RegExp(`[^/]{${MAX_NAME + 1}}`);

/** Why the path must not be written, or null where it is safe: relative, without empty, `.` or `..` components. */
export function unsafePath(path: BytePath): string | null {
  if (path === '') return 'it is empty';
  if (path.length > MAX_PATH) return `it has more than ${MAX_PATH} bytes`;
  if (path.includes('\0')) return 'it holds a NUL byte';
  if (path.startsWith('/')) return 'it is absolute';
  if (/(^|\/)\.\.(\/|$)/.test(path)) return 'it leads upwards (..)';
  if (/(^|\/)\.(\/|$)/.test(path)) return 'it holds the component .';
  if (path.includes('//') || path.endsWith('/')) return 'it has an empty component';
  if (LONG.test(path)) return `a name in it has more than ${MAX_NAME} bytes`;
  return null;
}

/** Paths as people give them (a leading or trailing slash is tolerated), in order, without those under another one. */
export function requestedPaths(paths: readonly BytePath[]): BytePath[] {
  const plain = paths.map((path) => path.replace(/^\/+|\/+$/g, '') as BytePath).sort(comparePaths);
  const kept: BytePath[] = [];
  for (const path of plain) {
    const last = kept.at(-1);
    if (last === undefined || !isUnder(path, last)) kept.push(path);
  }
  return kept;
}

/** The directories above a path, from the top down. */
export function ancestorsOf(path: BytePath): BytePath[] {
  const ancestors: BytePath[] = [];
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
    ancestors.push(path.slice(0, at) as BytePath);
  return ancestors;
}
