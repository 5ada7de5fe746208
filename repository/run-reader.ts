/**
 * Looking inside one run: index, listing, content. Everything fetched is named by the run's manifest, or by a
 * manifest whose hash stands in the run's sources; it is hashed before it is decrypted.
 */

import { createHash } from 'node:crypto';
import { type BytePath, comparePaths, displayPath, isUnder } from '../contract/byte-path.ts';
import { parseJson } from '../contract/canonical.ts';
import { decodeLine, type Entry, type Location, MAX_LINE_BYTES } from '../contract/entry.ts';
import { OffsiteError } from '../contract/errors.ts';
import { parseObjectKey } from '../contract/keys.ts';
import type { Manifest, ObjectLine, Source } from '../contract/manifest.ts';
import { decodePath, indexKind, type ListingChunk, type RunIndex } from '../contract/run-index.ts';
import type { PrivateKey } from '../pgp/keys.ts';
import { openPart } from '../pgp/part-reader.ts';
import { recoverSessionKey, type SessionKey } from '../pgp/session-key.ts';
import type { ObjectStore } from '../store/port.ts';
import type { ManifestReader, SignedManifest } from './manifests.ts';
import { decompressFrame, fetchObject } from './objects.ts';

/** Decrypted listing parts kept at hand. */
const LISTING_CACHE_BYTES = 96 * 2 ** 20;

export class RunReader {
  readonly signed: SignedManifest;
  readonly #store: ObjectStore;
  readonly #manifests: ManifestReader;
  readonly #key: PrivateKey;
  readonly #sources = new Map<number, Promise<Manifest>>();
  readonly #sessionKeys = new Map<string, Promise<SessionKey>>();
  readonly #numbers = new WeakMap<Manifest, Map<string, ObjectLine>>();
  readonly #listingParts = new Map<string, Buffer>();
  #lastFrame: { name: string; content: Buffer } | undefined;
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
    const content = decompressFrame(await this.open(manifest, line), line[0], indexKind.maxBytes);
    const index = indexKind.parse(parseJson(content.toString('utf8'), line[0]), line[0]);
    if (JSON.stringify(index.sources) !== JSON.stringify(manifest.sources) || index.run !== manifest.run) {
      throw new OffsiteError('listing-invalid', `${line[0]}: index and manifest disagree about the run or its sources`);
    }
    return index;
  }

  /** Fetches, checks and decrypts one object of a manifest: the frames of a part. */
  async open(manifest: Manifest, line: ObjectLine): Promise<Buffer> {
    const bytes = await fetchObject(this.#store, line);
    const attempt = `${manifest.run} ${line[3]}`;
    let sessionKey = this.#sessionKeys.get(attempt);
    if (sessionKey === undefined) {
      sessionKey = recoverSessionKey(bytes, this.#key);
      this.#sessionKeys.set(attempt, sessionKey);
      sessionKey.catch(() => this.#sessionKeys.delete(attempt));
    }
    return openPart(bytes, await sessionKey);
  }

  /** Fetches and decrypts a data part that entries of this run name by source and number. */
  async openDataPart(source: number, number: number): Promise<Buffer> {
    const { manifest, line } = await this.dataPart(source, number);
    return this.open(manifest, line);
  }

  /** The object line of a data part, and the manifest that names it. */
  dataPart(source: number, number: number): Promise<{ manifest: Manifest; line: ObjectLine }> {
    return this.#part('data', source, number);
  }

  async #part(kind: 'data' | 'meta', source: number, number: number): Promise<{ manifest: Manifest; line: ObjectLine }> {
    const manifest = await this.#source(source);
    const line = this.#numbersOf(manifest).get(`${kind} ${number}`);
    if (line === undefined) throw new OffsiteError('listing-invalid', `run ${manifest.run} has no ${kind} part ${number}`);
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

  /** The manifest of a source: the run's own, or another one that must have the very hash the run names. */
  #source(number: number): Promise<Manifest> {
    let manifest = this.#sources.get(number);
    if (manifest === undefined) {
      manifest = this.#readSource(number);
      this.#sources.set(number, manifest);
      manifest.catch(() => this.#sources.delete(number));
    }
    return manifest;
  }

  async #readSource(number: number): Promise<Manifest> {
    const own = this.signed.manifest;
    const source: Source | undefined = own.sources[number];
    if (source === undefined) throw new OffsiteError('listing-invalid', `run ${own.run} has no source ${number}`);
    const [, run, payload] = source;
    if (payload === null) return own;
    const signed = await this.#manifests.read({ prefix: own.prefix, set: own.set, run });
    if (signed.payloadHash !== payload) {
      throw new OffsiteError('manifest-invalid', `${signed.key} is not the manifest that run ${own.run} was built on`);
    }
    return signed.manifest;
  }

  /** All entries in order; of `under` and what lies beneath alone where it is given. */
  async *entries(under: BytePath = '' as BytePath): AsyncGenerator<Entry> {
    const { listing } = await this.index();
    let previous: BytePath | null = null;
    for await (const entry of joinLines(this.#lines(chunksFor(listing, under)))) {
      if (previous !== null && comparePaths(previous, entry.path) >= 0) {
        throw new OffsiteError('listing-invalid', `the listing is out of order at ${displayPath(entry.path)}`);
      }
      previous = entry.path;
      if (isUnder(entry.path, under)) yield entry;
      else if (comparePaths(entry.path, under) > 0) return;
    }
  }

  async *#lines(chunks: readonly ListingChunk[]): AsyncGenerator<Buffer> {
    for (const chunk of chunks) {
      const bytes = await this.#listingChunk(chunk);
      for (let start = 0; start < bytes.length; ) {
        const end = bytes.indexOf(0x0a, start);
        if (end < 0 || end - start > MAX_LINE_BYTES) throw new OffsiteError('listing-invalid', 'a line of the listing has no end');
        yield bytes.subarray(start, end);
        start = end + 1;
      }
    }
  }

  async #listingChunk(chunk: ListingChunk): Promise<Buffer> {
    const [[source, part, frameOffset, frameLength, offset, length], digest] = chunk;
    const content = await this.#listingFrame(source, part, frameOffset, frameLength);
    const bytes = content.subarray(offset, offset + length);
    if (createHash('sha256').update(bytes).digest('base64') !== digest) {
      throw new OffsiteError('content-damaged', `a piece of the listing in part ${part} has not the hash that the index says`);
    }
    return bytes;
  }

  /** Chunks that share a frame mostly follow each other, so the last frame is kept. */
  async #listingFrame(source: number, part: number, offset: number, length: number): Promise<Buffer> {
    const name = `${source} ${part} ${offset}`;
    if (this.#lastFrame?.name !== name) {
      const frames = await this.#listingPart(source, part);
      this.#lastFrame = { name, content: decompressFrame(frames.subarray(offset, offset + length), `listing part ${part}`) };
    }
    return this.#lastFrame.content;
  }

  async #listingPart(source: number, number: number): Promise<Buffer> {
    const name = `${source} ${number}`;
    const cached = this.#listingParts.get(name);
    if (cached !== undefined) return cached;
    const { manifest, line } = await this.#part('meta', source, number);
    const content = await this.open(manifest, line);
    let total = content.length;
    for (const part of this.#listingParts.values()) total += part.length;
    for (const [oldest, part] of this.#listingParts) {
      if (total <= LISTING_CACHE_BYTES) break;
      this.#listingParts.delete(oldest);
      total -= part.length;
    }
    this.#listingParts.set(name, content);
    return content;
  }
}

/** The chunks that can hold `under` and what lies beneath, judged by their first paths. */
function chunksFor(listing: readonly ListingChunk[], under: BytePath): readonly ListingChunk[] {
  if (under === '') return listing;
  let low = 0;
  let high = listing.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const chunk = listing[middle];
    if (chunk !== undefined && comparePaths(decodePath(chunk[2]), under) < 0) low = middle + 1;
    else high = middle;
  }
  // The chunk before may hold the entry itself: chunks are cut anywhere between lines.
  return listing.slice(Math.max(0, low - 1));
}

async function* joinLines(lines: AsyncIterable<Buffer>): AsyncGenerator<Entry> {
  let entry: Entry | null = null;
  for await (const line of lines) {
    const decoded: { entry: Entry } | { more: Location[] } = decodeLine(line);
    if ('entry' in decoded) {
      if (entry !== null) yield entry;
      entry = decoded.entry;
    } else if (entry === null) {
      // A chunk that begins with the rest of an entry before it: that entry was not asked for.
    } else {
      entry.locations = [...(entry.locations ?? []), ...decoded.more];
    }
  }
  if (entry !== null) yield entry;
}
