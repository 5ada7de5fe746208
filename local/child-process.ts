/** Dispatch on one machine: each host of a command is a child process, the real `bin/offsite backup --job …`. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type CommandSender, type OutgoingCommand, parseSlotComment } from '../functions/ports/commands.ts';
import type { ManualClock } from './clock.ts';

const AGENT = fileURLToPath(new URL('../bin/offsite', import.meta.url));

export interface LocalHost {
  /** The host's config file. */
  readonly config: string;
  /** An offline host gets nothing and answers nothing, as one that is switched off. */
  online: boolean;
}

/** A command that has ended on a host. */
export interface Ended {
  readonly node: string;
  readonly policy: string;
  readonly due: Date;
  readonly exitCode: number;
}

interface ChildPorts {
  /** By node. */
  readonly hosts: ReadonlyMap<string, LocalHost>;
  readonly clock: ManualClock;
  readonly onAgent?: (node: string, exitCode: number, output: string) => void;
}

export class ChildProcesses implements CommandSender {
  readonly #ports: ChildPorts;
  #sent = 0;
  #ended: Ended[] = [];

  constructor(ports: ChildPorts) {
    this.#ports = ports;
  }

  async knownNodes(nodes: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(nodes.filter((node) => this.#ports.hosts.has(node)));
  }

  /** Resolves when every agent that is online has ended. */
  async send({ nodes, payload, comment }: OutgoingCommand): Promise<{ command: string }> {
    const slot = parseSlotComment(comment);
    await Promise.all(
      nodes.map(async (node) => {
        const host = this.#ports.hosts.get(node);
        if (host?.online !== true) return;
        const { exitCode, output } = await runAgent(host.config, payload, {
          ...this.#ports.clock.environment(),
          AWS_SSM_INSTANCE_ID: node,
        });
        this.#ports.onAgent?.(node, exitCode, output);
        if (slot !== null) this.#ended.push({ node, policy: slot.policy, due: new Date(slot.due), exitCode });
      }),
    );
    return { command: `local-${++this.#sent}` };
  }

  /** The commands that have ended since the last call. */
  takeEnded(): Ended[] {
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }
}

function runAgent(
  config: string,
  payload: string,
  env: Record<string, string>,
): Promise<{ exitCode: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(AGENT, ['backup', '--config', config, '--job', payload], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const pieces: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => pieces.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => pieces.push(bytes));
    child.on('error', reject);
    child.on('close', (code) => resolve({ exitCode: code ?? 137, output: Buffer.concat(pieces).toString('utf8') }));
  });
}
