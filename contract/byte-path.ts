/**
 * Paths as the file system has them: bytes. They are carried as strings with one character a byte (Latin-1), so that
 * nothing is lost, comparing is fast, and a name that is not UTF-8 is no special case. Never show one to people and
 * never hand one to `node:fs` without the conversions below.
 */

declare const brand: unique symbol;
export type BytePath = string & { readonly [brand]: 'bytes' };

const ASCII = /^[\0-\x7f]*$/;

export const pathFromBytes = (bytes: Uint8Array): BytePath => Buffer.from(bytes).toString('latin1') as BytePath;

/** The bytes of a path. */
export const pathToBytes = (path: BytePath): Buffer => Buffer.from(path, 'latin1');

/** What `node:fs` takes for the path: a string where that is lossless, else a Buffer. */
export const pathForFs = (path: BytePath): string | Buffer => (ASCII.test(path) ? path : pathToBytes(path));

export const pathFromText = (text: string): BytePath =>
  (ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')) as BytePath;

/** The path as text, or null where its bytes are not UTF-8. */
export function pathToText(path: BytePath): string | null {
  if (ASCII.test(path)) return path;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(pathToBytes(path));
  } catch {
    return null;
  }
}

/** The path for people: control characters, and bytes that are not UTF-8, as `\xNN`. */
export function displayPath(path: BytePath): string {
  const text = pathToText(path);
  const hidden = text === null ? /[^\x20-\x7e]/g : /\p{Cc}/gu;
  return (text ?? path).replace(hidden, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/**
 * Order of listings: bytewise, with `/` lowest, so that a directory's subtree is contiguous and follows it directly.
 * Negative, zero or positive.
 */
export function comparePaths(one: BytePath, other: BytePath): number {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i++) {
    const a = one.charCodeAt(i);
    const b = other.charCodeAt(i);
    if (a !== b) return (a === 0x2f ? -1 : a) - (b === 0x2f ? -1 : b);
  }
  return one.length - other.length;
}

/** `directory/name`; the name alone at the top. */
export const joinPath = (directory: BytePath, name: BytePath): BytePath =>
  (directory === '' ? name : `${directory}/${name}`) as BytePath;

/** True where `path` is `directory` or lies under it; everything lies under the empty path. */
export const isUnder = (path: BytePath, directory: BytePath): boolean =>
  directory === '' || path === directory || path.startsWith(`${directory}/`);

export const parentPath = (path: BytePath): BytePath => path.slice(0, Math.max(0, path.lastIndexOf('/'))) as BytePath;

export const baseName = (path: BytePath): BytePath => path.slice(path.lastIndexOf('/') + 1) as BytePath;
