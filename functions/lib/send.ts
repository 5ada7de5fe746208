/** Sending one command to many nodes, some of which the service may not know. */

import { type CommandSender, NodesRefused, type OutgoingCommand } from '../ports/commands.ts';

export interface SentCommands {
  readonly commands: { command: string; nodes: string[] }[];
  /** Nodes that the service does not know or may not command. */
  readonly unknown: { node: string; why: string }[];
}

const NOT_REGISTERED = 'the command service does not know this node id';
const MAX_WHY = 500;

/**
 * Sends to all nodes that can be asked. Nodes are looked up first; where the service refuses a command all the same, it
 * is halved until the nodes it refuses are found. A lookup that fails is left out: it must not cost a backup. Throws what
 * is no fault of the nodes.
 */
export async function sendToAll(
  sender: CommandSender,
  outgoing: Omit<OutgoingCommand, 'nodes'>,
  nodes: readonly string[],
): Promise<SentCommands> {
  const known = await sender.knownNodes(nodes).catch(() => new Set(nodes));
  const sent: SentCommands = { commands: [], unknown: [] };
  for (const node of nodes) if (!known.has(node)) sent.unknown.push({ node, why: NOT_REGISTERED });
  await sendHalving(
    sender,
    outgoing,
    nodes.filter((node) => known.has(node)),
    sent,
  );
  return sent;
}

async function sendHalving(
  sender: CommandSender,
  outgoing: Omit<OutgoingCommand, 'nodes'>,
  nodes: readonly string[],
  sent: SentCommands,
): Promise<void> {
  const [only] = nodes;
  if (only === undefined) return;
  try {
    const { command } = await sender.send({ ...outgoing, nodes });
    sent.commands.push({ command, nodes: [...nodes] });
  } catch (error) {
    if (!(error instanceof NodesRefused)) throw error;
    if (nodes.length === 1) {
      sent.unknown.push({ node: only, why: error.message.slice(0, MAX_WHY) });
      return;
    }
    const half = Math.ceil(nodes.length / 2);
    await sendHalving(sender, outgoing, nodes.slice(0, half), sent);
    await sendHalving(sender, outgoing, nodes.slice(half), sent);
  }
}
