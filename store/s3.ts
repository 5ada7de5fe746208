/**
 * A store in an S3 bucket, or under a prefix of one.
 *
 * - Put-if-absent and compare-and-swap are S3's conditional writes (If-None-Match: *, If-Match; "How to prevent object
 *   overwrites with conditional writes"). A delete marker counts as absent. No multipart: an object is one PutObject, so
 *   its SHA-256 is that of the whole, and 5 GiB at most.
 * - S3 checks every put against its SHA-256 and keeps it; `head` reads it back. `get` does not ask for it: who reads
 *   compares with what a signed document says.
 * - General purpose buckets list in bytewise order ("ListObjectsV2"); a bucket that does not is refused.
 * - Only here, and in the modules beside it, the SDK is imported: wire.ts loads this module when a bucket is opened.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { OffsiteError } from '../contract/errors.ts';
import { assertKey, assertPrefix, compareKeys, isKey } from './keys-safety.ts';
import type { ListedObject, ObjectInfo, ObjectStore, PutCondition, PutOptions, StoredObject } from './port.ts';
import { requestLimit, s3Client } from './s3-client.ts';
import { FreshCredentials } from './s3-credentials.ts';
import { blamesCredentials, s3Error } from './s3-errors.ts';
import { paced, type UploadRate } from './upload-rate.ts';
import type { S3Location } from './url.ts';

/** A body is handed over in pieces of this size: see `pieces`. */
const PIECE = 256 * 1024;

export interface S3Options {
  readonly credentials?: FreshCredentials;
  /** How fast bodies may go out; as fast as they go where absent. */
  readonly rate?: UploadRate | undefined;
  /** Puts that may share the rate at once. */
  readonly concurrency?: number;
}

/** Opens the store; nothing is asked of the bucket yet. */
export function openS3Store(url: string, location: S3Location, options: S3Options = {}): ObjectStore {
  return new S3Store(url, location, options);
}

class S3Store implements ObjectStore {
  readonly url: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #client: S3Client;
  readonly #credentials: FreshCredentials;
  readonly #rate: UploadRate | null;
  /** Bytes per second that the rate leaves for each put, when there are as many at once as there may be. */
  readonly #share: number;

  constructor(url: string, location: S3Location, options: S3Options) {
    const { credentials = new FreshCredentials(), rate, concurrency = 1 } = options;
    this.url = url;
    this.#bucket = location.bucket;
    this.#prefix = location.prefix;
    this.#client = s3Client(location, credentials);
    this.#credentials = credentials;
    this.#rate = rate ?? null;
    this.#share = (rate?.bytesPerSecond ?? Number.POSITIVE_INFINITY) / concurrency;
  }

  async put(key: string, body: Uint8Array, { condition, sha256 }: PutOptions): Promise<{ etag: string }> {
    const digest = sha256 === undefined ? createHash('sha256').update(body).digest() : Buffer.from(sha256, 'hex');
    const input = {
      ...this.#object(key),
      ContentLength: body.length,
      ChecksumSHA256: digest.toString('base64'),
      ...(condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag }),
    };
    const requestTimeout = requestLimit(body.length, this.#share);
    const what = `${key} could not be put into ${this.url}`;
    const { ETag } = await this.#asked(
      what,
      () =>
        sendingBody(body, this.#rate, (Body, abortSignal) =>
          this.#client.send(new PutObjectCommand({ ...input, Body }), { requestTimeout, abortSignal }),
        ),
      condition,
    );
    if (ETag === undefined) throw new OffsiteError('store-transient', `${what}: the answer has no ETag.`);
    return { etag: ETag };
  }

  async get(key: string, { maxBytes = Number.POSITIVE_INFINITY } = {}): Promise<StoredObject> {
    const command = new GetObjectCommand(this.#object(key));
    const what = `${key} could not be read from ${this.url}`;
    return await this.#asked(what, async () => {
      const answer = await this.#client.send(command);
      const info = infoOf(key, answer);
      const stream = answer.Body as Readable;
      if (info.size > maxBytes) {
        stream.destroy();
        const excess = `${key} in ${this.url} has ${info.size} bytes, more than the ${maxBytes} allowed.`;
        throw new OffsiteError('document-too-large', excess);
      }
      return { ...info, sha256: null, cold: false, body: await readWhole(stream, info.size) };
    });
  }

  async head(key: string): Promise<ObjectInfo> {
    const command = new HeadObjectCommand({ ...this.#object(key), ChecksumMode: 'ENABLED' });
    const what = `${key} could not be looked at in ${this.url}`;
    const answer = await this.#asked(what, () => this.#client.send(command));
    return { ...infoOf(key, answer), sha256: wholeSha256(answer), cold: isCold(answer) };
  }

  async *list(prefix: string, { after }: { after?: string } = {}): AsyncIterable<ListedObject> {
    const start = after === undefined || after === '' ? {} : { StartAfter: this.#prefix + after };
    let last = '';
    for await (const { objects } of this.#pages(prefix, start)) {
      for (const object of objects) {
        if (inOrder(last, object.key, this.url)) yield object;
        last = object.key;
      }
    }
  }

  async *listFolders(prefix: string): AsyncIterable<string> {
    let last = '';
    for await (const { folders } of this.#pages(prefix, { Delimiter: '/' })) {
      for (const folder of folders) {
        if (inOrder(last, folder, this.url)) yield folder;
        last = folder;
      }
    }
  }

  async *#pages(prefix: string, options: { StartAfter?: string; Delimiter?: string }) {
    assertPrefix(prefix);
    const what = `${prefix} could not be listed in ${this.url}`;
    const input = { Bucket: this.#bucket, Prefix: this.#prefix + prefix, EncodingType: 'url', ...options } as const;
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command(token === undefined ? input : { ...input, ContinuationToken: token });
      const page = await this.#asked(what, () => this.#client.send(command));
      yield pageOf(page, this.#prefix.length);
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  #object(key: string): { Bucket: string; Key: string } {
    assertKey(key);
    if (this.#prefix !== '') assertKey(this.#prefix + key);
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  /** Does one request; an error of the SDK becomes one of ours, and credentials that it blames are read anew. */
  async #asked<T>(what: string, request: () => Promise<T>, condition?: PutCondition): Promise<T> {
    try {
      return await request();
    } catch (error) {
      const meant = s3Error(error, what, condition);
      if (!blamesCredentials(error)) throw meant;
      const renewed = await this.#credentials.renew().catch(() => false);
      if (renewed && meant.code === 'store-denied') {
        throw new OffsiteError('store-transient', `${meant.message} (credentials changed meanwhile)`, { cause: error });
      }
      throw meant;
    }
  }
}

/**
 * Does `send` with a body: small ones as they are, big ones as a stream of pieces, either when the rate lets them go.
 * Where the stream fails, so does the request, for the stream's reason.
 */
async function sendingBody<T>(
  body: Uint8Array,
  rate: UploadRate | null,
  send: (body: Uint8Array | Readable, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  if (body.length <= (rate?.pieceSize ?? PIECE)) {
    await rate?.take(body.length);
    return await send(body, stop.signal);
  }
  const stream = Readable.from(rate === null ? pieces(body) : paced(body, rate), { objectMode: false });
  stream.on('error', (error) => stop.abort(error));
  try {
    return await send(stream, stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    stream.destroy();
  }
}

/**
 * A big body in pieces, so that every piece that goes out counts as activity of the connection: written at once, 32 MiB
 * on a slow line look idle to Node's socket timeout over TLS, and the upload would be cut off again and again.
 */
function* pieces(body: Uint8Array): Iterable<Uint8Array> {
  for (let offset = 0; offset < body.length; offset += PIECE) yield body.subarray(offset, offset + PIECE);
}

async function readWhole(stream: Readable, size: number): Promise<Buffer> {
  const body = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    if (filled + piece.length > size) throw new OffsiteError('store-transient', 'The answer is longer than it says.');
    body.set(piece, filled);
    filled += piece.length;
  }
  if (filled < size) throw new OffsiteError('store-transient', `The answer ended after ${filled} of ${size} bytes.`);
  return body;
}

function infoOf(key: string, { ContentLength, LastModified, ETag }: GetObjectCommandOutput | HeadObjectCommandOutput) {
  if (ContentLength === undefined || LastModified === undefined || ETag === undefined) {
    throw new OffsiteError('store-transient', `The answer for ${key} has no length, time or ETag.`);
  }
  return { key, size: ContentLength, lastModified: LastModified, etag: ETag };
}

/** A multipart object's checksum is a hash of hashes: COMPOSITE, with `-N` at its end. Some servers name no type. */
function wholeSha256({ ChecksumSHA256, ChecksumType }: HeadObjectCommandOutput): string | null {
  if (ChecksumSHA256 === undefined || (ChecksumType ?? 'FULL_OBJECT') !== 'FULL_OBJECT') return null;
  return /^[A-Za-z0-9+/]{43}=$/.test(ChecksumSHA256) ? Buffer.from(ChecksumSHA256, 'base64').toString('hex') : null;
}

/** "Working with archived objects": these classes, unless a restored copy is there. */
function isCold({ StorageClass, ArchiveStatus, Restore }: HeadObjectCommandOutput): boolean {
  const archived = StorageClass === 'GLACIER' || StorageClass === 'DEEP_ARCHIVE' || ArchiveStatus !== undefined;
  return archived && !/ongoing-request="false"/.test(Restore ?? '');
}

/** One page, with the store's prefix cut off and everything left out whose key cannot be ours. */
function pageOf(page: ListObjectsV2CommandOutput, cut: number): { objects: ListedObject[]; folders: string[] } {
  const objects: ListedObject[] = [];
  const folders: string[] = [];
  for (const { Key, Size, LastModified } of page.Contents ?? []) {
    const key = decoded(Key, page)?.slice(cut);
    if (key === undefined || Size === undefined || LastModified === undefined || !isKey(key)) continue;
    objects.push({ key, size: Size, lastModified: LastModified });
  }
  for (const { Prefix } of page.CommonPrefixes ?? []) {
    const folder = decoded(Prefix, page)?.slice(cut);
    if (folder !== undefined && isKey(folder.slice(0, -1))) folders.push(folder);
  }
  return { objects, folders };
}

/** Keys are asked for URL-encoded, because XML cannot carry every key that somebody else may have made. */
function decoded(text: string | undefined, { EncodingType }: ListObjectsV2CommandOutput): string | undefined {
  if (text === undefined || EncodingType !== 'url') return text;
  try {
    return decodeURIComponent(text.replaceAll('+', '%20'));
  } catch {
    return undefined;
  }
}

/** False for a repetition, which some servers send at the edge of a page. */
function inOrder(last: string, next: string, url: string): boolean {
  const order = compareKeys(last, next);
  if (order <= 0) return order < 0;
  const what = `${url} lists ${next} after ${last}: Offsite needs a store that lists in bytewise order.`;
  throw new OffsiteError('store-url', what, { hint: 'Use a general purpose bucket.' });
}
