/**
 * The object store, as Offsite needs it. Every adapter and wrapper passes the same conformance suite
 * (test/store/conformance.ts), which holds this prose to be true:
 *
 * - **Put if absent.** `put` with condition `absent` makes the object whole or not at all, and of any number of
 *   racing callers, in any number of processes, exactly one succeeds; the others get `store-exists`. Nobody ever sees
 *   a part of an object. When it has returned, the object survives a power cut.
 * - **Compare and swap.** `put` with condition `{ etag }` replaces the object only while it is the one that had this
 *   etag; else `store-changed` (also where it is absent). Of racing callers with one etag exactly one succeeds.
 * - **Lost replies.** A put may have happened although it threw `store-transient`. Whoever tries again, as the retry
 *   wrapper does, may then be told `store-exists` or `store-changed` because of its own earlier try. Nobody below the
 *   caller can judge that, since a host with a job may not read: the caller must compare, or use keys that carry the
 *   SHA-256 of their content, or bytes that only it can have written. A counter by compare-and-swap may count twice.
 * - **Read after write.** After `put` has returned, `get`, `head` and `list` of every caller see it.
 * - **Order.** `list` and `listFolders` yield keys in bytewise order of their UTF-8 form, each once, also across pages.
 * - **Keys** (store/keys-safety.ts) are valid Unicode without control characters, 1,024 bytes of UTF-8 at most (with
 *   the store's own prefix, where it has one), in segments of 1 to 255 bytes that are neither `.` nor `..`; the first is
 *   not `.offsite`. Others are refused with `object-key-invalid`, and what lies in a store under other names is not
 *   listed. No key may be the folder of another one (`a` beside `a/b`): a directory cannot hold both.
 * - **No store.** Where the bucket or directory itself is missing, everything is `store-absent`, lists too: an empty
 *   list means an empty store.
 * - **No delete.** Nothing in this version removes an object.
 *
 * Errors are OffsiteErrors: `store-absent`, `store-exists`, `store-changed`, `store-denied`, `store-cold` (must be
 * thawed first), `store-full`, `store-throttled` and `store-transient` (both worth a retry; the retry wrapper does).
 */
export interface ObjectStore {
  /** The URL it was opened with, without credentials; for messages. */
  readonly url: string;

  /**
   * Writes one object. `sha256` (lowercase hex) is checked by the store against what arrived (`store-transient` if it
   * differs); callers that know it pass it. The body must not change until the promise is settled. `interrupted` where a
   * limit held it up and the command was stopped meanwhile.
   */
  put(key: string, body: Uint8Array, options: PutOptions): Promise<{ etag: string }>;

  /**
   * Reads one object whole. One larger than `maxBytes` is refused unread: `document-too-large`. The body is the
   * caller's; it may lie in `memory`, from its beginning, where that is given and large enough.
   */
  get(key: string, options?: GetOptions): Promise<StoredObject>;

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
  /**
   * The caller has computed `sha256` from this very memory, just now, and nobody writes to it meanwhile: a store that
   * receives the memory itself may believe it. One that is sent the bytes checks them all the same.
   */
  readonly isHashed?: boolean;
}

export interface GetOptions {
  readonly maxBytes?: number;
  /** Memory for the body, so that whoever reads many objects need not take new memory for each. */
  readonly memory?: Uint8Array | undefined;
}

export type PutCondition = 'absent' | { readonly etag: string };

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** When the store received it, by the store's clock. */
  readonly lastModified: Date;
}

export interface ObjectInfo extends ListedObject {
  /** Changes whenever the content is replaced by other content, and may return with it; opaque. */
  readonly etag: string;
  /** SHA-256 of the content, lowercase hex, as the store computed it; null where it has none, or `get` was not told it. */
  readonly sha256: string | null;
  /** True where `get` would answer `store-cold`. */
  readonly cold: boolean;
}

/** May compute `etag` and `sha256` from `body` when they are asked for: ask before changing the body. */
export interface StoredObject extends ObjectInfo {
  readonly body: Buffer;
}
