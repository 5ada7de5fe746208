/**
 * Which object keys there can be: the same ones in every adapter, so that a store can be copied from one kind to
 * another. `contract/keys.ts` says what the keys mean; nothing here knows.
 */
import { OffsiteError } from '../contract/errors.ts';

/** First segment that no key has: there a directory store keeps its temporary files and locks. */
export const RESERVED_FOLDER = '.offsite';

/** S3's limit ("Naming Amazon S3 objects"). */
const MAX_KEY_BYTES = 1024;
/** NAME_MAX of the usual file systems. */
const MAX_SEGMENT_BYTES = 255;
/** What an XML listing or a terminal cannot carry. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const FORBIDDEN = /[\u0000-\u001f\u007f\ufffe\uffff]/;

/** Throws `object-key-invalid` unless `key` can name an object. */
export function assertKey(key: string): void {
  const fault = keyFault(key);
  if (fault !== null) refuse('key', key, fault);
}

/** True if `key` can name an object. Whatever else lies in a store is nobody's and is not listed. */
export function isKey(key: string): boolean {
  return keyFault(key) === null;
}

/** Throws `object-key-invalid` unless keys can begin with `prefix`: it may be empty, end in a slash or within a name. */
export function assertPrefix(prefix: string): void {
  if (prefix === '') return;
  const cut = prefix.lastIndexOf('/');
  const fault = (cut < 0 ? null : keyFault(prefix.slice(0, cut))) ?? textFault(prefix);
  if (fault !== null) refuse('prefix', prefix, fault);
}

/** Order of keys: bytewise in UTF-8, which is not JavaScript's order of strings. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  // The two orders differ only between halves of surrogate pairs and what comes after them.
  if (BEYOND.test(a) && BEYOND.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

const BEYOND = /[\ud800-\uffff]/;

function keyFault(key: string): string | null {
  const segments = key.split('/');
  if (segments.includes('')) return 'it has an empty segment';
  if (segments.includes('.') || segments.includes('..')) return "it has a segment '.' or '..'";
  if (segments[0] === RESERVED_FOLDER) return `${RESERVED_FOLDER} is reserved`;
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)) {
    return `a segment is longer than ${MAX_SEGMENT_BYTES} bytes`;
  }
  return textFault(key);
}

function textFault(text: string): string | null {
  if (!text.isWellFormed()) return 'it is not valid Unicode';
  if (FORBIDDEN.test(text)) return 'it has a control character';
  if (Buffer.byteLength(text) > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`;
  return null;
}

function refuse(what: string, text: string, fault: string): never {
  throw new OffsiteError('object-key-invalid', `The object ${what} ${JSON.stringify(text)} is not allowed: ${fault}.`);
}
