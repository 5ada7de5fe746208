/** AWS as the operator's commands meet it: functions that answer, topics, rules and nodes, and errors on demand. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { clientOptions } from '../../functions/aws/clients.ts';

const ACCOUNT = '123456789012';
export const REGION = 'eu-central-1';

type Json = Record<string, unknown>;

interface Subscriber {
  readonly topic: string;
  readonly protocol: string;
  readonly address: string;
  /** `PendingConfirmation`, `Deleted`, or an ARN. */
  arn: string;
  readonly filter: string | null;
}

export class OperatorAws {
  /** What a function answers an event with; what it throws is a function error. */
  readonly functions = new Map<string, (event: Json) => unknown>();
  readonly topics = new Set<string>();
  readonly subscribers: Subscriber[] = [];
  /** Descriptions by name. */
  readonly rules = new Map<string, string>();
  /** `tag` is the value of the tag `offsite`. */
  readonly nodes = new Map<string, { online: boolean; seen: Date; tag?: string; name?: string; platform?: string }>();
  /** Instances that nobody may tag. */
  readonly untaggable = new Set<string>();
  /** Codes of errors that the next requests of an action end with; one each. */
  readonly faults = new Map<string, string[]>();
  /** Actions in the order in which they were asked for. */
  readonly asked: string[] = [];
  pageSize = 100;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error) => response.destroy(error));
    });
  }

  static async start(): Promise<OperatorAws> {
    const fake = new OperatorAws();
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** For a child process. */
  get environment(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  }

  /** For clients of this process; they try twice. */
  get clients() {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    return { ...clientOptions({ region: REGION }), endpoint: this.endpoint, credentials, maxAttempts: 2 };
  }

  /** Somebody opens the link in a mail. */
  confirm(address: string): void {
    for (const one of this.subscribers) if (one.address === address) one.arn = `${arnOf(one.topic)}:${address}`;
  }

  reset(): void {
    for (const all of [this.functions, this.topics, this.rules, this.nodes, this.untaggable, this.faults]) all.clear();
    this.subscribers.length = 0;
    this.asked.length = 0;
    this.pageSize = 100;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await buffer(request)).toString();
    const target = request.headers['x-amz-target'];
    const name = /^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(request.url ?? '')?.[1];
    const form = new URLSearchParams(body);
    const action = name !== undefined ? 'Invoke' : (String(target ?? '').split('.')[1] ?? form.get('Action') ?? '');
    this.asked.push(action);
    try {
      const fault = this.faults.get(action)?.shift();
      if (fault !== undefined) throw new Fault(fault);
      if (name !== undefined) return this.#invoke(decodeURIComponent(name), body, response);
      if (target !== undefined) return answer(response, 200, JSON.stringify(this.#json(action, JSON.parse(body))));
      return answer(response, 200, this.#query(action, form), 'text/xml');
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { message: code } = error;
      response.setHeader('x-amzn-errortype', code);
      const isQuery = name === undefined && target === undefined;
      const xml = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${code} it is</Message></Error></ErrorResponse>`;
      const text = isQuery ? xml : JSON.stringify({ __type: code, message: `${code} it is` });
      answer(response, 400, text, isQuery ? 'text/xml' : 'application/json');
    }
  }

  #invoke(name: string, body: string, response: ServerResponse): void {
    const work = this.functions.get(name);
    if (work === undefined) throw new Fault('ResourceNotFoundException');
    try {
      answer(response, 200, JSON.stringify(work(JSON.parse(body))));
    } catch (error) {
      response.setHeader('x-amz-function-error', 'Unhandled');
      const { name: errorType, message: errorMessage } = error as Error;
      answer(response, 200, JSON.stringify({ errorType, errorMessage, trace: [] }));
    }
  }

  #json(action: string, input: Json): Json {
    switch (action) {
      case 'DescribeInstanceInformation': {
        const [filter] = (input.Filters ?? []) as { Key: string; Values: string[] }[];
        const all = [...this.nodes].filter(([id, { tag }]) => {
          if (filter?.Key === 'InstanceIds') return filter.Values.includes(id);
          if (filter?.Key === 'tag-key') return tag !== undefined && filter.Values.includes('offsite');
          return filter === undefined || (filter.Key === 'tag:offsite' && filter.Values.includes(tag ?? ''));
        });
        const from = Number(input.NextToken ?? 0);
        const size = Math.min(this.pageSize, Number(input.MaxResults ?? 10));
        const list = all.slice(from, from + size).map(([id, { online, seen, name, platform }]) => ({
          InstanceId: id,
          PingStatus: online ? 'Online' : 'ConnectionLost',
          LastPingDateTime: +seen / 1000,
          ...(name === undefined ? {} : { ComputerName: name }),
          ...(platform === undefined ? {} : { PlatformName: platform, PlatformVersion: '13' }),
        }));
        const next = from + size < all.length ? { NextToken: String(from + size) } : {};
        return { InstanceInformationList: list, ...next };
      }
      case 'AddTagsToResource': {
        const node = input.ResourceType === 'ManagedInstance' && this.nodes.get(String(input.ResourceId));
        const [tag] = input.Tags as { Key: string; Value: string }[];
        if (!node || tag?.Key !== 'offsite') throw new Fault('InvalidResourceId');
        node.tag = tag.Value;
        return {};
      }
      case 'TagResources': {
        const failed: Json = {};
        const arns = input.ResourceARNList as string[];
        if (arns.length > 20) throw new Fault('InvalidParameterException');
        for (const arn of arns) {
          const id = arn.replace(`arn:aws:ec2:${REGION}:${ACCOUNT}:instance/`, '');
          const node = this.nodes.get(id);
          if (node === undefined || this.untaggable.has(id)) {
            failed[arn] = { StatusCode: 403, ErrorCode: 'AccessDeniedException', ErrorMessage: 'not this one' };
          } else node.tag = String((input.Tags as Json).offsite);
        }
        return { FailedResourcesMap: failed };
      }
      case 'ListRules': {
        const all = [...this.rules].filter(([name]) => name.startsWith(String(input.NamePrefix)));
        const from = Number(input.NextToken ?? 0);
        const Rules = all.slice(from, from + this.pageSize).map(([Name, Description]) => ({ Name, Description }));
        const next = from + this.pageSize;
        return { Rules, ...(next < all.length ? { NextToken: String(next) } : {}) };
      }
      case 'ListTargetsByRule':
        if (!this.rules.has(String(input.Rule))) throw new Fault('ResourceNotFoundException');
        return { Targets: [{ Id: 'dispatch', Arn: 'arn' }] };
      case 'RemoveTargets':
        return { FailedEntryCount: 0, FailedEntries: [] };
      case 'DeleteRule':
        this.rules.delete(String(input.Name));
        return {};
      default:
        throw new Error(`nobody answers ${action}`);
    }
  }

  #query(action: string, form: URLSearchParams): string {
    const result = (inner: string) =>
      `<${action}Response><${action}Result>${inner}</${action}Result></${action}Response>`;
    if (action === 'GetCallerIdentity') {
      const arn = `arn:aws:iam::${ACCOUNT}:user/jo`;
      return result(`<Arn>${arn}</Arn><UserId>AIDA</UserId><Account>${ACCOUNT}</Account>`);
    }
    const topic = form.get('TopicArn')?.split(':').at(-1) ?? '';
    if (!this.topics.has(topic) || form.get('TopicArn') !== arnOf(topic)) throw new Fault('NotFound');
    if (action === 'ListSubscriptionsByTopic') {
      const all = this.subscribers.filter((one) => one.topic === topic);
      const from = Number(form.get('NextToken') ?? 0);
      const page = all.slice(from, from + this.pageSize);
      const members = page.map(
        ({ arn, protocol, address }) =>
          `<member><TopicArn>${arnOf(topic)}</TopicArn><Protocol>${protocol}</Protocol><SubscriptionArn>${arn}</SubscriptionArn><Owner>${ACCOUNT}</Owner><Endpoint>${address}</Endpoint></member>`,
      );
      const next = from + this.pageSize < all.length ? `<NextToken>${from + this.pageSize}</NextToken>` : '';
      return result(`<Subscriptions>${members.join('')}</Subscriptions>${next}`);
    }
    if (action !== 'Subscribe') throw new Error(`nobody answers ${action}`);
    return result(`<SubscriptionArn>${this.#subscribe(topic, form)}</SubscriptionArn>`);
  }

  /** An address is subscribed once, however often it asks; a phone need not confirm. */
  #subscribe(topic: string, form: URLSearchParams): string {
    const protocol = form.get('Protocol') ?? '';
    const address = form.get('Endpoint') ?? '';
    const there = this.subscribers.find(
      (one) => one.topic === topic && one.protocol === protocol && one.address === address,
    );
    const arn = protocol === 'sms' ? `${arnOf(topic)}:${address}` : 'PendingConfirmation';
    const filter = form.get('Attributes.entry.1.value');
    if (there === undefined) this.subscribers.push({ topic, protocol, address, arn, filter });
    return there?.arn ?? arn;
  }
}

/** An error that a service answers with, by its code. */
class Fault extends Error {}

const arnOf = (topic: string) => `arn:aws:sns:${REGION}:${ACCOUNT}:${topic}`;

function answer(response: ServerResponse, status: number, text: string, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type }).end(text);
}
