import { decodeJob, type Job } from '../../contract/job.ts';
import { type CommandSender, NodesRefused, type OutgoingCommand } from '../../functions/ports/commands.ts';

/** A command service that keeps what it is told. */
export class FakeCommands implements CommandSender {
  readonly sent: (OutgoingCommand & { command: string })[] = [];
  readonly lookups: string[][] = [];
  /** Nodes that a lookup does not find. */
  readonly unknown = new Set<string>();
  /** Nodes because of which a whole command is refused, though a lookup finds them. */
  readonly refused = new Set<string>();
  /** Called before each send; may throw. */
  beforeSend: (command: OutgoingCommand) => void = () => {};
  beforeLookup: () => void = () => {};

  async knownNodes(nodes: readonly string[]): Promise<ReadonlySet<string>> {
    if (nodes.length > 50) throw new Error('ValidationException: 50 ids at most');
    this.lookups.push([...nodes]);
    this.beforeLookup();
    return new Set(nodes.filter((node) => !this.unknown.has(node)));
  }

  async send(command: OutgoingCommand): Promise<{ command: string }> {
    if (command.nodes.length > 50 || command.nodes.length === 0) throw new Error('ValidationException: 1 to 50 ids');
    if (command.comment.length > 100) throw new Error('ValidationException: comment');
    this.beforeSend(command);
    const bad = command.nodes.filter((node) => this.refused.has(node) || this.unknown.has(node));
    if (bad.length > 0) throw new NodesRefused('InvalidInstanceId');
    const id = `command-${this.sent.length + 1}`;
    this.sent.push({ ...command, command: id });
    return { command: id };
  }

  /** Every node that was asked, as often as it was. */
  get nodes(): string[] {
    return this.sent.flatMap(({ nodes }) => nodes);
  }

  get jobs(): Job[] {
    return this.sent.map(({ payload }) => decodeJob(payload));
  }
}
