/** `offsite fleet discover`: machines that could be backed up and are not in the fleet file, and hosts whose machine nobody knows. */

import type { Fleet } from '../contract/fleet.ts';
import { isHostName } from '../contract/ids.ts';
import type { ManagedNode } from './fleet-nodes.ts';

export interface Discovered {
  /** Nodes that are not in the fleet file, by node. */
  readonly fresh: readonly ManagedNode[];
  /** Hosts of the fleet file whose node the command service does not know. */
  readonly unknown: readonly { readonly host: string; readonly node: string }[];
  /** Hosts whose node is there, and lacks the stack's tag. */
  readonly untagged: readonly { readonly host: string; readonly node: string }[];
  /** How many nodes there are. */
  readonly nodes: number;
}

/** `fleet` is null where there is no usable fleet file: then all are new. */
export function discovered(nodes: readonly ManagedNode[], fleet: Fleet | null): Discovered {
  const hosts = Object.entries(fleet?.hosts ?? {}).map(([host, { node }]) => ({ host, node }));
  const known = new Map(nodes.map((one) => [one.node, one]));
  const named = new Set(hosts.map(({ node }) => node));
  return {
    fresh: nodes.filter(({ node }) => !named.has(node)),
    unknown: hosts.filter(({ node }) => !known.has(node)),
    untagged: hosts.filter(({ node }) => known.has(node) && known.get(node)?.tag !== 'ours'),
    nodes: nodes.length,
  };
}

/** Lines to paste under `hosts:` of a fleet file. Sets that nobody knows from here are the one that `offsite init` makes. */
export function hostLines(nodes: readonly ManagedNode[], fleet: Fleet | null): string[] {
  const taken = new Set(Object.keys(fleet?.hosts ?? {}));
  return nodes.map(({ node, name, own }) => {
    const wanted = hostNameFrom(own?.host ?? name, node);
    const free = taken.has(wanted) ? hostNameFrom(node, node) : wanted;
    taken.add(free);
    const quoted =
      /^[A-Za-z][A-Za-z0-9_-]*$/.test(free) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(free)
        ? free
        : `'${free}'`;
    return `  ${quoted}: { node: ${/^[0-9.]+$/.test(node) ? `'${node}'` : node}, sets: [${(own?.sets ?? ['data']).join(', ')}] }`;
  });
}

/** The first label of a machine's name, which is what most people call it; its node where that is none. */
function hostNameFrom(name: string, node: string): string {
  const [label = ''] = name.split('.');
  return isHostName(label) ? label : node.slice(0, 63);
}
