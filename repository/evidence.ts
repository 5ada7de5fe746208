/**
 * Evidence about a run: what the store answers, and nothing believed that was not signed by whom it must be. What cannot
 * be read, or does not hold, is evidence too and is returned. What says nothing about the run (the store is throttled,
 * unreachable, or denies the call) is thrown, so that no run is judged by a bad day of the store.
 */

import { decodeEnvelope } from '../contract/envelope.ts';
import { type ErrorCode, isOffsiteError, type OffsiteError } from '../contract/errors.ts';
import { type RunId, sha256Hex } from '../contract/ids.ts';
import { objectKey } from '../contract/keys.ts';
import { type Manifest, manifestKind } from '../contract/manifest.ts';
import type { Acceptance, Trust } from '../contract/trust.ts';
import type { PublicKey } from '../pgp/keys.ts';
import type { ObjectStore } from '../store/port.ts';
import { readAcceptance } from './acceptance.ts';
import { eachOf } from './concurrent.ts';
import { ManifestReader, type RunPlace, type SignedManifest } from './manifests.ts';
import { isRefusal } from './runs.ts';
import { readTrust, TRUST_KEY } from './trust.ts';

export type ManifestEvidence =
  | { readonly state: 'absent' }
  | { readonly state: 'invalid'; readonly code: ErrorCode; readonly why: string; readonly received: Date }
  | { readonly state: 'valid'; readonly signed: SignedManifest };

/** What the store has under a key that a manifest names; null where it has nothing. */
export type StoredAnswer = { readonly size: number; readonly sha256: string | null } | null;

export type SourceEvidence =
  | { readonly state: 'present'; readonly payload: string }
  | { readonly state: 'absent' }
  | { readonly state: 'unreadable'; readonly why: string };

export type AcceptanceEvidence =
  | { readonly state: 'absent' }
  | { readonly state: 'invalid'; readonly why: string }
  | { readonly state: 'valid'; readonly acceptance: Acceptance };

/** HEAD requests at once: 20,000 of them take a few seconds, and S3 allows 5,500 a second for each prefix. */
const HEADS_AT_ONCE = 64;
/** Manifests of sources are read whole; that of a large full has a few megabytes. */
const SOURCES_AT_ONCE = 4;

/** Gathers evidence from one store. `anchor` is the operator's public keys; it never comes from the store. */
export class Evidence {
  readonly #store: ObjectStore;
  readonly #anchor: readonly PublicKey[];
  #trusted: { etag: string | null; reader: ManifestReader } | undefined;

  constructor(store: ObjectStore, anchor: readonly PublicKey[]) {
    this.#store = store;
    this.#anchor = anchor;
  }

  /** The manifest, believed as far as its signature and trust.json go. */
  async manifest(place: RunPlace): Promise<ManifestEvidence> {
    const first = await this.#read(await this.#reader(), place);
    if (first.state !== 'invalid' || first.code !== 'signature-invalid') return first;
    // The host may have registered a key since its keys were read.
    this.#trusted = undefined;
    return this.#read(await this.#reader(), place);
  }

  /** What the store has of every object and key object that the manifest names, by key. */
  async objects(manifest: Manifest): Promise<Map<string, StoredAnswer>> {
    const keys = new Set([...manifest.objects.map(([key]) => key), ...manifest.keyObjects.map(([, key]) => key)]);
    const answers = new Map<string, StoredAnswer>();
    await eachOf(keys, HEADS_AT_ONCE, async (key) => {
      const info = await absentAsNull(this.#store.head(key));
      answers.set(key, info === null ? null : { size: info.size, sha256: info.sha256 });
    });
    return answers;
  }

  /** The manifests of the runs that this one builds on, by run: the hash of each one's payload. */
  async sources({ prefix, set, sources }: Manifest): Promise<Map<RunId, SourceEvidence>> {
    const answers = new Map<RunId, SourceEvidence>();
    const others = sources.filter(([, , payload]) => payload !== null);
    await eachOf(others, SOURCES_AT_ONCE, async ([, run]) => {
      answers.set(run, await this.#payloadHash(objectKey({ kind: 'manifest', prefix, set, run })));
    });
    return answers;
  }

  /** The operator's acceptance of the run. */
  async acceptance(place: RunPlace): Promise<AcceptanceEvidence> {
    try {
      const acceptance = await readAcceptance(this.#store, this.#anchor, place);
      return acceptance === null ? { state: 'absent' } : { state: 'valid', acceptance };
    } catch (error) {
      return { state: 'invalid', why: contentError(error).message };
    }
  }

  async #read(reader: ManifestReader, place: RunPlace): Promise<ManifestEvidence> {
    try {
      const signed = await absentAsNull(reader.read(place));
      return signed === null ? { state: 'absent' } : { state: 'valid', signed };
    } catch (error) {
      const { code, message } = contentError(error);
      const { lastModified } = await this.#store.head(objectKey({ kind: 'manifest', ...place }));
      return { state: 'invalid', code, why: message, received: lastModified };
    }
  }

  async #payloadHash(key: string): Promise<SourceEvidence> {
    try {
      const object = await absentAsNull(this.#store.get(key, { maxBytes: manifestKind.maxBytes * 2 }));
      if (object === null) return { state: 'absent' };
      return { state: 'present', payload: sha256Hex(decodeEnvelope(object.body, key).payload) };
    } catch (error) {
      return { state: 'unreadable', why: contentError(error).message };
    }
  }

  /** Trust is read again when trust.json has changed. One that is not the operator's certifies nobody. */
  async #reader(): Promise<ManifestReader> {
    const etag = (await absentAsNull(this.#store.head(TRUST_KEY)))?.etag ?? null;
    if (this.#trusted?.etag !== etag || this.#trusted === undefined) {
      const trust = etag === null ? null : await this.#trust();
      this.#trusted = { etag, reader: new ManifestReader(this.#store, trust) };
    }
    return this.#trusted.reader;
  }

  async #trust(): Promise<Trust | null> {
    try {
      return (await readTrust(this.#store, this.#anchor))?.trust ?? null;
    } catch (error) {
      contentError(error);
      return null;
    }
  }
}

function contentError(error: unknown): OffsiteError {
  if (isRefusal(error)) return error;
  throw error;
}

async function absentAsNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (isOffsiteError(error, 'store-absent')) return null;
    throw error;
  }
}
