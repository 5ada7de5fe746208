/**
 * Whose run is it, and which slot asked for it? Told from where it lies and from its id, not from what its manifest
 * claims: the prefix ends in the node, which is one host's, and the id of an asked run is a hash over policy, due
 * minute, node and set. A manual run is never taken for the slot's, nor a run of another host for this one's.
 */

import type { Fleet } from '../../contract/fleet.ts';
import { isPolicyName, isPrefixOfNode, runIdForSlot, runInstant } from '../../contract/ids.ts';
import { objectKey, slotsOfDue } from '../../contract/keys.ts';
import { type Expected, expectedKind } from '../../contract/verdict.ts';
import type { RunPlace } from '../../repository/manifests.ts';
import type { ObjectStore } from '../../store/port.ts';
import { readDocument } from './documents.ts';
import { type FleetHistory, rulingAt } from './fleet-archive.ts';

export interface Owner {
  readonly host: string;
  readonly node: string;
  /** The fingerprint that the fleet file pins for the host's signing key. */
  readonly pin: string | null;
  /** By whom every backup must be readable, as the fleet file of the run's time has it. */
  readonly recipients: readonly string[];
  /** Sets whose unusual figures are noted and doubt nothing, or all of them. */
  readonly noAnomalies: 'all' | readonly string[];
}

export interface AskedBy {
  readonly policy: string;
  readonly due: Date;
  readonly deadline: Date;
}

/** The host that writes under this prefix, as the fleet file of that time has it, else the present one; null for nobody's. */
export function ownerOf(history: FleetHistory, prefix: string, at: Date): Owner | null {
  const rulings = [rulingAt(history, at), history.rulings[0] ?? null].filter((ruling) => ruling !== null);
  for (const { fleet } of rulings) {
    // A node's id has no colon, so it is all that comes after the prefix's last one.
    const host = hostsByNode(fleet).get(prefix.slice(prefix.lastIndexOf(':') + 1));
    const found = host === undefined ? undefined : fleet.hosts[host];
    if (host !== undefined && found !== undefined) {
      const { node, signingKey, anomalies } = found;
      const noAnomalies = anomalies === 'off' ? 'all' : Object.keys(anomalies ?? {});
      return { host, node, pin: signingKey ?? null, recipients: fleet.recipients, noAnomalies };
    }
  }
  return null;
}

/** Made once for each fleet file: with thousands of hosts, looking for one among them is most of the work of judging. */
const byNode = new WeakMap<Fleet, ReadonlyMap<string, string>>();

function hostsByNode(fleet: Fleet): ReadonlyMap<string, string> {
  const known = byNode.get(fleet);
  if (known !== undefined) return known;
  const made = new Map(Object.entries(fleet.hosts).map(([host, { node }]) => [node, host]));
  byNode.set(fleet, made);
  return made;
}

/** The same by what was dispatched for the run, where the fleet file that asked for it is lost. */
export async function ownerByDispatch(
  store: ObjectStore,
  history: FleetHistory,
  { prefix, set, run }: RunPlace,
): Promise<Owner | null> {
  const due = runInstant(run);
  for await (const { policy, batches } of expectedOf(store, due)) {
    for (const { host, node } of batches.flat()) {
      if (!isPrefixOfNode(prefix, node) || runIdForSlot({ policy, due, node, set }) !== run) continue;
      return { host, node, pin: null, recipients: history.rulings[0]?.fleet.recipients ?? [], noAnomalies: [] };
    }
  }
  return null;
}

/** The slot that asked for this run, or null for an unasked one. */
export async function slotOfRun(
  store: ObjectStore,
  history: FleetHistory,
  { set, run }: RunPlace,
  node: string,
): Promise<AskedBy | null> {
  const due = runInstant(run);
  const asks = (policy: string) => runIdForSlot({ policy, due, node, set }) === run;
  const policies = rulingAt(history, due)?.fleet.policies ?? {};
  for (const [policy, { deadline }] of Object.entries(policies)) {
    if (asks(policy)) return { policy, due, deadline: new Date(due.getTime() + deadline) };
  }
  // A manual slot, or one whose fleet file is lost.
  for await (const { policy, deadline } of expectedOf(store, due)) {
    if (asks(policy)) return { policy, due, deadline: new Date(deadline) };
  }
  return null;
}

/** What was dispatched for that minute by policies of any name. */
async function* expectedOf(store: ObjectStore, due: Date): AsyncGenerator<Expected> {
  const beginning = slotsOfDue(due);
  for await (const folder of store.listFolders(beginning)) {
    const policy = folder.slice(beginning.length, -1);
    if (!isPolicyName(policy)) continue;
    const { document } = await readDocument(store, objectKey({ kind: 'expected', due, policy }), expectedKind);
    if (document !== null) yield document;
  }
}
