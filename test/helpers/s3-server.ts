/**
 * A small S3 for tests, on the loopback interface, with AWS's answers as its documents describe them (conditional
 * writes, checksums, ListObjectsV2, archived objects) and faults on demand. It checks what the SDK sends (digests, the
 * key id), not signatures.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { compareKeys } from '../../store/keys-safety.ts';

export interface ServedObject {
  body: Buffer;
  etag: string;
  sha256: string | null;
  checksumType: 'FULL_OBJECT' | 'COMPOSITE';
  lastModified: Date;
  storageClass?: string;
  restore?: string;
}

export interface ServedRequest {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Tells its connection from others. */
  readonly port: number | undefined;
}

/** What shall go wrong, for the next `times` (1) requests that match. */
export interface ServedFault {
  readonly method?: string;
  readonly key?: RegExp;
  times?: number;
  /** Close the connection before doing it, after doing it (a lost reply), in the middle of the answer; or answer so. */
  readonly does: 'reset-before' | 'reset-after' | 'reset-midway' | { status: number; code: string };
}

export interface S3Server {
  readonly endpoint: string;
  /** By key, without the bucket. */
  readonly objects: Map<string, ServedObject>;
  readonly faults: ServedFault[];
  readonly requests: ServedRequest[];
  /** Keys and common prefixes on one page of a list. */
  pageSize: number;
  /** Where it is set, requests signed by another access key id get ExpiredToken. */
  acceptedKeyId: string | null;
  /** The store URL of the bucket, or of a prefix of it. */
  url(prefix?: string): string;
  close(): Promise<void>;
}

export const BUCKET = 'test-bucket';

export async function startS3Server(): Promise<S3Server> {
  const http = createServer((request, response) => {
    handle(served, request, response).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const served: S3Server = {
    endpoint,
    objects: new Map(),
    faults: [],
    requests: [],
    pageSize: 1000,
    acceptedKeyId: null,
    url: (prefix = '') => `s3://${BUCKET}${prefix === '' ? '' : `/${prefix}`}?endpoint=${encodeURIComponent(endpoint)}`,
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return served;
}

/** An answer that is not the object itself. */
class Refusal {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    this.status = status;
    this.code = code;
  }
}

async function handle(server: S3Server, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = parse(incoming);
  server.requests.push(request);
  const body = await buffer(incoming);
  const fault = takeFault(server, request);
  if (fault === 'reset-before') return void response.destroy();
  try {
    if (fault !== null && typeof fault === 'object') throw new Refusal(fault.status, fault.code);
    const answer = answerTo(server, request, body);
    if (fault === 'reset-after') return void response.destroy();
    response.writeHead(200, answer.headers);
    if (fault === 'reset-midway') {
      response.write(answer.body.subarray(0, answer.body.length / 2));
      return void setImmediate(() => response.destroy());
    }
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const xml = `<?xml version="1.0"?><Error><Code>${error.code}</Code><Message>as scripted or asked</Message></Error>`;
    const region = error.status === 301 ? { 'x-amz-bucket-region': 'eu-north-1' } : {};
    response.writeHead(error.status, { 'content-type': 'application/xml', ...region });
    response.end(request.method === 'HEAD' ? undefined : xml);
  }
}

function parse(incoming: IncomingMessage): ServedRequest {
  const url = new URL(incoming.url ?? '', 'http://loopback');
  const [, bucket = '', ...key] = url.pathname.split('/').map(decodeURIComponent);
  const { method = '', headers, socket } = incoming;
  return { method, bucket, key: key.join('/'), query: url.searchParams, headers, port: socket.remotePort };
}

function takeFault(server: S3Server, { method, key }: ServedRequest): ServedFault['does'] | null {
  const index = server.faults.findIndex(
    (fault) => (fault.method ?? method) === method && (fault.key === undefined || fault.key.test(key)),
  );
  const fault = server.faults[index];
  if (fault === undefined) return null;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times === 0) server.faults.splice(index, 1);
  return fault.does;
}

interface Answer {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function answerTo(server: S3Server, request: ServedRequest, body: Buffer): Answer {
  const keyId = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1];
  if (keyId === undefined) throw new Refusal(403, 'AccessDenied');
  if (server.acceptedKeyId !== null && keyId !== server.acceptedKeyId) throw new Refusal(400, 'ExpiredToken');
  if (request.bucket !== BUCKET) throw new Refusal(404, 'NoSuchBucket');
  if (request.method === 'PUT') return put(server, request, body);
  if (request.method === 'GET' && request.key === '') return list(server, request.query);
  if (request.method === 'GET' || request.method === 'HEAD') return read(server, request);
  throw new Refusal(405, 'MethodNotAllowed');
}

function put(server: S3Server, { key, headers }: ServedRequest, body: Buffer): Answer {
  const present = server.objects.get(key);
  if (headers['if-none-match'] === '*' && present) throw new Refusal(412, 'PreconditionFailed');
  const wanted = headers['if-match'];
  if (wanted !== undefined && present === undefined) throw new Refusal(404, 'NoSuchKey');
  if (wanted !== undefined && wanted !== present?.etag) throw new Refusal(412, 'PreconditionFailed');

  const digest = createHash('sha256').update(body).digest();
  const signed = headers['x-amz-content-sha256'];
  if (typeof signed === 'string' && /^[0-9a-f]{64}$/.test(signed) && signed !== digest.toString('hex')) {
    throw new Refusal(400, 'XAmzContentSHA256Mismatch');
  }
  const checksum = headers['x-amz-checksum-sha256'];
  if (checksum !== undefined && checksum !== digest.toString('base64')) throw new Refusal(400, 'BadDigest');

  const etag = `"${createHash('md5').update(body).digest('hex')}"`;
  const sha256 = typeof checksum === 'string' ? checksum : null;
  server.objects.set(key, { body, etag, sha256, checksumType: 'FULL_OBJECT', lastModified: new Date() });
  return { headers: { etag }, body: Buffer.alloc(0) };
}

function read(server: S3Server, { method, key, headers }: ServedRequest): Answer {
  const object = server.objects.get(key);
  if (object === undefined) throw new Refusal(404, 'NoSuchKey');
  const thawed = object.restore?.includes('ongoing-request="false"');
  const cold = /^(GLACIER|DEEP_ARCHIVE)$/.test(object.storageClass ?? '') && !thawed;
  if (method === 'GET' && cold) throw new Refusal(403, 'InvalidObjectState');
  const answer: Record<string, string> = {
    etag: object.etag,
    'content-length': String(object.body.length),
    'last-modified': object.lastModified.toUTCString(),
  };
  if (object.storageClass) answer['x-amz-storage-class'] = object.storageClass;
  if (object.restore) answer['x-amz-restore'] = object.restore;
  if (headers['x-amz-checksum-mode'] === 'ENABLED' && object.sha256 !== null) {
    answer['x-amz-checksum-sha256'] = object.sha256;
    answer['x-amz-checksum-type'] = object.checksumType;
  }
  return { headers: answer, body: object.body };
}

function list(server: S3Server, query: URLSearchParams): Answer {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter');
  const token = query.get('continuation-token');
  const start = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString();
  const rolled = new Set<string>();
  for (const key of [...server.objects.keys()].sort(compareKeys)) {
    if (!key.startsWith(prefix)) continue;
    const end = delimiter === null ? -1 : key.indexOf(delimiter, prefix.length);
    rolled.add(end < 0 ? key : key.slice(0, end + 1));
  }
  const items = [...rolled].filter((item) => compareKeys(item, start) > 0);
  const page = items.slice(0, server.pageSize);
  const more = items.length > page.length;
  const shown = (text: string) => {
    if (query.get('encoding-type') !== 'url') return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    return encodeURIComponent(text).replaceAll('%2F', '/').replaceAll('%20', '+');
  };
  const rows = page.map((item) => {
    const object = server.objects.get(item);
    if (object === undefined || (delimiter !== null && item.endsWith(delimiter))) {
      return `<CommonPrefixes><Prefix>${shown(item)}</Prefix></CommonPrefixes>`;
    }
    const time = object.lastModified.toISOString();
    return `<Contents><Key>${shown(item)}</Key><Size>${object.body.length}</Size><LastModified>${time}</LastModified></Contents>`;
  });
  const next = Buffer.from(page.at(-1) ?? '').toString('base64url');
  const xml = [
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
    `<IsTruncated>${more}</IsTruncated>`,
    query.get('encoding-type') === 'url' ? '<EncodingType>url</EncodingType>' : '',
    more ? `<NextContinuationToken>${next}</NextContinuationToken>` : '',
    ...rows,
    '</ListBucketResult>',
  ].join('');
  return { headers: { 'content-type': 'application/xml' }, body: Buffer.from(xml) };
}
