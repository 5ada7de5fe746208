/** What goes wrong between the operator and the stack on AWS, in words that say what to do. */

import { OffsiteError } from '../../contract/errors.ts';
import { errno } from '../../system/errno.ts';

export interface Asked {
  /** What was asked for, such as `function offsite-dispatch`. */
  readonly what: string;
  /** Where; undefined where nobody said. */
  readonly region: string | undefined;
}

const ABSENT = /^(ResourceNotFoundException|NotFoundException|NotFound)$/;
const DENIED =
  /^(AccessDenied(Exception)?|AuthorizationError(Exception)?|UnrecognizedClientException|InvalidClientTokenId|SignatureDoesNotMatch|InvalidSignatureException|ExpiredToken(Exception)?|OptInRequired|CredentialsProviderError)$/;
const THROTTLED = /^(TooManyRequestsException|Throttl(ing|ed)(Exception)?|RequestLimitExceeded|EC2ThrottledException)$/;
const UNREACHABLE = ['ENOTFOUND', 'ECONNREFUSED', 'EAI_AGAIN', 'ECONNRESET', 'ETIMEDOUT'];

/** The error as one of ours. What it was is kept as its cause. */
export function stackError(error: unknown, { what, region }: Asked): OffsiteError {
  if (error instanceof OffsiteError) return error;
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  const where = region === undefined ? '' : ` in ${region}`;
  if (ABSENT.test(name)) return new OffsiteError('stack-absent', `there is no ${what}${where}`, { cause: error });
  if (DENIED.test(name)) return new OffsiteError('stack-denied', `${what}${where}: ${message}`, { cause: error });
  if (THROTTLED.test(name)) return new OffsiteError('stack-throttled', `${what}${where}: ${message}`, { cause: error });
  if (/region is missing/i.test(message)) {
    return new OffsiteError('usage', 'nobody says in which region the stack is', {
      cause: error,
      hint: 'Write it into the store URL (`?region=eu-central-1`), or set $AWS_REGION.',
    });
  }
  if (UNREACHABLE.includes(errno(error) ?? '') || name === 'TimeoutError') {
    const why = `${what}${where} cannot be reached: ${message}`;
    return new OffsiteError('stack-absent', why, {
      cause: error,
      hint: 'Check the network, and the spelling of the region in the store URL.',
    });
  }
  return new OffsiteError('stack-failed', `${what}${where}: ${name === 'Error' ? '' : `${name}: `}${message}`, {
    cause: error,
  });
}

/** Runs `work`, and throws what it throws as one of ours. */
export async function asStackError<T>(asked: Asked, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw stackError(error, asked);
  }
}
