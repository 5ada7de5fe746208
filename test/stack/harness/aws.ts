/**
 * Requests to AWS as the tests make them: signed by hand (Signature Version 4), so that no more SDK clients are needed
 * than the product itself has. JSON and Query protocols, and plain HTTP for S3 and Lambda.
 */

import { createHash, createHmac } from 'node:crypto';
import { ACCOUNT, REGION, ROOT_KEY } from './ministack.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Call {
  readonly service: string;
  readonly method?: string;
  /** With its query, encoded. */
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly as?: Credentials;
}

export class AwsError extends Error {
  override readonly name = 'AwsError';
  readonly status: number;

  constructor(what: string, { status, text }: Answer) {
    super(`${what}: ${status} ${text.slice(0, 1000)}`);
    this.status = status;
  }
}

export class Aws {
  readonly endpoint: string;

  constructor(endpoint: string) {
    this.endpoint = endpoint;
  }

  /** One signed request; whatever the answer, it is returned. */
  async send({ service, method = 'POST', path = '/', headers = {}, body = '', as = ROOT_KEY }: Call): Promise<Answer> {
    const url = new URL(path, this.endpoint);
    const signed = sign({ service, method, url, headers, body, as, now: new Date() });
    const init = method === 'GET' || method === 'HEAD' ? {} : { body };
    const answer = await fetch(url, { method, headers: signed, ...init });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  }

  /** An operation of a service that speaks JSON 1.0 or 1.1 (`X-Amz-Target`). Throws AwsError. */
  async json<Output>(service: string, target: string, input: object, as?: Credentials): Promise<Output> {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
    const answer = await this.send({ service, headers, body: JSON.stringify(input), ...(as && { as }) });
    if (answer.status !== 200) throw new AwsError(target, answer);
    return JSON.parse(answer.text === '' ? '{}' : answer.text) as Output;
  }

  /** An operation of a service that speaks the Query protocol; its XML. Throws AwsError. */
  async query(service: string, action: string, input: Record<string, string>, as?: Credentials): Promise<string> {
    const version = QUERY_VERSIONS[service] ?? '';
    const body = new URLSearchParams({ Action: action, Version: version, ...input }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const answer = await this.send({ service, headers, body, ...(as && { as }) });
    if (answer.status !== 200) throw new AwsError(action, answer);
    return answer.text;
  }

  /** Invokes a function and waits for it. Throws where the function did. */
  async invoke(name: string, event: object): Promise<unknown> {
    const path = `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`;
    const answer = await this.send({ service: 'lambda', path, body: JSON.stringify(event) });
    if (answer.status !== 200 || answer.headers.get('x-amz-function-error') !== null) {
      throw new AwsError(`function ${name}`, answer);
    }
    return JSON.parse(answer.text === '' ? 'null' : answer.text);
  }

  /** Invokes a function as events do: the answer is that the event was taken, no more. */
  async invokeAsync(name: string, event: object): Promise<void> {
    const path = `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`;
    const headers = { 'x-amz-invocation-type': 'Event' };
    const answer = await this.send({ service: 'lambda', path, headers, body: JSON.stringify(event) });
    if (answer.status !== 202) throw new AwsError(`function ${name}`, answer);
  }

  /** A role's session, as EC2 and SSM make one for each host: `aws:userid` is the role's id, a colon, and `session`. */
  async assumeRole(role: string, session: string): Promise<Credentials> {
    const input = {
      RoleArn: `arn:aws:iam::${ACCOUNT}:role/${role}`,
      RoleSessionName: session,
      DurationSeconds: '3600',
    };
    const xml = await this.query('sts', 'AssumeRole', input);
    return {
      accessKeyId: textOf(xml, 'AccessKeyId'),
      secretAccessKey: textOf(xml, 'SecretAccessKey'),
      sessionToken: textOf(xml, 'SessionToken'),
    };
  }
}

const QUERY_VERSIONS: Record<string, string> = {
  sts: '2011-06-15',
  sns: '2010-03-31',
  iam: '2010-05-08',
  cloudformation: '2010-05-15',
};

/** The text of the first element of this name. */
export function textOf(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  if (text === undefined) throw new Error(`no <${name}> in ${xml.slice(0, 500)}`);
  return decodeXml(text);
}

/** The texts of all elements of this name. */
export function textsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) => decodeXml(text));
}

function decodeXml(text: string): string {
  const names: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&', '#39': "'", '#34': '"' };
  return text.replaceAll(/&(lt|gt|quot|apos|amp|#39|#34);/g, (_, name: string) => names[name] ?? '');
}

interface ToSign {
  readonly service: string;
  readonly method: string;
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer;
  readonly as: Credentials;
  readonly now: Date;
}

/** "Create a signed AWS API request" of the IAM user guide. */
function sign({ service, method, url, headers, body, as, now }: ToSign): Record<string, string> {
  const at = `${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const day = at.slice(0, 8);
  const hash = sha256(body);
  const all: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-date': at,
    'x-amz-content-sha256': hash,
    ...(as.sessionToken === undefined ? {} : { 'x-amz-security-token': as.sessionToken }),
  };
  const names = Object.keys(all).sort();
  const query = [...url.searchParams]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&');
  const path = service === 's3' ? url.pathname : url.pathname.split('/').map(encodeURIComponent).join('/');
  const canonical = [
    method,
    path,
    query,
    ...names.map((name) => `${name}:${all[name]?.trim()}`),
    '',
    names.join(';'),
    hash,
  ].join('\n');
  const scope = `${day}/${REGION}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n');
  const key = [day, REGION, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${as.secretAccessKey}`);
  const signature = hmac(key, text).toString('hex');
  const { host: _, ...sent } = all;
  const credential = `Credential=${as.accessKeyId}/${scope}`;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
const encoded = (text: string) =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
