/**
 * The one endpoint that everything under test takes for AWS. It records each request, lets requests fail on demand,
 * answers what a stand-in covers (SSM), and passes everything else on to the emulator as if it had come by TLS.
 */

import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse, request as sendOn } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Asked, askedBy, functionOf, keyIdOf, type RecordedCall, type SeenRequest } from './recording.ts';
import { StoreClock } from './store-clock.ts';

/** Answers a request in the emulator's stead; null where it is not its affair. */
export type StandIn = (asked: Asked, request: SeenRequest) => Promise<{ status: number; body: object } | null>;

/** What becomes of a request: refused so, passed on, or (undefined) neither passed on nor answered. */
export type Reaction = { readonly status: number; readonly code: string } | 'pass' | undefined;

export interface Fault {
  readonly principal?: RegExp;
  readonly action: RegExp;
  readonly resource?: RegExp;
  /** How many requests; default 1. */
  times?: number;
  /** Refused so; or as the function says, which is given the access key that signed the request. */
  readonly does: { readonly status: number; readonly code: string } | ((key: string) => Reaction);
}

/** Requests that take so much longer than the emulator does, as over a network. */
export interface Latency {
  readonly principal: RegExp;
  readonly action: RegExp;
  readonly milliseconds: number;
}

export class Gateway {
  readonly calls: RecordedCall[] = [];
  readonly faults: Fault[] = [];
  latency: Latency | null = null;
  readonly storeClock = new StoreClock();
  /** Requests under way, and when the last one began or ended, by principal. */
  readonly #activity = new Map<string, { open: number; last: number }>();
  /** Principals by access key, learned from the sessions that STS gives out. */
  readonly #sessions = new Map<string, string>();
  readonly #server: Server;
  readonly #recordTo: string;
  #standIn: StandIn = async () => null;
  #upstream = 0;

  private constructor(recordTo: string) {
    this.#recordTo = recordTo;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(502);
        response.end(`gateway: ${String(error)}`);
      });
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  /** Listens on the loopback interface; `recordTo` gets a line of JSON for each call. */
  static async start(recordTo: string): Promise<Gateway> {
    const gateway = new Gateway(recordTo);
    await new Promise<void>((resolve) => gateway.#server.listen(0, '127.0.0.1', resolve));
    return gateway;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Where the emulator listens, and what answers in its stead. */
  passOnTo(port: number, standIn: StandIn): void {
    this.#upstream = port;
    this.#standIn = standIn;
  }

  /** Resolves once this principal has asked for nothing for so many milliseconds. Throws where it goes on for a minute. */
  async still(principal: string, milliseconds: number): Promise<void> {
    const isBusy = () => {
      const { open, last } = this.#activity.get(principal) ?? { open: 0, last: Number.NEGATIVE_INFINITY };
      return open > 0 || performance.now() - last < milliseconds;
    };
    for (const until = performance.now() + 60_000; isBusy(); await sleep(50)) {
      if (performance.now() > until) throw new Error(`${principal} went on asking for a minute`);
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/', rawHeaders } = incoming;
    const headers = incoming.headers as Record<string, string | undefined>;
    const request = { method, url: new URL(url, 'http://gateway'), headers, body: await buffer(incoming) };
    const asked = askedBy(request);
    const principal = this.#principalOf(request);
    using _ = this.#busy(principal);
    const fault = asked === null ? null : this.#takeFault(asked, principal);
    const reaction = typeof fault === 'function' ? fault(keyIdOf(request)) : (fault ?? 'pass');
    if (reaction === undefined) return;
    const refused = reaction === 'pass' ? null : refusal(asked?.service ?? '', reaction);
    const { latency } = this;
    if (asked !== null && latency?.principal.test(principal) === true && latency.action.test(asked.action)) {
      await sleep(latency.milliseconds);
    }
    const stood = refused ?? (asked === null ? null : await this.#standInsAnswer(asked, request));
    const given = stood ?? (await this.#passOn(request, url, rawHeaders));
    const answer = asked?.service === 's3' ? this.storeClock.dated(request, given) : given;
    if (asked !== null) this.#record(asked, principal, answer.status);
    if (asked?.action.startsWith('sts:Assume') === true) this.#learn(answer.body.toString('utf8'));
    const { status, headers: answered, body } = answer;
    if (method === 'HEAD') response.writeHead(status, answered).end();
    else response.writeHead(status, [...answered, 'content-length', String(body.length)]).end(body);
  }

  async #standInsAnswer(asked: Asked, request: SeenRequest): Promise<Passed | null> {
    const answer = await this.#standIn(asked, request);
    if (answer === null) return null;
    const headers = ['content-type', 'application/x-amz-json-1.1'];
    return { status: answer.status, headers, body: Buffer.from(JSON.stringify(answer.body)) };
  }

  /** A connection for each request: the emulator drops idle ones now and then. */
  #passOn({ method, body, headers: asked }: SeenRequest, path: string, rawHeaders: readonly string[]): Promise<Passed> {
    const headers = withoutHopByHop(rawHeaders);
    // The emulator takes this for the scheme that the caller used, which policies ask for. A test may ask for another.
    const scheme = asked['x-offsite-scheme'] ?? 'https';
    headers.push('x-forwarded-proto', scheme, 'connection', 'close', 'content-length', String(body.length));
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.#upstream, method, path, headers, agent: false };
      const outgoing = sendOn(options, (answer) => {
        const done = (bytes: Buffer) =>
          resolve({
            status: answer.statusCode ?? 502,
            // For an answer to HEAD it is no length of what follows, but the object's.
            headers: withoutHopByHop(answer.rawHeaders, method === 'HEAD' ? ['content-length'] : []),
            body: bytes,
          });
        buffer(answer).then(done, reject);
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  #takeFault({ action, resources }: Asked, principal: string): Fault['does'] | null {
    const fault = this.faults.find(
      (one) =>
        one.action.test(action) &&
        (one.principal?.test(principal) ?? true) &&
        (one.resource === undefined || resources.some((resource) => one.resource?.test(resource))),
    );
    if (fault === undefined) return null;
    fault.times = (fault.times ?? 1) - 1;
    if (fault.times === 0) this.faults.splice(this.faults.indexOf(fault), 1);
    return fault.does;
  }

  /** Until it is disposed of, this principal is at work. */
  #busy(principal: string): Disposable {
    const activity = this.#activity.get(principal) ?? { open: 0, last: 0 };
    this.#activity.set(principal, activity);
    activity.open++;
    activity.last = performance.now();
    return {
      [Symbol.dispose]: () => {
        activity.open--;
        activity.last = performance.now();
      },
    };
  }

  #principalOf(request: SeenRequest): string {
    const name = functionOf(request);
    if (name !== null) return `function:${name}`;
    return this.#sessions.get(keyIdOf(request)) ?? 'root';
  }

  #learn(xml: string): void {
    const key = /<AccessKeyId>([^<]+)</.exec(xml)?.[1];
    const arn = /<Arn>[^<]*:assumed-role\/([^<]+)</.exec(xml)?.[1];
    if (key !== undefined && arn !== undefined) this.#sessions.set(key, `role:${arn}`);
  }

  #record({ action, resources, conditions }: Asked, principal: string, status: number): void {
    const call = { at: new Date().toISOString(), principal, action, resources, conditions, status };
    this.calls.push(call);
    appendFileSync(this.#recordTo, `${JSON.stringify(call)}\n`);
  }
}

interface Passed {
  readonly status: number;
  readonly headers: string[];
  readonly body: Buffer;
}

/** Refusals as S3 (XML) and the others (JSON) spell them; a Query service's caller knows it by its status. */
function refusal(service: string, { status, code }: { status: number; code: string }): Passed {
  const xml = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>on demand</Message></Error>`;
  const isXml = service === 's3';
  const body = isXml ? xml : JSON.stringify({ __type: code, message: 'on demand' });
  return {
    status,
    headers: ['content-type', isXml ? 'application/xml' : 'application/x-amz-json-1.1'],
    body: Buffer.from(body),
  };
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'expect', 'te']);

function withoutHopByHop(raw: readonly string[], except: readonly string[] = []): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    const isHopByHop = HOP_BY_HOP.has(name.toLowerCase()) && !except.includes(name.toLowerCase());
    if (!isHopByHop) kept.push(name, value);
  }
  return kept;
}
