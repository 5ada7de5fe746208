/**
 * The object store, as Offsite needs it. Every adapter and wrapper passes the same conformance suite
 * (test/store/conformance.ts), which holds this prose to be true:
 *
 * - **Put if absent.** `put` with condition `absent` makes the object whole or not at all, and of any number of
 *   racing callers, in any number of processes, exactly one succeeds; the others get `store-exists`. Nobody ever sees
 *   a part of an object. When it has returned, the object survives a power cut.
 * - **Compare and swap.** `put` with condition `{ etag }` replaces the object only while it is the one that had this
 *   etag; else `store-changed` (also where it is absent). Of racing callers with one etag exactly one succeeds.
 * - **Lost replies.** A put may have happened although it threw `store-transient`. A caller that tries again and is
 *   told `store-exists` must compare; keys that carry the SHA-256 of their content need no comparison.
 * - **Read after write.** After `put` has returned, `get`, `head` and `list` of every caller see it.
 * - **Order.** `list` and `listFolders` yield keys in bytewise order of their UTF-8 form, each once, also across pages.
 * - **No delete.** Nothing in this version removes an object.
 *
 * Errors are OffsiteErrors: `store-absent`, `store-exists`, `store-changed`, `store-denied`, `store-cold` (must be
 * thawed first), `store-full`, `store-throttled` and `store-transient` (both worth a retry; the retry wrapper does).
 */
export interface ObjectStore {
  /** The URL it was opened with, without credentials; for messages. */
  readonly url: string;

  /**
   * Writes one object. `sha256` (lowercase hex) is checked by the store against what arrived; callers that know it
   * pass it. Keys are valid UTF-8, without empty, `.` or `..` segments, 1,024 bytes at most.
   */
  put(key: string, body: Uint8Array, options: PutOptions): Promise<{ etag: string }>;

  /** Reads one object whole. One larger than `maxBytes` is refused unread: `document-too-large`. */
  get(key: string, options?: { maxBytes?: number }): Promise<StoredObject>;

  /** What the store itself says of an object: no content is trusted from the caller. */
  head(key: string): Promise<ObjectInfo>;

  /** All objects whose key begins with `prefix`, those after the key `after` where it is given. */
  list(prefix: string, options?: { after?: string }): AsyncIterable<ListedObject>;

  /** The distinct beginnings `prefix…/`, up to and with the next slash after `prefix`. */
  listFolders(prefix: string): AsyncIterable<string>;
}

export interface PutOptions {
  readonly condition: PutCondition;
  readonly sha256?: string;
}

export type PutCondition = 'absent' | { readonly etag: string };

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** When the store received it, by the store's clock. */
  readonly lastModified: Date;
}

export interface ObjectInfo extends ListedObject {
  /** Changes whenever the content is replaced; opaque. */
  readonly etag: string;
  /** SHA-256 of the content, lowercase hex, as the store computed it; null where it has none. */
  readonly sha256: string | null;
  /** True where `get` would answer `store-cold`. */
  readonly cold: boolean;
}

export interface StoredObject extends ObjectInfo {
  readonly body: Buffer;
}
