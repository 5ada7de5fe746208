import { type ErrorCode, OffsiteError } from '../contract/errors.ts';
import { errno } from '../system/errno.ts';
import type { PutCondition } from './port.ts';

/** What the SDK's errors have in common, for S3's own ones and for those of the network. */
interface Answer {
  readonly name: string;
  readonly status: number | undefined;
  readonly message: string;
  readonly region: string | undefined;
}

/** Codes of "Error responses" in the S3 API reference, and some of S3-compatible servers. */
const MEANINGS: Readonly<Record<string, ErrorCode>> = {
  ConditionalRequestConflict: 'store-transient',
  OperationAborted: 'store-transient',
  RequestTimeout: 'store-transient',
  RequestTimeTooSkewed: 'store-transient',
  ExpiredToken: 'store-transient',
  ExpiredTokenException: 'store-transient',
  TokenRefreshRequired: 'store-transient',
  RequestExpired: 'store-transient',
  BadDigest: 'store-transient',
  IncompleteBody: 'store-transient',
  XAmzContentSHA256Mismatch: 'store-transient',
  XAmzContentChecksumMismatch: 'store-transient',
  SlowDown: 'store-throttled',
  Throttling: 'store-throttled',
  ThrottlingException: 'store-throttled',
  RequestLimitExceeded: 'store-throttled',
  TooManyRequestsException: 'store-throttled',
  InvalidObjectState: 'store-cold',
  NoSuchKey: 'store-absent',
  NoSuchBucket: 'store-absent',
  NotFound: 'store-absent',
  PermanentRedirect: 'store-url',
  AuthorizationHeaderMalformed: 'store-url',
  IllegalLocationConstraintException: 'store-url',
  QuotaExceeded: 'store-full',
  XMinioStorageFull: 'store-full',
  CredentialsProviderError: 'store-denied',
};

/** True where other credentials might help: the store takes the present ones for too old or does not know them. */
export function blamesCredentials(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return BLAMES_CREDENTIALS.has(name) || isWordless(name, status);
}

const BLAMES_CREDENTIALS = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'TokenRefreshRequired',
  'InvalidToken',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
]);

/** What an error of the SDK means for a put, or for reading where there is no condition. `what` begins the message. */
export function s3Error(error: unknown, what: string, condition?: PutCondition): OffsiteError {
  if (error instanceof OffsiteError) return error;
  const answer = answerOf(error);
  const code = codeOf(error, answer, condition);
  const said = answer.status === undefined ? answer.message : `${answer.status} ${answer.name}: ${answer.message}`;
  return new OffsiteError(code, `${what}: ${said}`, { cause: error, ...hintFor(code, answer) });
}

function codeOf(error: unknown, { name, status }: Answer, condition: PutCondition | undefined): ErrorCode {
  const swaps = condition !== undefined && condition !== 'absent';
  if (status === 412) return swaps ? 'store-changed' : 'store-exists';
  if (name === 'NoSuchKey' && swaps) return 'store-changed';
  if (name === 'Error' && /^Region is missing/.test(answerOf(error).message)) return 'store-url';
  const known = Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
  if (known !== undefined) return known;
  if (isWordless(name, status)) return 'store-transient';
  if (status === undefined) return isBug(error) ? 'internal' : 'store-transient';
  return ofStatus(status);
}

function ofStatus(status: number): ErrorCode {
  if (status === 503 || status === 429) return 'store-throttled';
  if (status === 404) return 'store-absent';
  if (status === 301 || status === 307) return 'store-url';
  if (status === 409) return 'store-transient';
  if (status === 507) return 'store-full';
  if (status === 501) return 'store-denied';
  return status >= 500 || status < 400 ? 'store-transient' : 'store-denied';
}

/** Errors without an answer come from the network, unless they are plain mistakes of a program. */
function isBug(error: unknown): boolean {
  const mistake = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return mistake && errno(error) === undefined;
}

/** The answer to HEAD has no body, so its 400 does not say whether it means ExpiredToken; that is its usual cause. */
function isWordless(name: string, status: number | undefined): boolean {
  return status === 400 && /^(Unknown|UnknownError|BadRequest|400|Error)$/.test(name);
}

function hintFor(code: ErrorCode, { name, region }: Answer): { hint?: string } {
  if (code === 'store-url' && region !== undefined) return { hint: `Add ?region=${region} to the store URL.` };
  if (code === 'store-url') return { hint: 'Add ?region=R to the store URL, or set AWS_REGION.' };
  if (name === 'NoSuchBucket') return { hint: 'Check the name of the bucket in the store URL.' };
  if (name === 'CredentialsProviderError') return { hint: 'Give credentials as for the AWS command line.' };
  return {};
}

function answerOf(error: unknown): Answer {
  if (!(error instanceof Error)) return { name: 'Error', status: undefined, message: String(error), region: undefined };
  const { $metadata, $response } = error as Error & {
    $metadata?: { httpStatusCode?: number };
    $response?: { headers?: Record<string, string> };
  };
  return {
    name: error.name,
    status: $metadata?.httpStatusCode,
    message: error.message,
    region: $response?.headers?.['x-amz-bucket-region'],
  };
}
