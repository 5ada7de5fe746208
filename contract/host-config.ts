/** The host's config file, with every default. Unknown keys are refused: a mistyped key is a backup not made. */

import * as z from 'zod';
import { canonicalJson } from './canonical.ts';
import { field } from './document.ts';
import { OffsiteError } from './errors.ts';
import { sha256Hex } from './ids.ts';
import { quoted } from './quote.ts';
import { duration, percentage, size } from './units.ts';

const MINUTE = 60_000;
const absolute = z
  .string()
  .regex(/^\//, 'must be an absolute path')
  .refine((path) => !path.includes('\0'), 'holds a NUL')
  .refine((path) => !path.split('/').includes('..'), "may not hold '..'");
const stagedName = z
  .string()
  .regex(/^[^/\0]{1,255}$/, 'must be a file name without slash')
  .refine((name) => name !== '.' && name !== '..', 'must be a file name');

const expectSchema = z.strictObject({
  minFiles: z.int().min(0).default(1),
  minBytes: size.default(0),
  /** How far the run's bytes may fall below the base's. */
  maxShrink: percentage.default(0.5),
  /** Globs over paths as restored, each of which must match a file that is not empty. */
  require: z.array(z.string().min(1)).default([]),
});

const setSchema = z
  .strictObject({
    scripts: absolute.optional(),
    scriptTimeout: duration.default(360 * MINUTE),
    alertOutput: z.boolean().default(false),
    commands: z.record(stagedName, z.string().min(1)).default({}),
    paths: z.array(absolute).default([]),
    exclude: z.array(z.string()).default([]),
    oneFileSystem: z.boolean().default(true),
    expect: expectSchema.prefault({}),
  })
  .refine(
    (set) => set.scripts !== undefined || Object.keys(set.commands).length > 0 || set.paths.length > 0,
    'has nothing to back up: give paths, scripts or commands',
  );
/** One set's config, defaults filled in; durations in milliseconds, sizes in bytes, shares from 0 to 1. */
export type SetConfig = z.infer<typeof setSchema>;

/** Every key; docs/config.md says what each means, and a test holds the two together. */
export const hostConfigSchema = z.strictObject({
  host: field.host.optional(),
  store: z.string().min(1),
  recipients: z.array(z.string().min(1)).min(1, 'needs at least one recipient key file'),
  identity: absolute.default('/etc/offsite/identity'),
  state: absolute.default('/var/lib/offsite'),
  memory: size.default(350_000_000),
  partSize: size.default(32 * 2 ** 20),
  compression: z.int().min(1).max(19).default(3),
  /** Bytes per second; 0 is no limit. */
  limitUpload: size.default(0),
  chain: z
    .strictObject({ maxAge: duration.default(31 * 1440 * MINUTE), maxRuns: z.int().min(1).max(1000).default(60) })
    .prefault({}),
  sets: z.record(field.set, setSchema).refine((sets) => Object.keys(sets).length > 0, 'needs at least one set'),
});
export type HostConfig = z.infer<typeof hostConfigSchema>;

export const MIN_PART_SIZE = 8 * 2 ** 20;
export const MAX_PART_SIZE = 512 * 2 ** 20;
/** Bytes per second. Below it a connection looks idle to whoever is at its other end. */
export const MIN_LIMIT_UPLOAD = 16_000;

/** Checks a parsed YAML value. `file` is named in the error, `config-invalid`, with the field and what is expected. */
export function parseHostConfig(value: unknown, file: string): HostConfig {
  const result = hostConfigSchema.safeParse(value ?? {});
  const refuse = (why: string) => new OffsiteError('config-invalid', `${file}: ${why}`);
  const why = explainProto(value);
  if (why !== null) throw refuse(why);
  if (!result.success) throw refuse(explain(result.error, value));
  const { partSize, limitUpload } = result.data;
  if (partSize < MIN_PART_SIZE || partSize > MAX_PART_SIZE) {
    throw refuse(`partSize: ${partSize} bytes is not between 8MiB and 512MiB`);
  }
  if (!isUploadLimit(limitUpload)) {
    throw refuse(`limitUpload: ${limitUpload} bytes per second are neither 0, no limit, nor at least 16KB`);
  }
  return result.data;
}

/** Whether uploads can be limited to so many bytes per second; 0 is no limit. */
export const isUploadLimit = (bytes: number): boolean => bytes === 0 || bytes >= MIN_LIMIT_UPLOAD;

/** `field: what is wrong (found …)` of the first thing wrong with a file that a person wrote. */
export function explain(error: z.ZodError, value: unknown): string {
  // A mistyped key makes another one missing, and is what has to be mended.
  const issue = error.issues.find(({ code }) => code === 'unrecognized_keys') ?? error.issues[0];
  if (issue === undefined) return 'not valid';
  const place = issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `;
  if (issue.code === 'unrecognized_keys') return `${place}unknown key ${issue.keys.map(quoted).join(', ')}`;
  if (issue.code === 'invalid_key') return `${place}${issue.issues[0]?.message ?? issue.message}`;
  let found = value;
  for (const step of issue.path) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[step];
  if (issue.code !== 'invalid_type' || !issue.message.startsWith('Invalid input'))
    return `${place}${issue.message} (found ${quoted(found)})`;
  const wanted = TYPES[issue.expected] ?? issue.expected;
  return found === undefined
    ? `${place}is missing: must be ${wanted}`
    : `${place}must be ${wanted} (found ${quoted(found)})`;
}

/** What people call the types of YAML. */
const TYPES: Partial<Record<string, string>> = {
  record: 'a mapping',
  object: 'a mapping',
  array: 'a list',
  string: 'a text',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
};

/**
 * Where a file has a key `__proto__`, as `explain` says it of other unknown keys; else null. Schemas pass over it
 * silently among names that people choose, and a set of that name would never be backed up.
 */
export function explainProto(value: unknown, place: readonly string[] = [], seen = new Set<unknown>()): string | null {
  if (typeof value !== 'object' || value === null || seen.has(value)) return null;
  seen.add(value);
  if (Object.hasOwn(value, '__proto__')) return [...place, 'unknown key "__proto__"'].join(': ');
  for (const [key, item] of Object.entries(value)) {
    const why = explainProto(item, [[...place, key].join('.')], seen);
    if (why !== null) return why;
  }
  return null;
}

/** The SHA-256 that a manifest carries, so that the stack notices a path dropped from a set's config. */
export function setConfigHash(set: SetConfig): string {
  return sha256Hex(canonicalJson({ ...set, expect: { ...set.expect, maxShrink: String(set.expect.maxShrink) } }));
}
