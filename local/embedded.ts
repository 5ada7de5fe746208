/**
 * The embedded stack for the operator's commands: over a store on this machine, the functions run in this process, as
 * they run in Lambda on AWS, and hosts are host configs in a folder. Nothing of it outlives the process but files.
 */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../contract/errors.ts';
import { complete } from '../functions/complete.ts';
import { type Dispatched, dispatchManual, type ManualRun } from '../functions/dispatch.ts';
import { type Stack, stackOf } from '../functions/stack.ts';
import { type AlertsTested, testAlert } from '../functions/test-alert.ts';
import type { PublicKey } from '../pgp/keys.ts';
import type { ObjectStore } from '../store/port.ts';
import type { Clock } from '../system/clock.ts';
import { errno } from '../system/errno.ts';
import { Agents } from './agents.ts';
import type { Ended } from './child-process.ts';
import { nodeOfConfig } from './hosts.ts';
import { Outbox } from './outbox.ts';

export interface EmbeddedOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** The operator's public keys. */
  readonly anchor: readonly PublicKey[];
  /** Config files by node, as they are now; see hostsIn. */
  readonly hosts: () => Promise<ReadonlyMap<string, string>>;
  /** Where messages go, and what agents say. */
  readonly outbox: string;
  /** For agents, at their start. */
  readonly environment: () => Record<string, string>;
  /** Called with the subject of each message. */
  readonly onMessage?: (subject: string) => void;
}

/** Milliseconds; runs by hand are told apart by it. */
const SECOND = 1000;

/** What an outbox holds of ours: messages, and what agents said. */
const OURS = /^\d{8}T\d{6}Z-.+\.(email\.txt|alarm\.txt|sms\.txt|agent\.log)$/;

export class Embedded {
  readonly stays = ['the store with all backups, the hosts and their configs'];
  readonly next: readonly string[] = [];
  readonly stack: Stack;
  readonly agents: Agents;
  /** Where messages are kept. */
  readonly outbox: string;
  readonly #hosts: () => Promise<ReadonlyMap<string, string>>;

  constructor(options: EmbeddedOptions) {
    const { store, clock, anchor, hosts, outbox, environment, onMessage = () => undefined } = options;
    this.outbox = outbox;
    this.#hosts = hosts;
    const notifier = new Outbox(outbox, clock, ({ subject }) => onMessage(subject));
    this.stack = stackOf({ store, clock, anchor, notifier, events: { emit: async () => undefined } });
    this.agents = new Agents({
      hosts,
      clock,
      environment,
      logs: outbox,
      onEnded: (ended) => this.#judge(ended),
    });
  }

  /** A host of this machine can always be asked; null where there is no config of that node. */
  async nodeState(node: string): Promise<{ online: true; lastSeen: null } | null> {
    return (await this.#hosts()).has(node) ? { online: true, lastSeen: null } : null;
  }

  /** All hosts of the folder. Throws `config-invalid` where one of the configs is no good. */
  async nodes() {
    return [...(await this.#hosts())].map(([node, file]) => nodeOfConfig(node, file));
  }

  /** Whoever has a config here may be asked. */
  async tagNodes(): Promise<void> {}

  /** This machine's. */
  async stackTime(): Promise<null> {
    return null;
  }

  /** No rules start anything: whoever runs the functions knows when. */
  async schedules(): Promise<null> {
    return null;
  }

  /**
   * Starts the agent of one host. Throws what went wrong, all that could be done being done.
   *
   * A slot that another process has sent in the same second is its own, and its agent may have ended: what is asked here
   * is one more run, of a later second. (On AWS the same second is the same call, made again because nobody answered.)
   */
  async runNow({ due = this.stack.clock.now(), ...wanted }: ManualRun): Promise<Omit<Dispatched, 'errors'>> {
    for (let next = due; ; next = new Date(next.getTime() + SECOND)) {
      const { errors, ...dispatched } = await dispatchManual(this.stack, this.agents, { ...wanted, due: next });
      if (errors.length > 0) throw errors[0];
      const wasSent = dispatched.state === 'dispatched' && dispatched.nodes === 0 && dispatched.unknown.length === 0;
      if (!wasSent) return dispatched;
    }
  }

  /** Nobody subscribes: messages are files in the outbox. */
  async subscriptions(): Promise<null> {
    return null;
  }

  async subscribe(): Promise<never> {
    throw new OffsiteError('usage', 'the embedded stack sends no mail and no SMS', {
      hint: `Its messages are files in ${this.outbox}; point whatever sends your mail at that folder.`,
    });
  }

  async testAlert(): Promise<Omit<AlertsTested, 'errors'>> {
    const { errors, ...tested } = await testAlert(this.stack, `the embedded stack of ${this.stack.store.url}`);
    if (errors.length > 0) throw errors[0];
    return tested;
  }

  /** Files that the embedded stack left; never anything of the store, nor a file of another name. */
  async leftovers(): Promise<string[]> {
    const names = await readdir(this.outbox).catch((error: unknown) => {
      if (errno(error) === 'ENOENT') return [];
      throw error;
    });
    return names
      .filter((name) => OURS.test(name))
      .sort()
      .map((name) => join(this.outbox, name));
  }

  async removeLeftovers(): Promise<void> {
    for (const file of await this.leftovers()) await rm(file, { force: true });
  }

  /** As on AWS the command's status is the reason to look; the manifest outweighs it. */
  async #judge({ node, policy, due, exitCode }: Ended): Promise<void> {
    const { errors } = await complete(this.stack, { kind: 'command', node, policy, due, responseCode: exitCode });
    if (errors.length > 0) throw errors[0];
  }
}
