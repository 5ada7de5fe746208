/** The manifest: the signed statement of a run, readable without any decryption key. No file name is in it. */

import * as z from 'zod';
import { parseCanonical } from './canonical.ts';
import { type DocumentOf, documentKind, field } from './document.ts';
import { OffsiteError } from './errors.ts';
import { isFingerprint } from './ids.ts';
import { type ObjectKey, parseObjectKey } from './keys.ts';
import { quoted } from './quote.ts';

export const CIPHER = 'seipd1';

export const OUTCOMES = ['complete', 'partial', 'suspect', 'failed'] as const;
/** How the host judges its own run. The verdict may be worse, never better. */
export type Outcome = (typeof OUTCOMES)[number];

/** Why an incremental became a full. */
export const PROMOTIONS = [
  'no-base',
  'no-state',
  'recipients-changed',
  'chain-age',
  'chain-runs',
  'chain-size',
  'fork',
] as const;
export type Promotion = (typeof PROMOTIONS)[number];

/** `[chain, run, SHA-256 of that run's payload]`; the run itself comes last, without a hash. */
const source = z.tuple([field.run, field.run, field.sha256.nullable()]);
export type Source = z.infer<typeof source>;

/** `[key, size, SHA-256, attempt]`. */
const storedObject = z.tuple([z.string().max(1024), field.count, field.sha256, z.int().min(1)]);
/** An object of a run: its key, its size in bytes, its SHA-256, and the attempt whose session key seals it. */
export type ObjectLine = z.infer<typeof storedObject>;

const gate = z.object({
  /** `minFiles`, `minBytes`, `maxShrink`, and `path:<n>`, `require:<n>` by their place in the config, from 1. */
  gate: z.string().max(64),
  expected: field.count,
  found: field.count,
  ok: z.boolean(),
});
export type Gate = z.infer<typeof gate>;

const script = z.object({
  /** The script's file name in the scripts folder, or `command:<n>` by its place in the config, from 1. */
  name: z.string().max(255),
  exitCode: z.int().nullable(),
  seconds: field.count,
  /** Only where the set's config has `alertOutput: true`. */
  lastLines: z.string().max(4096).optional(),
});
export type ScriptResult = z.infer<typeof script>;

const counts = z.object({
  files: field.count,
  directories: field.count,
  /** Apparent bytes of all files' content in the run. */
  bytes: field.count,
  changedFiles: field.count,
  /** Content bytes that no earlier run of the chain had. */
  newBytes: field.count,
  /** Bytes of all objects that the run put, the manifest aside. */
  storedBytes: field.count,
});
export type Counts = z.infer<typeof counts>;

export const manifestKind = documentKind('manifest', {
  maxBytes: 64 * 1024 * 1024,
  shape: {
    name: field.host,
    prefix: field.prefix,
    set: field.set,
    run: field.run,
    chain: field.run,
    sequence: field.sequence,
    /** SHA-256 of the payload published before this one under the same prefix and set; null at first. */
    previous: field.sha256.nullable(),
    base: field.runAndPayload.nullable(),
    sources: z.array(source).max(10_000),
    requested: z.enum(['full', 'incremental', 'auto']),
    actual: z.enum(['full', 'incremental']),
    promoted: z.object({ reason: z.string().max(64) }).nullable(),
    policy: field.policy.nullable(),
    due: field.instant.nullable(),
    started: field.instant,
    finished: field.instant,
    agent: z.string().max(64),
    cipher: z.literal(CIPHER),
    recipients: z.array(z.string().refine(isFingerprint, 'not a fingerprint')).min(1).max(64),
    /** `[attempt, key, size, SHA-256]` of every key object that `objects` needs. */
    keyObjects: z.array(z.tuple([z.int().min(1), z.string().max(1024), field.count, field.sha256])).max(100_000),
    objects: z.array(storedObject).max(200_000),
    /** The key of the index, which is one of `objects`; null where the run failed. */
    index: z.string().max(1024).nullable(),
    counts,
    outcome: z.enum(OUTCOMES),
    gates: z.array(gate).max(10_000),
    scripts: z.array(script).max(10_000),
    /** How often each warning occurred; their texts and paths are in the index. */
    warnings: z.array(z.object({ code: z.string().max(64), count: z.int().min(1) })).max(100),
    /** Of a failed run: the code of docs/errors.md, and the script where it was one. */
    error: z.object({ code: z.string().max(64), script: z.string().max(255).optional() }).nullable(),
    configHash: field.sha256,
    stateLost: z.boolean(),
    ledgerUnknown: z.boolean(),
  },
});

export type Manifest = DocumentOf<typeof manifestKind>;

/**
 * Reads a manifest's payload and holds it against the key that it was found under and against itself. Throws
 * `document-too-large`, `document-invalid`, `format-unknown`, or `manifest-invalid` where prefix, set or run differ from
 * the key, where an object lies outside prefix and set or has another hash than its name says, or where two objects
 * have one number.
 */
export function parseManifest(payload: Uint8Array, key: string): Manifest {
  const place = parseObjectKey(key);
  if (place?.kind !== 'manifest') throw new OffsiteError('object-key-invalid', `not the key of a manifest: ${key}`);
  if (payload.length > manifestKind.maxBytes) {
    throw new OffsiteError('document-too-large', `${key} has ${payload.length} bytes, more than any manifest`);
  }
  const manifest = manifestKind.parse(parseCanonical(payload, key), key);
  const refuse = (why: string): never => {
    throw new OffsiteError('manifest-invalid', `${key}: ${why}`);
  };
  for (const name of ['prefix', 'set', 'run'] as const) {
    if (manifest[name] !== place[name]) refuse(`says ${name} ${manifest[name]}`);
  }
  checkSources(manifest, refuse);
  checkObjects(manifest, refuse);
  return manifest;
}

function checkSources(manifest: Manifest, refuse: (why: string) => never): void {
  if (manifest.outcome === 'failed') return;
  const last = manifest.sources.at(-1);
  if (last === undefined || last[1] !== manifest.run || last[0] !== manifest.chain || last[2] !== null) {
    refuse('the last source is not the run itself');
  }
  if (manifest.sources.slice(0, -1).some(([, run, payload]) => payload === null || run === manifest.run)) {
    refuse('a source has no hash');
  }
}

function checkObjects(manifest: Manifest, refuse: (why: string) => never): void {
  const isOwn = (place: ObjectKey | null, ...kinds: ObjectKey['kind'][]) =>
    place !== null &&
    kinds.includes(place.kind) &&
    'set' in place &&
    'prefix' in place &&
    place.prefix === manifest.prefix &&
    place.set === manifest.set;
  const attempts = new Set<number>();
  for (const [attempt, key, , sha] of manifest.keyObjects) {
    const place = parseObjectKey(key);
    if (!isOwn(place, 'session-key') || place?.kind !== 'session-key')
      return refuse(`names a key object that is not its own: ${quoted(key)}`);
    if (place.attempt !== attempt || attempts.has(attempt))
      return refuse(`two key objects, or a wrong one, for attempt ${attempt}`);
    if (!sha.startsWith(place.sha)) return refuse(`the hash of ${key} is not the one in its name`);
    attempts.add(attempt);
  }
  const numbers = new Set<string>();
  let index: string | null = null;
  for (const [key, , sha, attempt] of manifest.objects) {
    const place = parseObjectKey(key);
    if (place === null || !isOwn(place, 'data', 'meta', 'index'))
      return refuse(`names an object that is not its own: ${quoted(key)}`);
    if ('sha' in place && !sha.startsWith(place.sha)) return refuse(`the hash of ${key} is not the one in its name`);
    if (!attempts.has(attempt)) return refuse(`no key object for attempt ${attempt} of ${key}`);
    const number = 'number' in place ? `${place.kind} ${place.number}` : 'index';
    if (numbers.has(number)) return refuse(`two objects are ${number}`);
    numbers.add(number);
    if (place.kind === 'index') index = key;
  }
  if (manifest.outcome === 'failed') {
    if (manifest.index !== null) refuse('a failed run has no index');
  } else if (index === null || manifest.index !== index) refuse('its index is not among its objects');
}
