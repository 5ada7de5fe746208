/** One entry of a listing, and its line: what a run knows of one file, directory, link or device. */

import * as z from 'zod';
import { type BytePath, pathFromBytes, pathFromText, pathToBytes, pathToText } from './byte-path.ts';
import { decodeUtf8, type Json, parseJson } from './canonical.ts';
import { field, firstIssue } from './document.ts';
import { isOffsiteError, OffsiteError } from './errors.ts';

export const ENTRY_TYPES = ['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block'] as const;
export type EntryType = (typeof ENTRY_TYPES)[number];

/**
 * Where a chunk lies: source (a place in the `sources` table of index and manifest), part number, offset and length of
 * its frame in the part's content, offset and length of the chunk in the frame's content; the chunk's digest only
 * where its file has several.
 */
export interface Location {
  source: number;
  part: number;
  frameOffset: number;
  frameLength: number;
  offset: number;
  length: number;
  /** SHA-256 in base64; absent for the only chunk of a file, whose digest is the entry's hash. */
  digest?: string;
}

export interface Entry {
  /** As restored, without a leading slash. */
  path: BytePath;
  /** Which source it came from: the host's file system, or the staging folder. */
  root: '/' | '.stage';
  type: EntryType;
  /** Permission bits, set-id and sticky bits included (07777). */
  mode: number;
  uid: number;
  gid: number;
  user?: BytePath;
  group?: BytePath;
  /** `seconds.nanoseconds`, nine digits behind the point; seconds may be negative. */
  mtime: string;
  /** Files only: apparent size in bytes. */
  size?: number;
  /** Symlinks only. */
  target?: BytePath;
  /** Devices only: major and minor number. */
  device?: [number, number];
  xattrs?: { name: BytePath; value: Buffer }[];
  /** The group's first path, for a file with several names; every member carries it and the locations. */
  link?: BytePath;
  /** Sparse files only: `[offset, length]` of what is not a hole; hash and locations cover these bytes alone. */
  data?: [number, number][];
  /** SHA-256 (base64) of the chunk, or of all raw digests in order where there are several; absent for empty files. */
  hash?: string;
  locations?: Location[];
  /** Why the content could not be read: an errno name. */
  error?: string;
  /** The locations are the base's, because the content could not be read now. */
  stale?: true;
  /** The content changed while it was read, twice. */
  unstable?: true;
}

/** Locations in one line at most; more follow in `{"more": […]}` lines. */
export const MAX_LOCATIONS_A_LINE = 4096;
/** No line of a listing is longer; a longer one is refused. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** What JSON has as it is: printable ASCII but quote and backslash. */
const PLAIN = /^[ !#-[\]-~]*$/;

const quoted = (value: string) => (PLAIN.test(value) ? `"${value}"` : JSON.stringify(value));

function text(name: string, value: BytePath): string {
  if (PLAIN.test(value)) return `"${name}":"${value}"`;
  const readable = pathToText(value);
  if (readable === null) return `"${name}64":"${pathToBytes(value).toString('base64')}"`;
  return `"${name}":${JSON.stringify(readable)}`;
}

const xattrsText = (xattrs: NonNullable<Entry['xattrs']>) =>
  xattrs.map(({ name, value }) => `{${text('name', name)},"value":"${value.toString('base64')}"}`).join();

function locationText(at: Location): string {
  const numbers = `${at.source},${at.part},${at.frameOffset},${at.frameLength},${at.offset},${at.length}`;
  return at.digest === undefined ? `[${numbers}]` : `[${numbers},${quoted(at.digest)}]`;
}

const locationsText = (locations: readonly Location[]) => `[${locations.map(locationText).join()}]`;

/**
 * The entry's lines, each with its newline. The same entry always gives the same bytes: those of JSON.stringify, put
 * together by hand because a full does it for every file.
 */
export function encodeEntry(entry: Entry): string {
  const { locations } = entry;
  let line = `{${text('path', entry.path)},"root":"${entry.root}","type":"${entry.type}"`;
  line += `,"mode":${entry.mode},"uid":${entry.uid},"gid":${entry.gid}`;
  if (entry.user !== undefined) line += `,${text('user', entry.user)}`;
  if (entry.group !== undefined) line += `,${text('group', entry.group)}`;
  line += `,"mtime":${quoted(entry.mtime)}`;
  if (entry.size !== undefined) line += `,"size":${entry.size}`;
  if (entry.target !== undefined) line += `,${text('target', entry.target)}`;
  if (entry.device !== undefined) line += `,"device":${JSON.stringify(entry.device)}`;
  if (entry.xattrs !== undefined) line += `,"xattrs":[${xattrsText(entry.xattrs)}]`;
  if (entry.link !== undefined) line += `,${text('link', entry.link)}`;
  if (entry.data !== undefined) line += `,"data":${JSON.stringify(entry.data)}`;
  if (entry.hash !== undefined) line += `,"hash":${quoted(entry.hash)}`;
  if (entry.error !== undefined) line += `,"error":${quoted(entry.error)}`;
  if (entry.stale !== undefined) line += `,"stale":${entry.stale}`;
  if (entry.unstable !== undefined) line += `,"unstable":${entry.unstable}`;
  if (locations === undefined) return `${line}}\n`;
  let lines = `${line},"locations":${locationsText(locations.slice(0, MAX_LOCATIONS_A_LINE))}}\n`;
  for (let i = MAX_LOCATIONS_A_LINE; i < locations.length; i += MAX_LOCATIONS_A_LINE) {
    lines += `{"more":${locationsText(locations.slice(i, i + MAX_LOCATIONS_A_LINE))}}\n`;
  }
  return lines;
}

const { base64, base64Of32: digest } = field;
const position = [field.count, field.count, field.count, field.count, field.count, field.count] as const;
const locationSchema = z.union([z.tuple([...position]), z.tuple([...position, digest])]);
const locationsSchema = z.array(locationSchema).max(MAX_LOCATIONS_A_LINE);
const id = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);

const lineSchema = z.looseObject({
  path: z.string().optional(),
  path64: base64.optional(),
  root: z.enum(['/', '.stage']),
  type: z.enum(ENTRY_TYPES),
  mode: z.int().min(0).max(0o7777),
  uid: id,
  gid: id,
  user: z.string().optional(),
  user64: base64.optional(),
  group: z.string().optional(),
  group64: base64.optional(),
  mtime: z.string().regex(/^-?\d{1,15}\.\d{9}$/),
  size: field.count.optional(),
  target: z.string().optional(),
  target64: base64.optional(),
  device: z.tuple([id, id]).optional(),
  xattrs: z.array(z.looseObject({ name: z.string().optional(), name64: base64.optional(), value: base64 })).optional(),
  link: z.string().optional(),
  link64: base64.optional(),
  data: z.array(z.tuple([field.count, field.count])).optional(),
  hash: digest.optional(),
  error: z.string().max(64).optional(),
  stale: z.literal(true).optional(),
  unstable: z.literal(true).optional(),
  locations: locationsSchema.optional(),
});
const moreSchema = z.strictObject({ more: locationsSchema });

/**
 * Reads one line (without its newline) of a decrypted listing; a `more` line gives further locations. Throws
 * `listing-invalid`. Says nothing of where a path leads: whoever writes files must look at it.
 */
export function decodeLine(line: Uint8Array): { entry: Entry } | { more: Location[] } {
  const value = parseLine(line);
  if (value !== null && typeof value === 'object' && 'more' in value) {
    return { more: check(moreSchema, value).more.map(toLocation) };
  }
  return { entry: toEntry(check(lineSchema, value)) };
}

function parseLine(line: Uint8Array): Json {
  try {
    return parseJson(decodeUtf8(line, 'a line of the listing'), 'a line of the listing');
  } catch (error) {
    if (!isOffsiteError(error, 'document-invalid')) throw error;
    throw new OffsiteError('listing-invalid', error.message, { cause: error });
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new OffsiteError('listing-invalid', `a line of the listing: ${firstIssue(result.error)}`);
  return result.data;
}

function toLocation(tuple: z.infer<typeof locationSchema>): Location {
  const [source, part, frameOffset, frameLength, offset, length, sha] = tuple;
  return { source, part, frameOffset, frameLength, offset, length, ...(sha === undefined ? {} : { digest: sha }) };
}

/** The bytes of `name` or `name64`; undefined where neither is there. */
function bytesOf(line: Record<string, unknown>, name: string): BytePath | undefined {
  const [plain, encoded] = [line[name], line[`${name}64`]];
  const refuse = (why: string) => new OffsiteError('listing-invalid', `a line of the listing has ${why}`);
  if (typeof plain === 'string' && encoded === undefined) {
    if (!plain.isWellFormed()) throw refuse(`half a surrogate pair in ${name}`);
    return pathFromText(plain);
  }
  if (typeof encoded === 'string' && plain === undefined) return pathFromBytes(Buffer.from(encoded, 'base64'));
  if (plain === undefined && encoded === undefined) return undefined;
  throw refuse(`both ${name} and ${name}64`);
}

function requiredBytesOf(line: Record<string, unknown>, name: string): BytePath {
  const bytes = bytesOf(line, name);
  if (bytes === undefined) throw new OffsiteError('listing-invalid', `a line of the listing has no ${name}`);
  return bytes;
}

function toEntry(line: z.infer<typeof lineSchema>): Entry {
  const path = requiredBytesOf(line, 'path');
  const optional = {
    user: bytesOf(line, 'user'),
    group: bytesOf(line, 'group'),
    size: line.size,
    target: bytesOf(line, 'target'),
    device: line.device,
    xattrs: line.xattrs?.map((pair) => ({
      name: requiredBytesOf(pair, 'name'),
      value: Buffer.from(pair.value, 'base64'),
    })),
    link: bytesOf(line, 'link'),
    data: line.data,
    hash: line.hash,
    locations: line.locations?.map(toLocation),
    error: line.error,
    stale: line.stale,
    unstable: line.unstable,
  };
  const { root, type, mode, uid, gid, mtime } = line;
  const present = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  return { path, root, type, mode, uid, gid, mtime, ...present };
}
