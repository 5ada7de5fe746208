/**
 * What all stored documents share: `type` names kind and version, `format` the repository format, and `critical` the
 * keys that a reader must understand. Unknown keys are kept and ignored unless they are critical, so that agents and
 * stack can be upgraded in any order.
 */

import * as z from 'zod';
import { decodeUtf8, type Json, parseJson } from './canonical.ts';
import { OffsiteError } from './errors.ts';
import { instantText, isHostName, isPolicyName, isPrefix, isRunId, isSetName, isSha256 } from './ids.ts';
import { quoted } from './quote.ts';

/** The repository format that this version reads and writes. */
export const FORMAT = 1;

const checked = (test: (text: string) => boolean, what: string) => z.string().refine(test, `not a valid ${what}`);

/** The base64 of 32 bytes, in the one form that encoding gives. */
export const BASE64_OF_32 = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** The pieces that documents are made of. */
export const field = {
  run: checked(isRunId, 'run id'),
  host: checked(isHostName, 'host name (letters, digits, . _ -, 63 at most)'),
  set: checked(isSetName, 'set name (a-z, 0-9, _ -, 32 at most)'),
  policy: checked(isPolicyName, 'policy name (a-z, 0-9, -, 24 at most)'),
  prefix: checked(isPrefix, 'prefix'),
  sha256: checked(isSha256, 'SHA-256'),
  instant: checked((text) => isInstant(text), 'instant (YYYY-MM-DDTHH:MM:SSZ)'),
  /** In the one form that encoding gives: padded, and without bits that decoding would drop. */
  base64: z
    .string()
    .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/, 'not base64'),
  /** The same of 32 bytes: a digest, or a seed. */
  base64Of32: z.string().regex(BASE64_OF_32, 'not 32 bytes in base64'),
  count: z.int().min(0),
  sequence: z.int().min(1),
  /** A run and the SHA-256 of its manifest's payload. */
  runAndPayload: z.object({ run: checked(isRunId, 'run id'), payload: checked(isSha256, 'SHA-256') }),
};

function isInstant(text: string): boolean {
  // Years beyond 9999 have a sign and six digits, and would pass below.
  if (!/^\d{4}-/.test(text)) return false;
  const time = Date.parse(text);
  return !Number.isNaN(time) && instantText(new Date(time)) === text;
}

export interface DocumentKind<T> {
  /** For example `offsite/manifest/1`. */
  readonly type: string;
  /** No valid document of this kind has more bytes. */
  readonly maxBytes: number;
  /** Checks a value; throws `format-unknown` or `document-invalid`, naming `what` and the field. */
  parse(value: Json, what: string): T;
  /** Checks size, UTF-8 and JSON first. For documents without an envelope. */
  parseBytes(bytes: Uint8Array, what: string): T;
}

/** Defines a kind of stored document by its fields. `type` and `format` are added. */
export function documentKind<S extends z.ZodRawShape>(name: string, options: { maxBytes: number; shape: S }) {
  const type = `offsite/${name}/1`;
  const schema = z.looseObject({
    ...options.shape,
    type: z.literal(type),
    format: z.literal(FORMAT),
    critical: z.array(z.string()).max(64).optional(),
  });
  type Parsed = z.infer<z.ZodObject<S>> & { type: string; format: 1 };
  const known = new Set([...Object.keys(options.shape), 'type', 'format', 'critical']);

  const parse = (value: Json, what: string): Parsed => {
    refuseUnknownFormat(value, type, known, what);
    const result = shallow(() => schema.safeParse(value), what);
    if (!result.success)
      throw new OffsiteError('document-invalid', `${what} is not a valid ${type}: ${firstIssue(result.error)}`);
    return result.data as unknown as Parsed;
  };
  return {
    type,
    shape: options.shape,
    maxBytes: options.maxBytes,
    parse,
    parseBytes: (bytes, what) => {
      if (bytes.length > options.maxBytes) {
        throw new OffsiteError(
          'document-too-large',
          `${what} has ${bytes.length} bytes, more than ${options.maxBytes}`,
        );
      }
      return parse(parseJson(decodeUtf8(bytes, what), what), what);
    },
  } satisfies DocumentKind<Parsed> & { shape: S };
}

/** The document that a kind's `parse` returns. */
export type DocumentOf<K> = K extends { parse(value: Json, what: string): infer T } ? T : never;

function refuseUnknownFormat(value: Json, type: string, known: Set<string>, what: string): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new OffsiteError('document-invalid', `${what} is not an object`);
  }
  const unknown = (why: string) => new OffsiteError('format-unknown', `${what} ${why}; this version cannot read it`);
  if (value.type !== type) {
    const family = type.slice(0, -1);
    const isOfFamily =
      typeof value.type === 'string' &&
      value.type.startsWith(family) &&
      /^\d{1,9}$/.test(value.type.slice(family.length));
    if (isOfFamily) throw unknown(`is of type ${value.type}`);
    throw new OffsiteError('document-invalid', `${what} is not of type ${type}`);
  }
  if (typeof value.format === 'number' && value.format !== FORMAT) throw unknown(`is of format ${value.format}`);
  const critical = Array.isArray(value.critical) ? value.critical : [];
  const foreign = critical.find((name) => typeof name !== 'string' || !known.has(name));
  if (foreign !== undefined) throw unknown(`demands that readers understand ${quoted(foreign)}`);
}

/** Nesting deeper than any document's, which a hostile one may have, ends in the engine's RangeError. */
function shallow<T>(check: () => T, what: string): T {
  try {
    return check();
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new OffsiteError('document-invalid', `${what} is nested too deeply`, { cause });
    throw cause;
  }
}

/** The first thing wrong, as `field.path: what is expected`. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'invalid';
  const place = issue.path.map(String).join('.');
  return place === '' ? issue.message : `${place}: ${issue.message}`;
}
