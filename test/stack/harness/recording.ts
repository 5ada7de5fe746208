/**
 * What a request to AWS asks for, in the words of IAM: who, which action, on which resources, with which condition keys.
 * The policy simulator is fed with these, so that rights are proven for the calls that are really made.
 */

import { ACCOUNT, REGION } from './ministack.ts';

export interface RecordedCall {
  readonly at: string;
  /** `function:<name>`, `role:<name>/<session>`, or `root`, which is the harness itself and osls. */
  readonly principal: string;
  /** As IAM writes it: `s3:PutObject`. */
  readonly action: string;
  readonly resources: readonly string[];
  /** Condition keys of the request, by their IAM names. */
  readonly conditions: Readonly<Record<string, string>>;
  readonly status: number;
}

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export type Asked = Pick<RecordedCall, 'action' | 'resources' | 'conditions'> & { readonly service: string };

/** The access key that signed a request; empty where none did. */
export function keyIdOf({ headers }: SeenRequest): string {
  return /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** The function that sent a request, by the application id in its User-Agent; see shim/lambda-preload.ts. */
export function functionOf({ headers }: SeenRequest): string | null {
  const id = /(?:^| )app\/(\S+)/.exec(headers['user-agent'] ?? '')?.[1];
  // Powertools adds itself to the id.
  return id?.replace(/-PT-.*$/, '') ?? null;
}

/** What a request asks for; null where it is none of AWS's. */
export function askedBy(request: SeenRequest): Asked | null {
  const service = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1];
  if (service === undefined) return null;
  if (service === 's3') return { service, ...s3Call(request) };
  const target = request.headers['x-amz-target'];
  const form = target === undefined ? new URLSearchParams(request.body.toString('latin1')) : null;
  const smithy = /\/operation\/(\w+)$/.exec(request.url.pathname)?.[1];
  const operation = target?.split('.').at(-1) ?? smithy ?? form?.get('Action') ?? restOperation(request);
  const input = target === undefined ? Object.fromEntries(form ?? []) : parsed(request.body);
  const prefix = service === 'monitoring' ? 'cloudwatch' : service;
  return { service, action: `${prefix}:${operation}`, resources: resourcesOf(service, input), conditions: {} };
}

function parsed(body: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(body.toString('utf8')) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function restOperation({ method, url }: SeenRequest): string {
  return /\/functions\/[^/]+\/invocations$/.test(url.pathname) ? 'InvokeFunction' : `${method} ${url.pathname}`;
}

const SUBRESOURCES: Record<string, string> = {
  acl: 'Acl',
  lifecycle: 'LifecycleConfiguration',
  policy: 'BucketPolicy',
  versioning: 'BucketVersioning',
  location: 'BucketLocation',
  encryption: 'EncryptionConfiguration',
  tagging: 'ObjectTagging',
  retention: 'ObjectRetention',
};

function s3Call({ method, url, headers }: SeenRequest): Omit<Asked, 'service'> {
  const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
  const key = rest.join('/');
  const query = url.searchParams;
  const resource = `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`;
  const conditions: Record<string, string> = {};
  for (const name of ['if-none-match', 'if-match', 'x-amz-storage-class', 'x-amz-server-side-encryption']) {
    const value = headers[name];
    if (value !== undefined) conditions[`s3:${name}`] = value;
  }
  for (const name of ['prefix', 'delimiter', 'max-keys']) {
    const value = query.get(name);
    if (value !== null) conditions[`s3:${name}`] = value;
  }
  return { action: s3Action(method, key, query), resources: [resource], conditions };
}

function s3Action(method: string, key: string, query: URLSearchParams): string {
  const sub = Object.keys(SUBRESOURCES).find((name) => query.has(name));
  const verb = method === 'PUT' ? 'Put' : method === 'DELETE' ? 'Delete' : 'Get';
  if (sub !== undefined) return `s3:${verb}${SUBRESOURCES[sub]}`;
  const versioned = query.has('versionId') ? 'Version' : '';
  if (key === '') {
    if (method === 'PUT') return 's3:CreateBucket';
    if (method === 'DELETE') return 's3:DeleteBucket';
    if (method === 'POST') return 's3:DeleteObject';
    return query.has('versions') ? 's3:ListBucketVersions' : 's3:ListBucket';
  }
  if (method === 'DELETE') return query.has('uploadId') ? 's3:AbortMultipartUpload' : `s3:DeleteObject${versioned}`;
  if (method === 'POST' && query.has('restore')) return 's3:RestoreObject';
  return method === 'GET' || method === 'HEAD' ? `s3:GetObject${versioned}` : 's3:PutObject';
}

const arn = (service: string, rest: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

function resourcesOf(service: string, input: Record<string, unknown>): string[] {
  const text = (name: string) => (typeof input[name] === 'string' ? String(input[name]) : null);
  const found: string[] = [];
  const topic = text('TopicArn');
  if (topic !== null) found.push(topic);
  if (service === 'sqs' && text('QueueUrl') !== null) found.push(arn('sqs', text('QueueUrl')?.split('/').at(-1) ?? ''));
  if (service === 'events') {
    const rule = text('Rule') ?? text('Name');
    if (rule !== null) found.push(arn('events', `rule/${rule}`));
    if (Array.isArray(input.Entries)) found.push(arn('events', 'event-bus/default'));
  }
  if (service === 'ssm') {
    const document = text('DocumentName');
    if (document !== null) found.push(arn('ssm', `document/${document}`));
    for (const id of texts(input.InstanceIds)) {
      found.push(id.startsWith('mi-') ? arn('ssm', `managed-instance/${id}`) : arn('ec2', `instance/${id}`));
    }
  }
  return found.length === 0 ? ['*'] : found;
}
