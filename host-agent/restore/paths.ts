/** Which paths of a listing may be written at all, and how people's paths become those of a listing. */

import { type BytePath, comparePaths, isUnder } from '../../contract/byte-path.ts';

/** NAME_MAX of every Linux file system, in bytes. */
const MAX_NAME = 255;
/** PATH_MAX of Linux, in bytes. */
const MAX_PATH = 4096;
const DOT = 0x2e;

/** Why the path must not be written, or null where it is safe: relative, without empty, `.` or `..` components. */
export function unsafePath(path: BytePath): string | null {
  if (path === '') return 'it is empty';
  if (path.length > MAX_PATH) return `it has more than ${MAX_PATH} bytes`;
  if (path.includes('\0')) return 'it holds a NUL byte';
  if (path.startsWith('/')) return 'it is absolute';
  for (let start = 0; start <= path.length; ) {
    const slash = path.indexOf('/', start);
    const end = slash < 0 ? path.length : slash;
    const wrong = unsafeName(path, start, end);
    if (wrong !== null) return wrong;
    start = end + 1;
  }
  return null;
}

/** No name is copied out of the path: there may be millions. */
function unsafeName(path: BytePath, start: number, end: number): string | null {
  const length = end - start;
  if (length === 0) return 'it has an empty component';
  if (length > MAX_NAME) return `a name in it has more than ${MAX_NAME} bytes`;
  if (length > 2 || path.charCodeAt(start) !== DOT) return null;
  if (length === 1) return 'it holds the component .';
  return path.charCodeAt(start + 1) === DOT ? 'it leads upwards (..)' : null;
}

/** A path as people give it: a leading or trailing slash is tolerated. */
export const plainPath = (path: BytePath): BytePath => path.replace(/^\/+|\/+$/g, '') as BytePath;

/** Paths in order, each with those that lie under it, which it brings along. */
export function nestedPaths(paths: readonly BytePath[]): { path: BytePath; within: BytePath[] }[] {
  const groups: { path: BytePath; within: BytePath[] }[] = [];
  for (const path of paths.map(plainPath).sort(comparePaths)) {
    const last = groups.at(-1);
    if (last === undefined || !isUnder(path, last.path)) groups.push({ path, within: [] });
    else if (path !== last.path) last.within.push(path);
  }
  return groups;
}

/** The directories above a path, from the top down. */
export function ancestorsOf(path: BytePath): BytePath[] {
  const ancestors: BytePath[] = [];
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
    ancestors.push(path.slice(0, at) as BytePath);
  return ancestors;
}
