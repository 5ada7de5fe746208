/**
 * The services that the functions and the agent talk to, as little of them as their code needs, behind one endpoint that
 * writes down who asked for what. S3 is the small server of the store's tests; policies are enforced nowhere: that is
 * what the recorded calls are for.
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse, request as sendOn } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { BUCKET, type S3Server, startS3Server } from '../helpers/s3-server.ts';
import { type Asked, askedBy, type RecordedCall } from '../stack/harness/recording.ts';

type Json = Record<string, unknown>;
type Call = Pick<RecordedCall, 'principal' | 'action' | 'resources' | 'conditions'>;

export const CONFIRMED = 'arn:aws:sns:eu-central-1:123456789012:topic:00000000-0000-0000-0000-000000000001';

export class FakeAws {
  /** Who asks now; tests let one at a time. */
  principal = 'nobody';
  readonly calls: Call[] = [];
  /** Nodes that SSM knows. */
  readonly nodes = new Set<string>();
  readonly sent: { InstanceIds: string[]; Comment: string; Parameters: { payload: string[] } }[] = [];
  readonly published: URLSearchParams[] = [];
  readonly queued: Json[] = [];
  /** Who has subscribed, to whatever topic: by default one mailbox that has confirmed. */
  readonly subscriptions: { arn: string; protocol: string }[] = [{ arn: CONFIRMED, protocol: 'email' }];
  /** Of the queue, which somebody has received and not deleted. */
  received = 0;
  readonly emitted: Json[] = [];
  readonly rules = new Map<string, Json>();
  readonly targets = new Map<string, Json[]>();
  /** Codes of errors that the next requests of an action end with; one each. */
  readonly faults = new Map<string, string[]>();
  /** Rules and nodes on one page of a list. */
  pageSize = 100;
  /** What STS says of whoever asks. */
  identity = { UserId: '', Arn: '' };
  readonly #s3: S3Server;
  readonly #bucket: string;
  readonly #server: Server;

  private constructor(s3: S3Server, bucket: string) {
    this.#s3 = s3;
    this.#bucket = bucket;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error) => response.destroy(error));
    });
  }

  static async start(bucket: string): Promise<FakeAws> {
    const fake = new FakeAws(await startS3Server(), bucket);
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Keys in the bucket. */
  get keys(): string[] {
    return [...this.#s3.objects.keys()].sort();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#s3.close();
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/' } = incoming;
    const body = await buffer(incoming);
    const headers = incoming.headers as Record<string, string | undefined>;
    const asked = askedBy({ method, url: new URL(url, 'http://aws'), headers, body });
    if (asked === null) throw new Error(`${method} ${url} is none of AWS's requests`);
    const { service, ...call } = asked;
    const form = new URLSearchParams(body.toString('latin1'));
    const input = headers['x-amz-target'] === undefined ? {} : (JSON.parse(body.toString()) as Json);
    this.calls.push({
      principal: this.principal,
      ...call,
      conditions: { ...call.conditions, ...eventKeys(asked, input) },
    });
    if (service === 's3') return this.#passOn(incoming, response, body);
    if (service === 'sns' && this.faults.get(call.action)?.length) {
      const code = this.faults.get(call.action)?.shift();
      const error = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`;
      response.writeHead(403, { 'content-type': 'text/xml' }).end(error);
      return;
    }
    if (service === 'sns' || service === 'sts') {
      response.writeHead(200, { 'content-type': 'text/xml' }).end(this.#xml(asked, form));
      return;
    }
    try {
      const answer = this.#json(asked, input);
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      response
        .writeHead(400, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': error.code })
        .end(JSON.stringify({ __type: error.code, message: error.code }));
    }
  }

  #passOn({ method, url = '', headers }: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const [, bucket] = url.split('/');
    if (bucket?.split('?')[0] !== this.#bucket) throw new Error(`${url} is not in the stack's bucket`);
    const path = `/${BUCKET}${url.slice(this.#bucket.length + 1)}`;
    return new Promise((resolve, reject) => {
      const outgoing = sendOn(`${this.#s3.endpoint}${path}`, { method, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response).on('finish', resolve);
      });
      outgoing.on('error', reject).end(body);
    });
  }

  #xml({ action }: Asked, form: URLSearchParams): string {
    if (action === 'sns:Publish') {
      this.published.push(form);
      return '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>';
    }
    if (action === 'sns:ListSubscriptionsByTopic') return this.#subscriptionsXml(form);
    const { UserId, Arn } = this.identity;
    return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${Arn}</Arn><UserId>${UserId}</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`;
  }

  #subscriptionsXml(form: URLSearchParams): string {
    const start = Number(form.get('NextToken') ?? 0);
    const members = this.subscriptions
      .slice(start, start + this.pageSize)
      .map(
        ({ arn, protocol }) =>
          `<member><TopicArn>${form.get('TopicArn')}</TopicArn><Protocol>${protocol}</Protocol><SubscriptionArn>${arn}</SubscriptionArn><Owner>1</Owner><Endpoint>somebody</Endpoint></member>`,
      );
    const end = start + this.pageSize;
    const next = end < this.subscriptions.length ? `<NextToken>${end}</NextToken>` : '';
    return `<ListSubscriptionsByTopicResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ListSubscriptionsByTopicResult><Subscriptions>${members.join('')}</Subscriptions>${next}</ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>`;
  }

  #json({ action }: Asked, input: Json): Json {
    const fault = this.faults.get(action)?.shift();
    if (fault !== undefined) throw new ServiceError(fault);
    const rule = String(input.Rule ?? input.Name);
    switch (action) {
      case 'ssm:DescribeInstanceInformation':
        return this.#page(
          'InstanceInformationList',
          [...this.nodes].map((InstanceId) => ({ InstanceId })),
          input,
        );
      case 'ssm:SendCommand':
        if ((input.InstanceIds as string[]).some((id) => !this.nodes.has(id)))
          throw new ServiceError('InvalidInstanceId');
        this.sent.push(input as never);
        return { Command: { CommandId: `command-${this.sent.length - 1}` } };
      case 'ssm:GetCommandInvocation':
        return { Comment: this.sent[Number(String(input.CommandId).split('-')[1])]?.Comment, ResponseCode: 1 };
      case 'sqs:SendMessage': {
        const text = String(input.MessageBody);
        this.queued.push(JSON.parse(text) as Json);
        return { MessageId: '1', MD5OfMessageBody: createHash('md5').update(text).digest('hex') };
      }
      case 'sqs:GetQueueAttributes': {
        const counts: Json = {
          ApproximateNumberOfMessages: String(this.queued.length),
          ApproximateNumberOfMessagesNotVisible: String(this.received),
        };
        const names = input.AttributeNames as string[];
        return { Attributes: Object.fromEntries(names.map((name) => [name, counts[name]])) };
      }
      case 'events:PutEvents':
        this.emitted.push(...(input.Entries as Json[]));
        return { FailedEntryCount: 0, Entries: [{ EventId: '1' }] };
      case 'events:ListRules':
        return this.#page(
          'Rules',
          [...this.rules.values()].filter(({ Name }) => String(Name).startsWith(String(input.NamePrefix))),
          input,
        );
      case 'events:DescribeRule':
        if (!this.rules.has(rule)) throw new ServiceError('ResourceNotFoundException');
        return this.rules.get(rule) ?? {};
      case 'events:PutRule':
        this.rules.set(rule, input);
        return {};
      case 'events:PutTargets':
        this.targets.set(rule, input.Targets as Json[]);
        return { FailedEntryCount: 0, FailedEntries: [] };
      case 'events:ListTargetsByRule':
        return { Targets: this.targets.get(rule) ?? [] };
      case 'events:RemoveTargets':
        this.targets.delete(rule);
        return { FailedEntryCount: 0, FailedEntries: [] };
      case 'events:DeleteRule':
        if (this.targets.has(rule)) throw new ServiceError('ValidationException');
        this.rules.delete(rule);
        return {};
      default:
        throw new Error(`${action} is not known to this stand-in`);
    }
  }

  #page(name: string, items: readonly object[], { NextToken: token }: Json): Json {
    const start = Number(token ?? 0);
    const end = start + this.pageSize;
    return { [name]: items.slice(start, end), ...(end < items.length ? { NextToken: String(end) } : {}) };
  }
}

class ServiceError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Condition keys that EventBridge takes from the request's body. */
function eventKeys({ action }: Asked, input: Json): Record<string, string> {
  const first = (list: unknown) => (Array.isArray(list) ? (list[0] as Json) : {});
  if (action === 'events:PutEvents') return { 'events:source': String(first(input.Entries).Source) };
  if (action === 'events:PutTargets') return { 'events:TargetArn': String(first(input.Targets).Arn) };
  return {};
}
