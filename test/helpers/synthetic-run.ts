/**
 * Runs made by hand: real keys, real parts, a real signed manifest, and any listing at all, also one that no agent would
 * ever write. For tests of what reads runs.
 */

import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { type BytePath, comparePaths, pathFromText } from '../../contract/byte-path.ts';
import { canonicalJson } from '../../contract/canonical.ts';
import { type Entry, encodeEntry, type Location } from '../../contract/entry.ts';
import { encodeEnvelope } from '../../contract/envelope.ts';
import { type RunId, randomRunId, sha256Hex } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import type { Manifest, ObjectLine, Source } from '../../contract/manifest.ts';
import { encodePath, type ListingChunk } from '../../contract/run-index.ts';
import { generateOperatorKey, generateSigningKey, type PrivateKey, readPrivateKey } from '../../pgp/keys.ts';
import { encryptMessage } from '../../pgp/messages.ts';
import { PartWriter } from '../../pgp/part-writer.ts';
import { formatSessionKey, newSessionKey, type SessionKey, sessionKeyPackets } from '../../pgp/session-key.ts';
import { signDetached } from '../../pgp/sign.ts';
import { ManifestReader } from '../../repository/manifests.ts';
import { RunReader } from '../../repository/run-reader.ts';
import { writeTrust } from '../../repository/trust.ts';
import { MemoryStore } from '../../store/memory.ts';
import type { ObjectStore } from '../../store/port.ts';
import { secureRandom } from '../../system/random.ts';

const PREFIX = 'carcosa';
const SET = 'data';
const NOW = new Date('2026-05-01T00:00:00Z');
const ZERO_HASH = '0'.repeat(64);

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');

/** A frame of a part, as the format wants it. */
export const frameOf = (content: Uint8Array): Buffer => zstdCompressSync(content);

/** A store with one host whose key the operator certified. */
export class SyntheticHost {
  readonly store: MemoryStore;
  readonly operator: PrivateKey;
  readonly signing: PrivateKey;
  sequence = 0;
  previous: string | null = null;

  private constructor(store: MemoryStore, operator: PrivateKey, signing: PrivateKey) {
    this.store = store;
    this.operator = operator;
    this.signing = signing;
  }

  static async make(): Promise<SyntheticHost> {
    const store = new MemoryStore();
    const [operatorKey, signingKey] = await Promise.all([
      generateOperatorKey({ name: 'Jo', email: 'jo@example.org', now: NOW }),
      generateSigningKey({ host: PREFIX, now: NOW }),
    ]);
    const operator = await readPrivateKey(Buffer.from(operatorKey.privateArmored), 'operator');
    const signing = await readPrivateKey(Buffer.from(signingKey.privateArmored), 'host');
    const { fingerprint, armored } = signing.publicKey;
    const key = objectKey({ kind: 'host', prefix: PREFIX, fingerprint });
    await store.put(key, Buffer.from(armored), { condition: 'absent' });
    const hosts = { [PREFIX]: { name: PREFIX, keys: [{ fingerprint, from: 1, until: null }] } };
    await writeTrust(store, hosts, null, { key: operator, now: NOW });
    return new SyntheticHost(store, operator, signing);
  }

  manifests(store: ObjectStore = this.store): ManifestReader {
    return new ManifestReader(store, null);
  }

  /** Reads a run through a store, which may be another one than the host wrote to. */
  async open(run: RunId, store: ObjectStore = this.store): Promise<RunReader> {
    const manifests = this.manifests(store);
    const signed = await manifests.read({ prefix: PREFIX, set: SET, run });
    return new RunReader({ store, manifests, key: this.operator }, signed);
  }
}

interface Part {
  readonly number: number;
  frames: Buffer[];
  length: number;
}

/** What a run leaves behind for tests to look at and to damage. */
export interface WrittenRun {
  readonly run: RunId;
  readonly sources: Source[];
  readonly payloadHash: string;
  readonly manifest: Manifest;
  /** Object keys of the data and listing parts, by number. */
  readonly dataKeys: string[];
  readonly metaKeys: string[];
}

export class SyntheticRun {
  readonly #host: SyntheticHost;
  readonly #base: WrittenRun | undefined;
  readonly #sessionKey: SessionKey = newSessionKey(secureRandom(32));
  readonly #data: Part[] = [];
  readonly #entries: Entry[] = [];
  readonly #rawLines = new Map<Entry, string>();
  readonly source: number;
  readonly run: RunId;

  constructor(host: SyntheticHost, base?: WrittenRun) {
    this.#host = host;
    this.#base = base;
    this.run = randomRunId(new Date(NOW.getTime() + host.sequence * 3_600_000), secureRandom(6));
    this.source = base === undefined ? 0 : base.sources.length;
    this.nextPart();
  }

  /** What follows is stored in another part. */
  nextPart(): number {
    return this.#data.push({ number: this.#data.length, frames: [], length: 0 }) - 1;
  }

  /** Stores any bytes where a frame should be. */
  rawFrame(frame: Buffer): { source: number; part: number; frameOffset: number; frameLength: number } {
    const part = this.#data.at(-1) as Part;
    const frameOffset = part.length;
    part.frames.push(frame);
    part.length += frame.length;
    return { source: this.source, part: part.number, frameOffset, frameLength: frame.length };
  }

  /** Stores chunks together in one frame. */
  group(...chunks: Uint8Array[]): Location[] {
    const frame = this.rawFrame(frameOf(Buffer.concat(chunks)));
    let offset = 0;
    return chunks.map((chunk) => {
      const location = { ...frame, offset, length: chunk.length, digest: digest(chunk) };
      offset += chunk.length;
      return location;
    });
  }

  /** Stores a chunk in a frame of its own. */
  chunk(bytes: Uint8Array): Location {
    return this.group(bytes)[0] as Location;
  }

  /** What a file's entry says of chunks that are stored. */
  contentOf(locations: Location[]): Pick<Entry, 'size' | 'hash' | 'locations'> {
    const size = locations.reduce((sum, { length }) => sum + length, 0);
    const [only] = locations;
    if (only === undefined) return { size: 0 };
    if (locations.length === 1) {
      const { digest: hash, ...location } = only;
      return { size, locations: [location], ...(hash === undefined ? {} : { hash }) };
    }
    const whole = createHash('sha256');
    for (const { digest } of locations) whole.update(digest ?? '', 'base64');
    return { size, hash: whole.digest('base64'), locations };
  }

  /** Adds an entry as it is. */
  add(entry: Partial<Entry> & { path: BytePath }): Entry {
    const defaults = { root: '/', type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: '1700000000.000000000' } as const;
    const whole = { ...defaults, ...entry };
    this.#entries.push(whole);
    return whole;
  }

  /** Adds a line as it is, in the place of an entry of that path. */
  addLine(path: string, line: string): void {
    const entry = this.add({ path: path as BytePath });
    this.#rawLines.set(entry, line);
  }

  /** Adds a file, each piece of whose content is stored as a chunk. Paths are ASCII, or bytes as Latin-1. */
  file(path: string, content: string | Uint8Array[], more: Partial<Entry> = {}): Entry {
    const pieces = typeof content === 'string' ? [Buffer.from(content)].filter(({ length }) => length > 0) : content;
    const stored = this.contentOf(pieces.map((piece) => this.chunk(piece)));
    return this.add({ path: path as BytePath, ...stored, ...more });
  }

  directory(path: string, more: Partial<Entry> = {}): Entry {
    return this.add({ path: path as BytePath, type: 'directory', mode: 0o755, ...more });
  }

  symlink(path: string, target: string, more: Partial<Entry> = {}): Entry {
    return this.add({ path: path as BytePath, type: 'symlink', mode: 0o777, target: pathFromText(target), ...more });
  }

  /**
   * Seals, signs and stores everything. `isSorted: false` leaves the listing in the order in which it was added;
   * `linesAChunk` and `chunksAPart` cut it.
   */
  async write(options: { isSorted?: boolean; linesAChunk?: number; chunksAPart?: number } = {}): Promise<WrittenRun> {
    const { isSorted = true, linesAChunk = 100, chunksAPart = 1000 } = options;
    const entries = isSorted ? this.#entries.toSorted((a, b) => comparePaths(a.path, b.path)) : this.#entries;
    const recipients = [this.#host.operator.publicKey];
    const packets = await sessionKeyPackets(this.#sessionKey, recipients);
    const writer = new PartWriter(this.#sessionKey, packets);
    const objects: ObjectLine[] = [];
    const put = async (kind: 'data' | 'meta' | 'index', number: number, content: Buffer) => {
      const bytes = writer.seal(content, secureRandom(16));
      const sha = sha256Hex(bytes);
      const place = { prefix: PREFIX, set: SET, chain: this.#chain, run: this.run, sha: sha.slice(0, 32) };
      const key = objectKey(kind === 'index' ? { kind, ...place } : { kind, ...place, number });
      await this.#host.store.put(key, bytes, { condition: 'absent' });
      objects.push([key, bytes.length, sha, 1]);
      return key;
    };
    const dataKeys: string[] = [];
    for (const part of this.#data) dataKeys.push(await put('data', part.number, Buffer.concat(part.frames)));
    const metaKeys: string[] = [];
    const listing: ListingChunk[] = [];
    for (let start = 0; start < entries.length; start += linesAChunk * chunksAPart) {
      const frames: Buffer[] = [];
      let frameOffset = 0;
      const ofPart = entries.slice(start, start + linesAChunk * chunksAPart);
      for (let i = 0; i < ofPart.length; i += linesAChunk) {
        const some = ofPart.slice(i, i + linesAChunk);
        const lines = Buffer.from(some.map((entry) => this.#rawLines.get(entry) ?? encodeEntry(entry)).join(''));
        const frame = frameOf(lines);
        const first = encodePath((some[0] as Entry).path);
        const place = [this.source, metaKeys.length, frameOffset, frame.length, 0, lines.length] as ListingChunk[0];
        listing.push([place, digest(lines), first, some.length]);
        frames.push(frame);
        frameOffset += frame.length;
      }
      metaKeys.push(await put('meta', metaKeys.length, Buffer.concat(frames)));
    }
    const sources: Source[] = [...this.#baseSources(), [this.#chain, this.run, null]];
    const files = entries.filter(({ type }) => type === 'file');
    const counts = {
      files: files.length,
      directories: entries.length - files.length,
      bytes: files.reduce((sum, { size = 0 }) => sum + size, 0),
      changedFiles: files.length,
      newBytes: 0,
      storedBytes: objects.reduce((sum, [, size]) => sum + size, 0),
    };
    const index = await put('index', 0, frameOf(Buffer.from(JSON.stringify(this.#index(listing, sources, counts)))));
    const keyObject = await this.#putKeyObject();
    const manifest = this.#manifest({ objects, sources, counts, index, keyObject });
    const payload = Buffer.from(canonicalJson(manifest));
    const signatures = [await signDetached(payload, this.#host.signing, NOW)];
    const key = objectKey({ kind: 'manifest', prefix: PREFIX, set: SET, run: this.run });
    await this.#host.store.put(key, encodeEnvelope({ payload, signatures }), { condition: 'absent' });
    this.#host.previous = sha256Hex(payload);
    return { run: this.run, sources, payloadHash: this.#host.previous, manifest, dataKeys, metaKeys };
  }

  get #chain(): RunId {
    return this.#base?.sources[0]?.[0] ?? this.run;
  }

  #baseSources(): Source[] {
    const base = this.#base;
    return base === undefined ? [] : base.sources.map(([chain, run, hash]) => [chain, run, hash ?? base.payloadHash]);
  }

  #index(listing: ListingChunk[], sources: Source[], counts: Manifest['counts']) {
    return {
      type: 'offsite/index/1',
      format: 1,
      run: this.run,
      chain: this.#chain,
      sources,
      seed: Buffer.alloc(32).toString('base64'),
      listing,
      counts,
      scripts: [],
      gates: [],
      warnings: [],
      moreWarnings: 0,
    };
  }

  async #putKeyObject(): Promise<Manifest['keyObjects'][number]> {
    const text = JSON.stringify({ run: this.run, attempt: 1, sessionKey: formatSessionKey(this.#sessionKey) });
    const bytes = await encryptMessage(Buffer.from(text), [this.#host.operator.publicKey]);
    const sha = sha256Hex(bytes);
    const place = { prefix: PREFIX, set: SET, chain: this.#chain, run: this.run };
    const key = objectKey({ kind: 'session-key', ...place, attempt: 1, sha: sha.slice(0, 32) });
    await this.#host.store.put(key, bytes, { condition: 'absent' });
    return [1, key, bytes.length, sha];
  }

  #manifest(own: {
    objects: ObjectLine[];
    sources: Source[];
    counts: Manifest['counts'];
    index: string;
    keyObject: Manifest['keyObjects'][number];
  }): Manifest {
    const host = this.#host;
    const base = this.#base;
    host.sequence++;
    return {
      type: 'offsite/manifest/1',
      format: 1,
      name: PREFIX,
      prefix: PREFIX,
      set: SET,
      run: this.run,
      chain: this.#chain,
      sequence: host.sequence,
      previous: host.previous,
      base: base === undefined ? null : { run: base.run, payload: base.payloadHash },
      sources: own.sources,
      requested: 'auto',
      actual: base === undefined ? 'full' : 'incremental',
      promoted: null,
      policy: null,
      due: null,
      started: '2026-05-01T00:00:00Z',
      finished: '2026-05-01T00:01:00Z',
      agent: 'test',
      cipher: 'seipd1',
      recipients: [host.operator.fingerprint],
      keyObjects: [own.keyObject],
      objects: own.objects,
      index: own.index,
      counts: own.counts,
      outcome: 'complete',
      gates: [],
      scripts: [],
      warnings: [],
      error: null,
      configHash: ZERO_HASH,
      stateLost: false,
      ledgerUnknown: false,
    };
  }
}
