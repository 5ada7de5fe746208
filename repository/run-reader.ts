/**
 * Looking inside one run: index, listing, content. Everything fetched is named by the run's manifest, or by a
 * manifest whose hash stands in the run's sources; it is hashed before it is decrypted.
 */

import { createHash } from 'node:crypto';
import { type BytePath, comparePaths, isUnder } from '../contract/byte-path.ts';
import { decodeUtf8, parseJson } from '../contract/canonical.ts';
import type { Entry } from '../contract/entry.ts';
import { OffsiteError } from '../contract/errors.ts';
import { parseObjectKey } from '../contract/keys.ts';
import type { Manifest, ObjectLine, Source } from '../contract/manifest.ts';
import { decodePath, indexKind, type ListingChunk, type RunIndex } from '../contract/run-index.ts';
import type { PrivateKey } from '../pgp/keys.ts';
import { decryptMessage } from '../pgp/messages.ts';
import { openPart } from '../pgp/part-reader.ts';
import { parseSessionKey, recoverSessionKey, type SessionKey } from '../pgp/session-key.ts';
import type { ObjectInfo, ObjectStore } from '../store/port.ts';
import { BoundedCache } from './cache.ts';
import { chunksFor, type ListingDamage, ListingDecoder } from './listing.ts';
import type { ManifestReader, SignedManifest } from './manifests.ts';
import { assertHash, decompressFrame, fetchObject, fetchUnhashed, isDamage } from './objects.ts';
import { RecentFrames } from './recent-frames.ts';

/** Decrypted listing parts kept at hand. */
const LISTING_CACHE_BYTES = 96 * 2 ** 20;

/**
 * The manifest of one of a run's sources: its own, or another one, which must have the very hash that the run names.
 * Throws `listing-invalid` where there is no such source, `manifest-invalid` for another hash, and what reading throws.
 */
export async function readSource(manifests: ManifestReader, own: Manifest, number: number): Promise<Manifest> {
  const source: Source | undefined = own.sources[number];
  if (source === undefined) throw new OffsiteError('listing-invalid', `run ${own.run} has no source ${number}`);
  const [, run, payload] = source;
  if (payload === null) return own;
  const signed = await manifests.read({ prefix: own.prefix, set: own.set, run });
  if (signed.payloadHash !== payload) {
    throw new OffsiteError('manifest-invalid', `${signed.key} is not the manifest that run ${own.run} was built on`);
  }
  return signed.manifest;
}

/** A part as the store has it, and what opens it. */
export interface FetchedPart {
  readonly bytes: Buffer;
  readonly sessionKey: SessionKey;
  /** The hash that it must be held against first, hex; null where that is done. */
  readonly sha256: string | null;
}

/** All parts of one attempt of a run have one session key. */
const attemptOf = ({ run }: Manifest, [, , , attempt]: ObjectLine): string => `${run} ${attempt}`;

export class RunReader {
  readonly signed: SignedManifest;
  readonly #store: ObjectStore;
  readonly #manifests: ManifestReader;
  readonly #key: PrivateKey;
  readonly #sources = new Map<number, Promise<Manifest>>();
  readonly #sessionKeys = new Map<string, Promise<SessionKey>>();
  readonly #numbers = new WeakMap<Manifest, Map<string, ObjectLine>>();
  readonly #listingParts = new BoundedCache<Buffer | OffsiteError>(LISTING_CACHE_BYTES);
  readonly #frames = new RecentFrames();
  #index: Promise<RunIndex> | undefined;

  constructor(ports: { store: ObjectStore; manifests: ManifestReader; key: PrivateKey }, signed: SignedManifest) {
    this.signed = signed;
    this.#store = ports.store;
    this.#manifests = ports.manifests;
    this.#key = ports.key;
  }

  /** The run's index. Throws `run-failed` where the run has none, else what fetching, opening or parsing it throws. */
  index(): Promise<RunIndex> {
    this.#index ??= this.#readIndex();
    return this.#index;
  }

  async #readIndex(): Promise<RunIndex> {
    const { manifest } = this.signed;
    const line = manifest.objects.find(([key]) => key === manifest.index);
    if (line === undefined) throw new OffsiteError('run-failed', `run ${manifest.run} failed and holds no backup`);
    const content = decompressFrame(await this.open(manifest, line), line[0], { maxLength: indexKind.maxBytes });
    const index = indexKind.parse(parseJson(content.toString('utf8'), line[0]), line[0]);
    if (JSON.stringify(index.sources) !== JSON.stringify(manifest.sources) || index.run !== manifest.run) {
      throw new OffsiteError('listing-invalid', `${line[0]}: index and manifest disagree about the run or its sources`);
    }
    return index;
  }

  /** Fetches, checks and decrypts one object of a manifest: the frames of a part. */
  async open(manifest: Manifest, line: ObjectLine): Promise<Buffer> {
    const { bytes, sessionKey } = await this.fetch(manifest, line);
    try {
      return openPart(bytes, sessionKey);
    } catch (cause) {
      throw new OffsiteError('part-damaged', `${line[0]} cannot be decrypted`, { cause });
    }
  }

  /** The same without the decryption: bytes that are the manifest's, and the session key that opens them. */
  async fetch(manifest: Manifest, line: ObjectLine): Promise<{ bytes: Buffer; sessionKey: SessionKey }> {
    const bytes = await fetchObject(this.#store, line);
    return { bytes, sessionKey: await this.#sessionKey(attemptOf(manifest, line), bytes) };
  }

  /** The session key of an attempt, from the first of its parts whose hash holds. */
  #sessionKey(attempt: string, bytes: Uint8Array): Promise<SessionKey> {
    let sessionKey = this.#sessionKeys.get(attempt);
    if (sessionKey === undefined) {
      sessionKey = recoverSessionKey(bytes, this.#key);
      this.#sessionKeys.set(attempt, sessionKey);
      sessionKey.catch(() => this.#sessionKeys.delete(attempt));
    }
    return sessionKey;
  }

  /** Fetches and decrypts a data part that entries of this run name by source and number. */
  async openDataPart(source: number, number: number): Promise<Buffer> {
    const { manifest, line } = await this.dataPart(source, number);
    return this.open(manifest, line);
  }

  /**
   * Fetches a data part, still encrypted, and the session key that opens it. It is hashed here only where that is still
   * to be recovered from it; whoever gets it must see to `sha256` (assertHash) before anything else. It lies in `memory`,
   * where that is given and the store can put it there.
   */
  async fetchDataPart(source: number, number: number, memory?: Uint8Array): Promise<FetchedPart> {
    const { manifest, line } = await this.dataPart(source, number);
    const [key, , hash] = line;
    const bytes = await fetchUnhashed(this.#store, line, memory);
    const attempt = attemptOf(manifest, line);
    const known = this.#sessionKeys.get(attempt);
    if (known !== undefined) return { bytes, sessionKey: await known, sha256: hash };
    assertHash(key, hash, bytes);
    return { bytes, sessionKey: await this.#sessionKey(attempt, bytes), sha256: null };
  }

  /**
   * The session key in one of a manifest's key objects: what opens its parts when their own session-key packets are of
   * no use any more. Throws `part-damaged` where there is none in it.
   */
  async openKeyObject([attempt, key, size, sha256]: Manifest['keyObjects'][number]): Promise<SessionKey> {
    const bytes = await fetchObject(this.#store, [key, size, sha256, attempt]);
    const value = parseJson(decodeUtf8(await decryptMessage(bytes, this.#key), key), key);
    if (value === null || typeof value !== 'object' || !('sessionKey' in value) || Array.isArray(value)) {
      throw new OffsiteError('part-damaged', `${key} holds no session key`);
    }
    return parseSessionKey(String(value.sessionKey));
  }

  /** What the store says of an object, without reading it. */
  head(key: string): Promise<ObjectInfo> {
    return this.#store.head(key);
  }

  /** The object line of a data part, and the manifest that names it. */
  dataPart(source: number, number: number): Promise<{ manifest: Manifest; line: ObjectLine }> {
    return this.#part('data', source, number);
  }

  async #part(
    kind: 'data' | 'meta',
    source: number,
    number: number,
  ): Promise<{ manifest: Manifest; line: ObjectLine }> {
    const manifest = await this.#source(source);
    const line = this.#numbersOf(manifest).get(`${kind} ${number}`);
    if (line === undefined)
      throw new OffsiteError('listing-invalid', `run ${manifest.run} has no ${kind} part ${number}`);
    return { manifest, line };
  }

  #numbersOf(manifest: Manifest): Map<string, ObjectLine> {
    let numbers = this.#numbers.get(manifest);
    if (numbers === undefined) {
      numbers = new Map();
      for (const line of manifest.objects) {
        const place = parseObjectKey(line[0]);
        if (place?.kind === 'data' || place?.kind === 'meta') numbers.set(`${place.kind} ${place.number}`, line);
      }
      this.#numbers.set(manifest, numbers);
    }
    return numbers;
  }

  #source(number: number): Promise<Manifest> {
    let manifest = this.#sources.get(number);
    if (manifest === undefined) {
      manifest = readSource(this.#manifests, this.signed.manifest, number);
      this.#sources.set(number, manifest);
      manifest.catch(() => this.#sources.delete(number));
    }
    return manifest;
  }

  /**
   * All entries in order; of `under` and what lies beneath alone where it is given. What is damaged or invalid in the
   * listing is thrown; with `onDamage` it is told, and all that can be read is given out all the same.
   */
  async *entries(
    under: BytePath = '' as BytePath,
    onDamage?: (damage: ListingDamage) => void,
  ): AsyncGenerator<Entry, void, void> {
    for await (const batch of this.batches(under, onDamage)) yield* batch;
  }

  /**
   * The same, as many at once as a piece of the listing has, to be gone through before the next is asked for: waiting for
   * each by itself would cost as much as reading it.
   */
  async *batches(
    under: BytePath = '' as BytePath,
    onDamage?: (damage: ListingDamage) => void,
  ): AsyncGenerator<Iterable<Entry>, void, void> {
    const { listing } = await this.index();
    const decoder = new ListingDecoder(onDamage);
    const chunks = chunksFor(listing, under);
    for (const [i, chunk] of chunks.entries()) {
      const piece = await this.#listingChunk(chunk, chunks[i + 1]).catch((error: unknown) => {
        if (!isDamage(error)) throw error;
        return { from: decodePath(chunk[2]), entries: chunk[3], error };
      });
      yield within(under, Buffer.isBuffer(piece) ? decoder.decode(piece) : decoder.lost(piece));
    }
    yield within(under, decoder.end());
  }

  /** The entry of exactly this path; null where there is none. */
  async entry(path: BytePath, onDamage?: (damage: ListingDamage) => void): Promise<Entry | null> {
    for await (const entry of this.entries(path, onDamage)) return entry.path === path ? entry : null;
    return null;
  }

  async #listingChunk(chunk: ListingChunk, next: ListingChunk | undefined): Promise<Buffer> {
    const [[source, part, frameOffset, frameLength, offset, length], digest] = chunk;
    if (next !== undefined) this.#prefetch(next, `${source} ${part}`);
    const content = await this.#listingFrame(source, part, frameOffset, frameLength);
    const bytes = content.subarray(offset, offset + length);
    if (createHash('sha256').update(bytes).digest('base64') !== digest) {
      const what = `a piece of the listing in part ${part}`;
      throw new OffsiteError('content-damaged', `${what} has not the hash that the index says`);
    }
    return bytes;
  }

  /** Pieces of one source that share a frame mostly follow each other, so the last frame of each is kept. */
  async #listingFrame(source: number, part: number, offset: number, length: number): Promise<Buffer> {
    const name = `${part} ${offset} ${length}`;
    const known = this.#frames.get(source, name);
    if (known !== undefined) return known;
    const frames = await this.#listingPart(source, part);
    const content = decompressFrame(frames.subarray(offset, offset + length), `listing part ${part}`);
    this.#frames.keep(source, name, content);
    return content;
  }

  /** The part of the next piece is fetched while this piece is read. */
  #prefetch([[source, part]]: ListingChunk, present: string): void {
    if (`${source} ${part}` === present) return;
    this.#listingPart(source, part).catch(() => {
      // Whoever asks for it is told.
    });
  }

  async #listingPart(source: number, number: number): Promise<Buffer> {
    const { manifest, line } = await this.#part('meta', source, number);
    const content = await this.#listingParts.get(line[0], line[1], () =>
      this.open(manifest, line).catch((error: unknown) => {
        // Kept as well, or each of its pieces would fetch the damaged part again.
        if (isDamage(error)) return error;
        throw error;
      }),
    );
    if (Buffer.isBuffer(content)) return content;
    throw content;
  }
}

function* within(under: BytePath, entries: Iterable<Entry>): Generator<Entry> {
  for (const entry of entries) {
    if (isUnder(entry.path, under)) yield entry;
    else if (comparePaths(entry.path, under) > 0) return;
  }
}
