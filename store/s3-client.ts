import { S3Client } from '@aws-sdk/client-s3';
import { environmentVariable } from '../system/environment.ts';
import type { FreshCredentials } from './s3-credentials.ts';
import type { S3Location } from './url.ts';

/** Milliseconds to connect. */
const CONNECT = 5_000;
/** Milliseconds without a byte in either direction. */
const IDLE = 60_000;
/** The slowest transfer that is let go on, in bytes per second; below it the limits of whole requests grow too long. */
const SLOWEST = 4 * 1024;

/** The SDK would warn on the console of every streamed put that failed; the error says it already. */
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Milliseconds that a whole request with a body of so many bytes may take until its answer begins. `share`: bytes per
 * second that an upload is let have where uploads are limited.
 */
export function requestLimit(bytes: number, share = Number.POSITIVE_INFINITY): number {
  return IDLE + (bytes / SLOWEST + bytes / share) * 1000;
}

/**
 * The SDK's client as Offsite needs it.
 *
 * - It tries once: the retry wrapper is the one place that tries again.
 * - It computes no checksum: every put brings its SHA-256, which S3 checks ("Checking object integrity").
 * - With another endpoint it addresses buckets by path and does not wait for "100 Continue", which not every server
 *   sends. S3 itself may refuse a big body before it is sent.
 */
export function s3Client({ region, endpoint }: S3Location, credentials: FreshCredentials): S3Client {
  const other = endpoint ?? environmentVariable('AWS_ENDPOINT_URL_S3') ?? environmentVariable('AWS_ENDPOINT_URL');
  const where = region ?? (other === undefined ? undefined : (environmentVariable('AWS_REGION') ?? 'us-east-1'));
  const client = new S3Client({
    credentials: credentials.provide,
    maxAttempts: 1,
    logger: SILENT,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT,
      socketTimeout: IDLE,
      requestTimeout: requestLimit(0),
      throwOnRequestTimeout: true,
    },
    ...(where === undefined ? {} : { region: where }),
    ...(other === undefined ? {} : { endpoint: other, forcePathStyle: true, expectContinueHeader: false }),
  });
  signGivenDigest(client);
  return client;
}

/** Signs the SHA-256 that the request carries anyway, instead of hashing the body a second time. */
function signGivenDigest(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (call) => {
      const { headers } = call.request as { headers: Record<string, string> };
      const digest = headers['x-amz-checksum-sha256'];
      if (digest !== undefined) headers['x-amz-content-sha256'] = Buffer.from(digest, 'base64').toString('hex');
      return next(call);
    },
    { step: 'build', name: 'signGivenDigest', priority: 'low' },
  );
}
