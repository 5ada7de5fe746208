/** What STS says of the credentials here. Apart from caller.ts, because the SDK is loaded for buckets alone. */

import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { OffsiteError } from '../contract/errors.ts';
import { FreshCredentials } from '../store/s3-credentials.ts';
import { s3Error } from '../store/s3-errors.ts';
import type { S3Location } from '../store/url.ts';
import { environmentVariable } from '../system/environment.ts';

export interface Identity {
  readonly userId: string;
  readonly arn: string;
}

/** Milliseconds. */
const CONNECT = 5_000;
const ANSWER = 20_000;

/**
 * Asks the STS of the store's region. Where the store has an endpoint of its own, by its URL or by the environment, that
 * one is asked, unless STS is named apart from it; and null is returned where it is no STS: most servers that speak S3
 * are none.
 */
export async function callerIdentity({ region, endpoint }: S3Location): Promise<Identity | null> {
  const named = environmentVariable('AWS_ENDPOINT_URL_STS');
  const ofStore = endpoint ?? environmentVariable('AWS_ENDPOINT_URL_S3') ?? environmentVariable('AWS_ENDPOINT_URL');
  const other = named ?? ofStore;
  const client = new STSClient({
    credentials: new FreshCredentials().provide,
    region: region ?? environmentVariable('AWS_REGION') ?? 'us-east-1',
    requestHandler: { connectionTimeout: CONNECT, requestTimeout: ANSWER, throwOnRequestTimeout: true },
    ...(other === undefined ? {} : { endpoint: other }),
  });
  const what = 'STS did not say who this machine is';
  try {
    const { UserId, Arn } = await client.send(new GetCallerIdentityCommand());
    if (UserId === undefined || Arn === undefined)
      throw new OffsiteError('store-transient', `${what}: an empty answer.`);
    return { userId: UserId, arn: Arn };
  } catch (error) {
    if (named === undefined && ofStore !== undefined && hasAnswered(error)) return null;
    throw s3Error(error, what);
  } finally {
    client.destroy();
  }
}

/** Something came back, and it was not what STS answers: an error of another kind, or no XML at all. */
function hasAnswered(error: unknown): boolean {
  return typeof error === 'object' && error !== null && '$metadata' in error && hasStatus(error.$metadata);
}

function hasStatus(metadata: unknown): boolean {
  return typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata;
}
