/**
 * Lines of a listing, read fast. A run has one for each of its entries, millions in all, and nearly all of them are of
 * one plain form, for which the contract's schema is several times too slow. So that form is recognised here, strictly;
 * whatever differs in anything is left to the schema, which alone decides what is valid.
 */

import { isAscii } from 'node:buffer';
import type { BytePath } from '../contract/byte-path.ts';
import { decodeLine, type Entry, type EntryType, type Location, MAX_LOCATIONS_A_LINE } from '../contract/entry.ts';

const TYPES = new Set<unknown>(['file', 'directory', 'symlink', 'fifo', 'socket']);
const MTIME = /^-?\d{1,15}\.\d{9}$/;
const MAX_ID = 2 ** 32 - 1;
/** SHA-256 in base64: the last of its 43 digits has four bits only. */
const DIGEST = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const ASCII = /^[\0-\x7f]*$/;

type Line = Record<string, unknown>;

/** The same as the contract's decodeLine, sooner. */
export function readLine(line: Uint8Array): ReturnType<typeof decodeLine> {
  const entry = isAscii(line) ? plainEntry(line) : null;
  return entry === null ? decodeLine(line) : { entry };
}

/** The entry, if the line is of the plain form; null says nothing about the line. */
function plainEntry(bytes: Uint8Array): Entry | null {
  const line = parse(bytes);
  if (line === null) return null;
  const { path, root, type, mode, uid, gid, mtime } = line;
  const isPlain =
    isPath(path) &&
    (root === '/' || root === '.stage') &&
    TYPES.has(type) &&
    isCount(mode) &&
    mode <= 0o7777 &&
    isCount(uid) &&
    uid <= MAX_ID &&
    isCount(gid) &&
    gid <= MAX_ID &&
    typeof mtime === 'string' &&
    MTIME.test(mtime);
  if (!isPlain) return null;
  const entry: Entry = { path, root, type: type as EntryType, mode, uid, gid, mtime };
  for (const key in line) {
    if (!takeField(entry, key, line[key])) return null;
  }
  return entry;
}

function parse(bytes: Uint8Array): Line | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'));
  } catch {
    return null;
  }
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Line) : null;
}

/** False for a field that does not belong to the plain form. */
function takeField(entry: Entry, key: string, value: unknown): boolean {
  switch (key) {
    case 'path':
    case 'root':
    case 'type':
    case 'mode':
    case 'uid':
    case 'gid':
    case 'mtime':
      return true;
    case 'user':
    case 'group':
    case 'target':
    case 'link':
      if (!isPath(value)) return false;
      entry[key] = value;
      return true;
    case 'size':
      if (!isCount(value)) return false;
      entry.size = value;
      return true;
    case 'hash':
      if (!isDigest(value)) return false;
      entry.hash = value;
      return true;
    case 'locations': {
      const locations = plainLocations(value);
      if (locations === null) return false;
      entry.locations = locations;
      return true;
    }
    default:
      return false;
  }
}

function plainLocations(value: unknown): Location[] | null {
  if (!Array.isArray(value) || value.length > MAX_LOCATIONS_A_LINE) return null;
  const locations: Location[] = [];
  for (const tuple of value as unknown[]) {
    if (!Array.isArray(tuple) || (tuple.length !== 6 && tuple.length !== 7)) return null;
    const [source, part, frameOffset, frameLength, offset, length, digest] = tuple as unknown[];
    const isPlain =
      isCount(source) &&
      isCount(part) &&
      isCount(frameOffset) &&
      isCount(frameLength) &&
      isCount(offset) &&
      isCount(length);
    if (!isPlain) return null;
    const location: Location = { source, part, frameOffset, frameLength, offset, length };
    if (tuple.length === 7) {
      if (!isDigest(digest)) return null;
      location.digest = digest;
    }
    locations.push(location);
  }
  return locations;
}

/** A text whose bytes are its characters. */
const isPath = (value: unknown): value is BytePath => typeof value === 'string' && ASCII.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isDigest = (value: unknown): value is string => typeof value === 'string' && DIGEST.test(value);
