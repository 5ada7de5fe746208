/**
 * Who this machine is to the store: the prefix that it may write under.
 *
 * On AWS that is its `aws:userid`, `AROA…:<session>`, which the hosts' policy names and nobody can choose: SSM and EC2
 * name a host's session by its node id. Elsewhere, and for whoever has no such session, it is the configured host name.
 * That is no way around the policy: a host that has nothing but it can write under no other prefix than its userid.
 */

import { OffsiteError } from '../contract/errors.ts';
import { isPrefix, isPrefixOfNode } from '../contract/ids.ts';
import { parseStoreUrl } from '../store/url.ts';
import type { Identity } from './caller-identity.ts';

export interface Caller {
  readonly prefix: string;
}

export interface CallerOptions {
  /** The node that a job is for: the caller must be it. Null without a job. */
  readonly node?: string | null;
  /** True where the caller must be a host on AWS. */
  readonly aws?: boolean;
}

/** Node ids of EC2 and of hybrid activations. */
const NODE = /^(?:i-[0-9a-f]{8}(?:[0-9a-f]{9})?|mi-[0-9a-f]{17})$/;
const HINT =
  'A host has the role of the stack by its instance profile (EC2) or by its hybrid activation (anywhere else); other credentials in the environment or in files come first.';

/**
 * The caller as the store will see it. Throws `caller-unfit` where it is not what a job or `--aws` needs, and says what
 * it is; `store-denied` where there are no credentials at all.
 */
export async function callerOf(storeUrl: string, host: string, options: CallerOptions = {}): Promise<Caller> {
  const location = parseStoreUrl(storeUrl);
  if (location.kind !== 's3') {
    if (options.aws === true) throw unfit(`${storeUrl} is no bucket`, 'Give --store s3://… of the stack.');
    return { prefix: host };
  }
  const { callerIdentity } = await import('./caller-identity.ts');
  return callerFrom(await callerIdentity(location), host, options);
}

/** The same from STS's answer; null where the server that speaks S3 there has no identities to tell. */
export function callerFrom(
  identity: Identity | null,
  host: string,
  { node = null, aws = false }: CallerOptions,
): Caller {
  const fault = identity === null ? 'the store has no AWS identities' : faultOf(identity);
  if (aws && fault !== null) throw unfit(fault, HINT);
  const prefix = identity === null || fault !== null ? host : identity.userId;
  if (node === null || isPrefixOfNode(prefix, node)) return { prefix };
  const why = fault ?? `the credentials here are of node ${identity?.userId.split(':')[1]}`;
  throw unfit(`the job is for node ${node}, but ${why}`, HINT);
}

/** Why somebody with this identity is no host; null for a host. */
function faultOf({ userId, arn }: Identity): string | null {
  const [, kind = '', name = '', session = ''] =
    /^arn:[^:]*:(?:sts|iam)::\d*:([^/]+)\/?([^/]*)\/?(.*)$/.exec(arn) ?? [];
  if (kind === 'user') return `the credentials here are of the user ${name}, not of a role`;
  if (kind !== 'assumed-role') return `the credentials here are of ${arn}, not of a role`;
  if (!NODE.test(session))
    return `the role ${name} is used here under the session name ${session}, which is no node id`;
  const fits = userId.endsWith(`:${session}`) && isPrefix(userId);
  return fits ? null : `the user id ${userId} does not end in the session name ${session}`;
}

function unfit(what: string, hint: string): OffsiteError {
  return new OffsiteError('caller-unfit', `This machine is no host of the stack: ${what}.`, { hint });
}
