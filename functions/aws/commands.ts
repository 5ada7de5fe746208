/** Commands by SSM Run Command, with the stack's own document and no other. */

import {
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  SendCommandCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import type { Clock } from '../../system/clock.ts';
import { type CommandSender, NodesRefused, type OutgoingCommand } from '../ports/commands.ts';

/** Seconds: what SendCommand takes as TimeoutSeconds, which is how long a command waits to be delivered. */
const SHORTEST = 30;
const LONGEST = 2_592_000;
/** Seconds, the most there is: a long first full must not be killed. Whatever is late, audit sees. */
const EXECUTION = '172800';
/** Names of errors that say something about one or more of the nodes, and nothing about which. */
const ABOUT_NODES = ['InvalidInstanceId', 'AccessDeniedException', 'UnsupportedPlatformType'];

export class SsmCommands implements CommandSender {
  readonly #client: SSMClient;
  readonly #document: string;
  readonly #clock: Clock;

  constructor(client: SSMClient, document: string, clock: Clock) {
    this.#client = client;
    this.#document = document;
    this.#clock = clock;
  }

  async knownNodes(nodes: readonly string[]): Promise<ReadonlySet<string>> {
    const known = new Set<string>();
    let page: string | undefined;
    do {
      const { InstanceInformationList, NextToken } = await this.#client.send(
        new DescribeInstanceInformationCommand({
          Filters: [{ Key: 'InstanceIds', Values: [...nodes] }],
          MaxResults: 50,
          ...(page === undefined ? {} : { NextToken: page }),
        }),
      );
      for (const { InstanceId } of InstanceInformationList ?? []) if (InstanceId !== undefined) known.add(InstanceId);
      page = NextToken;
    } while (page !== undefined && page !== '');
    return known;
  }

  async send({ nodes, payload, deadline, comment }: OutgoingCommand): Promise<{ command: string }> {
    const left = Math.floor((deadline.getTime() - this.#clock.now().getTime()) / 1000);
    try {
      const { Command } = await this.#client.send(
        new SendCommandCommand({
          InstanceIds: [...nodes],
          DocumentName: this.#document,
          Parameters: { payload: [payload], executionTimeout: [EXECUTION] },
          Comment: comment,
          // By default one failing host would keep the command from all that come after it.
          MaxErrors: '100%',
          MaxConcurrency: '100%',
          // By default a host that wakes up after an hour would not be asked any more.
          TimeoutSeconds: Math.min(Math.max(left, SHORTEST), LONGEST),
        }),
      );
      if (Command?.CommandId === undefined) throw new Error('SendCommand answered without a command id');
      return { command: Command.CommandId };
    } catch (error) {
      if (!(error instanceof Error) || !ABOUT_NODES.includes(error.name)) throw error;
      throw new NodesRefused(`${error.name}: ${error.message}`, { cause: error });
    }
  }

  /** How a command ended on a node: its comment, and the agent's exit code, -1 where it was never run. */
  async invocation(command: string, node: string): Promise<{ comment: string; responseCode: number | null }> {
    const { Comment, ResponseCode } = await this.#client.send(
      new GetCommandInvocationCommand({ CommandId: command, InstanceId: node }),
    );
    return { comment: Comment ?? '', responseCode: ResponseCode ?? null };
  }
}
