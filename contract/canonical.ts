/**
 * RFC 8785 canonical JSON, for everything that is signed, restricted to what the format uses: strings, booleans, null,
 * arrays, objects, and integers within ±(2^53 - 1). So one statement has one byte form and one hash.
 */

import { OffsiteError } from './errors.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The canonical text. Throws `document-invalid` for what RFC 8785 or the restriction above does not allow. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new OffsiteError('document-invalid', `not an integer below 2^53: ${value}`);
    return JSON.stringify(value);
  }
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new OffsiteError('document-invalid', 'a string holds half a surrogate pair');
    return JSON.stringify(value);
  }
  // Array.from and not map, which would pass over holes.
  if (Array.isArray(value)) return `[${Array.from(value, (item) => canonicalJson(item)).join(',')}]`;
  if (isPlain(value)) {
    const pairs = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      // RFC 8785 section 3.2.3: by UTF-16 code units, which is what comparing JavaScript strings does.
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, item]) => `${canonicalJson(key)}:${canonicalJson(item)}`);
    return `{${pairs.join(',')}}`;
  }
  const kind = typeof value === 'object' ? value.constructor.name : typeof value;
  throw new OffsiteError('document-invalid', `no canonical form for a value of type ${kind}`);
}

/** Not a Date, a Buffer or a Map, of which an object's form would keep nothing or nonsense. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Parses bytes that must be canonical JSON already; anything else, a second form of the same value too, is refused. */
export function parseCanonical(bytes: Uint8Array, what: string): Json {
  const text = decodeUtf8(bytes, what);
  const value = parseJson(text, what);
  let canonical: string;
  try {
    canonical = canonicalJson(value);
  } catch (cause) {
    throw new OffsiteError('document-invalid', `${what} is not canonical JSON`, { cause });
  }
  if (canonical !== text) throw new OffsiteError('document-invalid', `${what} is not canonical JSON (RFC 8785)`);
  return value;
}

/** Parses JSON text; `document-invalid` naming `what` where it is none. */
export function parseJson(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new OffsiteError('document-invalid', `${what} is not JSON`, { cause });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Strict UTF-8, without a byte order mark. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new OffsiteError('document-invalid', `${what} is not UTF-8`, { cause });
  }
}
