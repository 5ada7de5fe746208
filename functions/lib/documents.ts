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

/** Bytes of documents that are remembered for each store. */
const MAX_REMEMBERED = 8 * 1024 * 1024;

/** What was read or written last, by key: checking a document costs more than fetching it, and most are read again. */
class Memory {
  readonly #documents = new Map<
    string,
    { readonly etag: string; readonly document: unknown; readonly bytes: number }
  >();
  #bytes = 0;

  recall(key: string, etag: string): unknown {
    const known = this.#documents.get(key);
    return known?.etag === etag ? known.document : undefined;
  }

  keep(key: string, etag: string, document: unknown, bytes: number): void {
    this.#forget(key);
    this.#documents.set(key, { etag, document, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#documents.keys()) {
      if (this.#bytes <= MAX_REMEMBERED) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#bytes -= this.#documents.get(key)?.bytes ?? 0;
    this.#documents.delete(key);
  }
}

const memories = new WeakMap<ObjectStore, Memory>();

function memoryOf(store: ObjectStore): Memory {
  const memory = memories.get(store) ?? new Memory();
  memories.set(store, memory);
  return memory;
}

/** The document in this object, checked once for as long as it stays what it is. Frozen, since others are given it too. */
function parsedOnce<T>(
  store: ObjectStore,
  key: string,
  kind: Kind<T>,
  { body, etag }: { body: Buffer; etag: string },
): T {
  const memory = memoryOf(store);
  const known = memory.recall(key, etag);
  if (known !== undefined) return known as T;
  const document = frozen(kind.parseBytes(body, key));
  memory.keep(key, etag, document, body.length);
  return document;
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) frozen(item);
  return Object.freeze(value);
}

/** Writes a document, checked against its kind first: what is written can be read. */
export async function putDocument<T>(
  store: ObjectStore,
  key: string,
  kind: Kind<T>,
  document: T,
  condition: PutCondition,
): Promise<void> {
  const checked = kind.parse(document as Json, key);
  const body = Buffer.from(`${JSON.stringify(document)}\n`);
  const { etag } = await store.put(key, body, { condition });
  memoryOf(store).keep(key, etag, frozen(checked), body.length);
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
