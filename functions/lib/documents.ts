/** The stack's own documents in the store: read, and changed by compare-and-swap. */

import type { Json } from '../../contract/canonical.ts';
import { isOffsiteError, type OffsiteError } from '../../contract/errors.ts';
import type { ObjectStore, PutCondition } from '../../store/port.ts';

/** A kind of document: see contract/document.ts. */
export interface Kind<T> {
  readonly maxBytes: number;
  parse(value: Json, what: string): T;
  parseBytes(bytes: Uint8Array, what: string): T;
}

export interface Found<T> {
  /** Null where there is none, and where what lies there is damaged. */
  readonly document: T | null;
  /** How to replace it. */
  readonly condition: PutCondition;
  /** What is wrong with what lies there; null where nothing is. */
  readonly fault: OffsiteError | null;
}

/**
 * Reads a document. A damaged one counts as absent and may be replaced: everything the stack keeps can be made again
 * from manifests, fleet files and the clock. One of a newer format is thrown (`format-unknown`), as all else is.
 */
export async function readDocument<T>(store: ObjectStore, key: string, kind: Kind<T>): Promise<Found<T>> {
  try {
    const { body, etag } = await store.get(key, { maxBytes: kind.maxBytes });
    try {
      return { document: parsedOnce(store, key, kind, { body, etag }), condition: { etag }, fault: null };
    } catch (error) {
      if (!isOffsiteError(error, 'document-invalid')) throw error;
      return { document: null, condition: { etag }, fault: error };
    }
  } catch (error) {
    if (isOffsiteError(error, 'store-absent')) return { document: null, condition: 'absent', fault: null };
    if (!isOffsiteError(error, 'document-too-large')) throw error;
    const { etag } = await store.head(key);
    return { document: null, condition: { etag }, fault: error };
  }
}

/** Large documents take milliseconds to check, and the same ones are read again and again while a slot is open. */
const LARGE = 16 * 1024;
const MAX_KEPT = 24;
const large = new WeakMap<ObjectStore, Map<string, { readonly etag: string; readonly document: unknown }>>();

/** The document in this object, checked once for as long as it stays what it is. Nobody changes what they are given. */
function parsedOnce<T>(
  store: ObjectStore,
  key: string,
  kind: Kind<T>,
  { body, etag }: { body: Buffer; etag: string },
): T {
  if (body.length < LARGE) return kind.parseBytes(body, key);
  const ofStore = large.get(store) ?? new Map<string, { etag: string; document: unknown }>();
  large.set(store, ofStore);
  const known = ofStore.get(key);
  ofStore.delete(key);
  const document = known?.etag === etag ? (known.document as T) : kind.parseBytes(body, key);
  ofStore.set(key, { etag, document });
  const [oldest] = ofStore.keys();
  if (ofStore.size > MAX_KEPT && oldest !== undefined) ofStore.delete(oldest);
  return document;
}

/** Writes a document, checked against its kind first: what is written can be read. */
export async function putDocument<T>(
  store: ObjectStore,
  key: string,
  kind: Kind<T>,
  document: T,
  condition: PutCondition,
): Promise<void> {
  kind.parse(document as Json, key);
  await store.put(key, Buffer.from(`${JSON.stringify(document)}\n`), { condition });
}

/** True for the two answers that say somebody else was faster, or that an earlier try of ours got through unheard. */
export function isRace(error: unknown): boolean {
  return isOffsiteError(error, 'store-changed', 'store-exists');
}

const MAX_TRIES = 50;

/**
 * Changes a document by compare-and-swap until it holds. `change` is given what is there and returns what shall be, or
 * null where that is right already; it is called again after every lost race, so it must be pure. Returns what is there
 * at the end, and whether it was this call that put it there.
 */
export async function changeDocument<T>(
  store: ObjectStore,
  key: string,
  kind: Kind<T>,
  change: (current: T | null) => T | null,
): Promise<{ document: T | null; changed: boolean }> {
  for (let tries = 1; ; tries++) {
    const { document, condition } = await readDocument(store, key, kind);
    const next = change(document);
    if (next === null) return { document, changed: false };
    try {
      await putDocument(store, key, kind, next, condition);
      return { document: next, changed: true };
    } catch (error) {
      if (!isRace(error) || tries === MAX_TRIES) throw error;
    }
  }
}

/** Runs `step` again whenever it lost a race. */
export async function untilUndisturbed<T>(step: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await step();
    } catch (error) {
      if (!isRace(error) || tries === MAX_TRIES) throw error;
    }
  }
}
