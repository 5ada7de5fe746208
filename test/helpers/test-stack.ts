/** The stack over a store in memory, with hosts that publish signed runs, and fakes for all it talks to. */

import type { Json } from '../../contract/canonical.ts';
import { instantText } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { type Problem, type ProblemKind, problemKey, problemKind } from '../../contract/problem.ts';
import { type Latest, latestKind, type Verdict, verdictKind } from '../../contract/verdict.ts';
import { type Audited, type AuditPorts, audit } from '../../functions/audit.ts';
import { type Completed, complete } from '../../functions/complete.ts';
import { type Dispatched, dispatch } from '../../functions/dispatch.ts';
import { readDocument } from '../../functions/lib/documents.ts';
import { type Stack, stackOf } from '../../functions/stack.ts';
import type { PrivateKey } from '../../pgp/keys.ts';
import { putFleet } from '../../repository/fleet.ts';
import { MemoryStore } from '../../store/memory.ts';
import type { ObjectStore } from '../../store/port.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCommands } from './fake-commands.ts';
import { FakeEvents } from './fake-events.ts';
import { FakeNotifier } from './fake-notifier.ts';
import {
  certify,
  DEFAULT_RECIPIENT,
  makeOperator,
  makeSigningKey,
  type Published,
  TestHost,
  type TestOperator,
} from './signed-run.ts';

/** When every test's fleet file is applied, unless it says otherwise. */
export const APPLIED = '2026-11-19T12:00:00Z';
export const NIGHTLY = { incremental: 'cron(0 4 * * ? *)', deadline: '8h' };

type Written = { [key: string]: Json };

/** A fleet file: hosts with one set `data` and a node of their own name, policies with all hosts, unless they say more. */
export function fleetFile(
  hosts: Record<string, Written>,
  policies: Record<string, Written> = { nightly: NIGHTLY },
): Json {
  const names = Object.keys(hosts);
  return {
    store: 's3://my-backups',
    recipients: [DEFAULT_RECIPIENT],
    hosts: Object.fromEntries(names.map((name) => [name, { node: `mi-${name}`, sets: ['data'], ...hosts[name] }])),
    policies: Object.fromEntries(Object.entries(policies).map(([name, policy]) => [name, { hosts: names, ...policy }])),
  };
}

const keys: Promise<{ operator: TestOperator; signing: PrivateKey[] }> = (async () => {
  const [operator, ...signing] = await Promise.all([
    makeOperator(),
    makeSigningKey('a'),
    makeSigningKey('b'),
    makeSigningKey('c'),
  ]);
  return { operator, signing };
})();

/** Keys that every test of a process shares. The last one belongs to nobody. */
export async function testKeys() {
  const { operator, signing } = await keys;
  return { operator, signing, foreign: signing.at(-1) as PrivateKey };
}

export class TestStack {
  readonly clock = new FakeClock(APPLIED);
  readonly memory = new MemoryStore({ clock: this.clock });
  readonly commands = new FakeCommands();
  readonly notifier = new FakeNotifier();
  readonly events = new FakeEvents();
  readonly operator: TestOperator;
  readonly hosts = new Map<string, TestHost>();
  #stack: Stack;

  private constructor(operator: TestOperator) {
    this.operator = operator;
    this.#stack = this.over(this.memory);
  }

  /** A stack with these hosts, registered and certified, and their fleet file in force since APPLIED. */
  static async of(
    hosts: Record<string, Written> = { carcosa: {} },
    policies?: Record<string, Written>,
  ): Promise<TestStack> {
    const { operator, signing } = await testKeys();
    const made = new TestStack(operator);
    for (const [i, name] of Object.keys(hosts).entries()) {
      await made.#register(name, { signingKey: signing[i % 2] as PrivateKey });
    }
    await certify(made.memory, operator, ...made.hosts.values());
    await made.apply(fleetFile(hosts, policies));
    return made;
  }

  /** The same stack with another store in between, for faults; the fakes and the memory below stay. */
  over(store: ObjectStore): Stack {
    const { clock, notifier, events, operator } = this;
    return stackOf({ store, clock, notifier, events, anchor: operator.anchor });
  }

  /** As if all functions had been started anew. */
  restart(): void {
    this.#stack = this.over(this.memory);
  }

  get stack(): Stack {
    return this.#stack;
  }

  async addHost(name: string, options: { signingKey: PrivateKey; node?: string; prefix?: string }): Promise<TestHost> {
    const host = await this.#register(name, options);
    await certify(this.memory, this.operator, host);
    return host;
  }

  async #register(
    name: string,
    options: { signingKey: PrivateKey; node?: string; prefix?: string },
  ): Promise<TestHost> {
    const host = new TestHost({ store: this.memory, clock: this.clock }, { name, ...options });
    await host.register();
    this.hosts.set(name, host);
    return host;
  }

  host(name = 'carcosa'): TestHost {
    const host = this.hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name} in this test`);
    return host;
  }

  async apply(fleet: Json): Promise<void> {
    await putFleet(this.memory, fleet, this.clock.now());
  }

  /** Sets the clock; also to the past. */
  at(time: string): this {
    this.clock.set(time);
    return this;
  }

  dispatch(time: string, policy = 'nightly', type: 'full' | 'incremental' = 'incremental'): Promise<Dispatched> {
    return dispatch(this.#stack, this.commands, { policy, type, time: new Date(time) });
  }

  completeRun({ key }: Published): Promise<Completed> {
    return complete(this.#stack, { kind: 'object', key });
  }

  completeCommand(node: string, due: string, responseCode: number | null, policy = 'nightly'): Promise<Completed> {
    return complete(this.#stack, { kind: 'command', node, policy, due: new Date(due), responseCode });
  }

  audit(ports?: AuditPorts): Promise<Audited> {
    return audit(this.#stack, ports);
  }

  async latest(host = 'carcosa', set = 'data'): Promise<Latest | null> {
    return (await readDocument(this.memory, objectKey({ kind: 'latest', host, set }), latestKind)).document;
  }

  /** The verdict about a slot's run of a host, or about an unasked run. */
  async verdict(
    of: { due: string; host?: string; policy?: string; set?: string } | Published,
  ): Promise<Verdict | null> {
    if ('place' in of) {
      const { set, run } = of.place;
      const key = objectKey({ kind: 'verdict', host: of.manifest.name, set, run });
      return (await readDocument(this.memory, key, verdictKind)).document;
    }
    const { host = 'carcosa', policy = 'nightly', set = 'data' } = of;
    const due = new Date(of.due);
    const run = this.host(host).runOf({ policy, due }, set);
    const key = objectKey({ kind: 'slot-verdict', due, policy, host, set, run });
    return (await readDocument(this.memory, key, verdictKind)).document;
  }

  async problem(
    kind: ProblemKind,
    host: string | null = 'carcosa',
    set: string | null = 'data',
  ): Promise<Problem | null> {
    return (await readDocument(this.memory, problemKey({ kind, host, set }), problemKind)).document;
  }

  async isClosed(due: string, policy = 'nightly'): Promise<boolean> {
    const key = objectKey({ kind: 'closed', due: new Date(due), policy });
    return this.memory.head(key).then(
      () => true,
      () => false,
    );
  }

  /** Subjects of what was published since the last call, without their beginning, sorted. */
  messages(): string[] {
    return this.notifier
      .take()
      .map(({ subject }) => subject.replace('Offsite: ', ''))
      .sort();
  }

  /** A run of a slot that is published and judged at once, 20 minutes after it was due. */
  async goodRun(
    due: string,
    options: Parameters<TestHost['backUp']>[0] & { host?: string; policy?: string } = {},
  ): Promise<Published> {
    const { host = 'carcosa', policy = 'nightly', ...more } = options;
    this.at(instantText(new Date(Date.parse(due) + 20 * 60_000)));
    const run = await this.host(host).backUp({ slot: { policy, due }, ...more });
    await this.completeRun(run);
    return run;
  }
}
