/**
 * `offsite fleet run`: a slot of the policy `manual`, due now, that the stack itself dispatches. What would come to
 * nothing is refused before anybody is asked: an unknown host or set, a node that the command service does not know.
 */

import { OffsiteError } from '../contract/errors.ts';
import type { Fleet, FleetHost } from '../contract/fleet.ts';
import type { Dispatched, ManualRun } from '../functions/dispatch.ts';
import { FleetArchive } from '../functions/lib/fleet-archive.ts';
import type { SlotType } from '../functions/rules/slots.ts';
import type { ObjectStore } from '../store/port.ts';
import type { AskedByHand } from './fleet-follow.ts';

/** What a run by hand needs of the stack: on AWS its Lambda and SSM, in local/ child processes. */
export interface RunPort {
  /** What the command service knows of a node; null where it does not know it. May throw, where one may not ask. */
  nodeState(node: string): Promise<NodeState | null>;
  /** Lets the stack dispatch the run, as its own doing. Resolves when the command is out. */
  runNow(wanted: ManualRun): Promise<Omit<Dispatched, 'errors'>>;
}

export interface NodeState {
  readonly online: boolean;
  /** When it was last heard of; null where nobody knows. */
  readonly lastSeen: Date | null;
}

export interface RunRequest {
  readonly host: string;
  /** All sets of the host where none is named. */
  readonly sets: readonly string[];
  readonly type: SlotType;
  readonly deadline: Date;
}

export interface Asked extends AskedByHand {
  readonly type: SlotType;
  /** Null where it could not be looked up. */
  readonly nodeState: NodeState | null;
}

/** Names listed of a fleet that is larger. */
const MAX_LISTED = 30;

/**
 * Asks a host for backups now. Throws `fleet-missing`, `host-unknown` naming those there are, `usage` for a set that the
 * host does not have, `node-unknown`, or what the stack throws.
 */
export async function askForRun(store: ObjectStore, port: RunPort, request: RunRequest, now: Date): Promise<Asked> {
  const { fleet, host } = await hostInForce(store, request.host, now);
  const sets = request.sets.length === 0 ? host.sets : [...new Set(request.sets)];
  const absent = sets.filter((set) => !host.sets.includes(set));
  if (absent.length > 0) {
    throw new OffsiteError('usage', `${request.host} has no set ${absent.join(', ')} in the fleet file`, {
      hint: `It has: ${host.sets.join(', ')}.`,
    });
  }
  const nodeState = await port.nodeState(host.node).catch(() => 'not told' as const);
  if (nodeState === null) throw nodeUnknown(request.host, host.node);

  const { type, deadline } = request;
  // With its second chosen here, a call that is repeated because nobody answered asks for no second run.
  const dispatched = await port.runNow({ host: request.host, sets, type, deadline, due: now });
  const { state, policy, due, unknown } = dispatched;
  if (state === 'no-fleet-file') throw new OffsiteError('fleet-missing', `${fleet.stack} found no fleet file`);
  if (unknown.includes(host.node))
    throw nodeState === 'not told' ? nodeUnknown(request.host, host.node) : nodeRefused(request.host, host.node);
  if (state !== 'dispatched' || due === null) {
    throw new OffsiteError('stack-failed', `${fleet.stack} did not ask ${request.host}: ${state}`);
  }
  const asked = { host: request.host, node: host.node, policy, due: new Date(due), deadline, sets };
  return { ...asked, type, nodeState: nodeState === 'not told' ? null : nodeState };
}

async function hostInForce(store: ObjectStore, name: string, now: Date): Promise<{ fleet: Fleet; host: FleetHost }> {
  const { rulings } = await new FleetArchive(store).history(now);
  const fleet = rulings[0]?.fleet;
  if (fleet === undefined) {
    throw new OffsiteError('fleet-missing', `${store.url} holds no usable fleet file`, {
      hint: 'Apply one with `offsite fleet apply`.',
    });
  }
  const host = Object.hasOwn(fleet.hosts, name) ? fleet.hosts[name] : undefined;
  if (host !== undefined) return { fleet, host };
  const names = Object.keys(fleet.hosts).sort();
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : '';
  throw new OffsiteError('host-unknown', `the fleet file has no host ${name}`, {
    hint: `There are: ${names.slice(0, MAX_LISTED).join(', ')}${more}.`,
  });
}

function nodeUnknown(host: string, node: string): OffsiteError {
  return new OffsiteError('node-unknown', `the command service does not know the node of ${host}, ${node}`);
}

/** It is there, so what is missing is the right to command it, which hangs on the stack's tag. */
function nodeRefused(host: string, node: string): OffsiteError {
  return new OffsiteError('node-untagged', `the stack may not command the node of ${host}, ${node}`);
}
