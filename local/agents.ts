/**
 * Agents of this machine, started and left to themselves: each is the real `bin/offsite backup --job …`, in a process
 * group of its own, so that stopping whoever asked for the backup does not stop the backup. What it says goes to a file.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compactInstant } from '../contract/ids.ts';
import { type CommandSender, type OutgoingCommand, parseSlotComment } from '../functions/ports/commands.ts';
import type { Clock } from '../system/clock.ts';
import type { Ended } from './child-process.ts';
import { cannotKeep } from './outbox.ts';

const AGENT = fileURLToPath(new URL('../bin/offsite', import.meta.url));
/** The operator's own, of which a host's agent has no need. */
const KEPT_FROM_AGENTS = /^OFFSITE_(KEY|PASSPHRASE_FILE|CONFIG|STORE|HOSTS|OUTBOX)$/;

export interface AgentPorts {
  /** Config files by node, as they are now: hosts come and go while a stack runs. */
  readonly hosts: () => Promise<ReadonlyMap<string, string>>;
  readonly clock: Clock;
  /** For what agents say. */
  readonly logs: string;
  readonly environment: () => Record<string, string>;
  /** Called when an agent has ended. What it throws comes out of `settled`. */
  readonly onEnded: (ended: Ended) => Promise<void>;
}

export class Agents implements CommandSender {
  readonly #ports: AgentPorts;
  readonly #running = new Set<Promise<void>>();
  readonly #children = new Set<ChildProcess>();
  readonly #failures: unknown[] = [];
  readonly #logs = new Map<string, string>();
  #sent = 0;

  constructor(ports: AgentPorts) {
    this.#ports = ports;
  }

  async knownNodes(nodes: readonly string[]): Promise<ReadonlySet<string>> {
    const hosts = await this.#ports.hosts();
    return new Set(nodes.filter((node) => hosts.has(node)));
  }

  /** Resolves when the agents have been started. */
  async send({ nodes, payload, comment }: OutgoingCommand): Promise<{ command: string }> {
    const slot = parseSlotComment(comment);
    const hosts = await this.#ports.hosts();
    for (const node of nodes) {
      const config = hosts.get(node);
      if (config === undefined || slot === null) continue;
      const { exit } = await this.#start(node, config, payload);
      const run = exit
        .then((exitCode) => this.#ports.onEnded({ node, policy: slot.policy, due: new Date(slot.due), exitCode }))
        .catch((error: unknown) => {
          this.#failures.push(error);
        })
        .finally(() => this.#running.delete(run));
      this.#running.add(run);
    }
    return { command: `local-${++this.#sent}` };
  }

  /** Where the words of a node's last agent are; undefined where none was started. */
  logOf(node: string): string | undefined {
    return this.#logs.get(node);
  }

  /** True while an agent runs, or what follows from its end is being done. */
  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  /** Throws what went wrong since it was asked last. */
  check(): void {
    const failures = this.#failures.splice(0);
    if (failures.length > 0) throw failures[0];
  }

  /** Resolves when every agent has ended and all that follows from it is done. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.check();
  }

  /** Keeps this process alive for none of them any longer: they go on, and nobody here hears how they end. */
  leave(): void {
    for (const child of this.#children) child.unref();
  }

  /** Resolves once it has been started; `exit` is the promise of its exit code. */
  async #start(node: string, config: string, payload: string): Promise<{ exit: Promise<number> }> {
    const { logs, clock, environment } = this.#ports;
    const file = join(logs, `${compactInstant(clock.now())}-${node}.agent.log`);
    const log = await mkdir(logs, { recursive: true })
      .then(() => open(file, 'a'))
      .catch((error: unknown) => {
        throw cannotKeep('what agents say', logs, error);
      });
    this.#logs.set(node, file);
    try {
      const kept = Object.entries(environment()).filter(([name]) => !KEPT_FROM_AGENTS.test(name));
      const child = spawn(AGENT, ['backup', '--config', config, '--job', payload], {
        env: { ...Object.fromEntries(kept), AWS_SSM_INSTANCE_ID: node },
        stdio: ['ignore', log.fd, log.fd],
        detached: true,
      });
      this.#children.add(child);
      const exit = new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        // 137 where it was killed, as a shell says it.
        child.once('exit', (code) => resolve(code ?? 137));
      });
      return { exit: exit.finally(() => this.#children.delete(child)) };
    } finally {
      await log.close();
    }
  }
}
