/**
 * Manifests, believed step by step: envelope, signature by a key that this prefix registered, certification by the
 * operator's trust.json, and only then the payload's own shape. A manifest that is returned was validly signed; whether
 * its key is certified stands beside it, and the caller decides what an uncertified one may be used for.
 */

import { decodeEnvelope } from '../contract/envelope.ts';
import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { type RunId, sha256Hex } from '../contract/ids.ts';
import { keysOfPrefix, objectKey, parseObjectKey } from '../contract/keys.ts';
import { type Manifest, manifestKind, parseManifest } from '../contract/manifest.ts';
import type { Trust } from '../contract/trust.ts';
import { type PublicKey, readPublicKeys } from '../pgp/keys.ts';
import { verifyDetached } from '../pgp/sign.ts';
import type { ObjectStore } from '../store/port.ts';
import { type Certification, certificationOf } from './trust.ts';

export interface RunPlace {
  readonly prefix: string;
  readonly set: string;
  readonly run: RunId;
}

export interface SignedManifest {
  readonly key: string;
  readonly manifest: Manifest;
  /** SHA-256 of the exact payload bytes, lowercase hex. */
  readonly payloadHash: string;
  /** Fingerprint of the registered key that signed. */
  readonly signer: string;
  readonly certification: Certification;
  /** When the store received it. */
  readonly received: Date;
}

const MAX_HOST_KEY_BYTES = 64 * 1024;
/** Registered keys that are looked at besides the certified ones. */
const MAX_OTHER_KEYS = 100;

/** Reads manifests of one store, fetching each prefix's registered keys once. */
export class ManifestReader {
  readonly #store: ObjectStore;
  readonly #trust: Trust | null;
  readonly #keys = new Map<string, Promise<PublicKey[]>>();

  constructor(store: ObjectStore, trust: Trust | null) {
    this.#store = store;
    this.#trust = trust;
  }

  /**
   * Throws `store-absent`; `signature-invalid` where no key registered under the prefix signed these bytes; else
   * `document-invalid`, `document-too-large`, `format-unknown` or `manifest-invalid`.
   */
  async read(place: RunPlace): Promise<SignedManifest> {
    const key = objectKey({ kind: 'manifest', prefix: place.prefix, set: place.set, run: place.run });
    const object = await this.#store.get(key, { maxBytes: manifestKind.maxBytes * 2 });
    const { payload, signatures } = decodeEnvelope(object.body, key);
    const signer = await verifyDetached(payload, signatures, await this.keysOf(place.prefix));
    if (signer === null) {
      throw new OffsiteError('signature-invalid', `${key} is not signed by any key registered for ${place.prefix}`);
    }
    const manifest = parseManifest(payload, key);
    const { prefix, name, sequence } = manifest;
    const certification = certificationOf(this.#trust, { prefix, name, sequence, fingerprint: signer });
    return { key, manifest, payloadHash: sha256Hex(payload), signer, certification, received: object.lastModified };
  }

  /** The same, or null where there is none. */
  async readIfPresent(place: RunPlace): Promise<SignedManifest | null> {
    try {
      return await this.read(place);
    } catch (error) {
      if (isOffsiteError(error, 'store-absent')) return null;
      throw error;
    }
  }

  /**
   * The signing keys that a prefix registered, certified ones first. Objects that are no such key, or not the one they
   * are named for, are passed over.
   */
  keysOf(prefix: string): Promise<PublicKey[]> {
    const known = this.#keys.get(prefix);
    if (known !== undefined) return known;
    const keys = this.#readKeys(prefix);
    this.#keys.set(prefix, keys);
    keys.catch(() => this.#keys.delete(prefix));
    return keys;
  }

  async #readKeys(prefix: string): Promise<PublicKey[]> {
    // Certified ones are asked for by name: whoever may write under the prefix can register any number of others.
    const certified = this.#trust?.hosts[prefix]?.keys ?? [];
    const names = new Set(certified.map(({ fingerprint }) => objectKey({ kind: 'host', prefix, fingerprint })));
    let others = 0;
    for await (const { key } of this.#store.list(keysOfPrefix(prefix))) {
      if (parseObjectKey(key)?.kind !== 'host' || names.has(key)) continue;
      if (++others > MAX_OTHER_KEYS) break;
      names.add(key);
    }
    const keys: PublicKey[] = [];
    for (const name of names) keys.push(...(await this.#readKey(name)));
    return keys;
  }

  async #readKey(name: string): Promise<PublicKey[]> {
    const place = parseObjectKey(name);
    try {
      const { body } = await this.#store.get(name, { maxBytes: MAX_HOST_KEY_BYTES });
      const keys = await readPublicKeys(body, name);
      return keys.filter(({ fingerprint }) => place?.kind === 'host' && fingerprint === place.fingerprint);
    } catch (error) {
      if (isOffsiteError(error, 'key-unreadable', 'store-absent', 'document-too-large')) return [];
      throw error;
    }
  }
}
