/** Who may do what, by the packaged policies, as a policy simulator that is not ours reads them. */

import { runSimulation } from '@cloud-copilot/iam-simulate';
import { ACCOUNT, REGION, type Resource } from './template.ts';

export interface Principal {
  /** Of the role, or of the user. */
  readonly arn: string;
  readonly userId: string;
  readonly policies: readonly { readonly name: string; readonly policy: PolicyDocument }[];
}

export interface PolicyDocument {
  readonly Version: string;
  readonly Statement: readonly Statement[];
}

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | string[];
  readonly Resource: string | string[];
  readonly Condition?: unknown;
}

export interface Attempt {
  readonly action: string;
  readonly resource: string;
  readonly conditions?: Readonly<Record<string, string>>;
  /** Default true. */
  readonly tls?: boolean;
}

const NODE = 'mi-0123456789abcdef0';

/** The stack's principals: `host`, the functions, and an administrator of the account who is not the operator. */
export function principalsOf(resources: Readonly<Record<string, Resource>>): Record<string, Principal> {
  const document = resources.HostPolicy?.Properties.PolicyDocument as PolicyDocument;
  const role = String(resources.HostRole?.Properties.RoleName);
  const principals: Record<string, Principal> = {
    host: {
      arn: `arn:aws:iam::${ACCOUNT}:role/${role}`,
      userId: `AROAEXAMPLEID:${NODE}`,
      policies: [{ name: 'host', policy: document }],
    },
    administrator: {
      arn: `arn:aws:iam::${ACCOUNT}:role/administrator`,
      userId: 'AROAADMINISTRATOR:jo',
      policies: [{ name: 'all', policy: ALLOW_ALL }],
    },
  };
  for (const name of ['Dispatch', 'Complete', 'Audit', 'Reconcile']) {
    const policies = (resources[`${name}Role`]?.Properties.Policies ?? []) as InlinePolicy[];
    principals[name.toLowerCase()] = {
      arn: `arn:aws:iam::${ACCOUNT}:role/offsite-${name}Role-EXAMPLE`,
      userId: `AROA${name.toUpperCase()}:offsite-${name.toLowerCase()}`,
      policies: policies.map(({ PolicyName, PolicyDocument }) => ({ name: PolicyName, policy: PolicyDocument })),
    };
  }
  return principals;
}

interface InlinePolicy {
  readonly PolicyName: string;
  readonly PolicyDocument: PolicyDocument;
}

const ALLOW_ALL: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'All', Effect: 'Allow', Action: '*', Resource: '*' }],
};

/** Throws where the simulator does not understand policy or request: nothing is proven by that. */
export async function isAllowed(
  who: Principal,
  { action, resource, conditions = {}, tls = true }: Attempt,
  resources: Readonly<Record<string, Resource>>,
): Promise<boolean> {
  const resourcePolicy = action.startsWith('s3:') ? resources.BucketPolicy?.Properties.PolicyDocument : undefined;
  const answer = await runSimulation(
    {
      request: {
        principal: who.arn,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: {
          'aws:SecureTransport': String(tls),
          'aws:PrincipalArn': who.arn,
          'aws:userid': who.userId,
          'aws:RequestedRegion': REGION,
          ...(action.startsWith('s3:') ? { 's3:TlsVersion': '1.3' } : {}),
          ...conditions,
        },
      },
      identityPolicies: [...who.policies],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(resourcePolicy === undefined ? {} : { resourcePolicy }),
    },
    {},
  );
  if (answer.resultType === 'error') throw new Error(JSON.stringify(answer.errors));
  return answer.overallResult === 'Allowed';
}

/** A request as it was recorded, here or by the gateway of the stack's tests. */
interface Recorded {
  readonly principal: string;
  readonly action: string;
  readonly resources: readonly string[];
  readonly conditions: Readonly<Record<string, string>>;
}

/** STS answers this one to everybody. */
const NEEDS_NO_RIGHT = ['sts:GetCallerIdentity'];

/** Those of the requests that their principals have no right to, and how many different ones there were. */
export async function refusedOf(
  calls: readonly Recorded[],
  who: (principal: string) => Principal,
  resources: Readonly<Record<string, Resource>>,
): Promise<{ checked: number; refused: string[] }> {
  const seen = new Set<string>();
  const refused: string[] = [];
  for (const { principal, action, resources: targets, conditions: recorded } of calls) {
    if (NEEDS_NO_RIGHT.includes(action)) continue;
    for (const resource of targets) {
      // A tag is the node's, so no request shows it; attacks have nodes without it.
      const isNode = /:(managed-)?instance\//.test(resource);
      const conditions = isNode ? { 'ssm:resourceTag/offsite': 'offsite' } : recorded;
      const name = `${principal}: ${action} ${resource} ${JSON.stringify(conditions)}`;
      if (seen.has(name)) continue;
      seen.add(name);
      if (!(await isAllowed(who(principal), { action, resource, conditions }, resources))) refused.push(name);
    }
  }
  return { checked: seen.size, refused };
}
