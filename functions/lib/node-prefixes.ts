/** Under which prefixes a node writes. A role made anew gives a node a new prefix, and its history stays under the old. */

import { isPrefix } from '../../contract/ids.ts';
import { ALL_HOSTS } from '../../contract/keys.ts';
import type { ObjectStore } from '../../store/port.ts';

/** Finds a node's prefixes: none where it never registered a key. */
export type PrefixFinder = (node: string) => Promise<readonly string[]>;

/** Lists who has registered, once and only when it is asked. For one invocation: the next one must look anew. */
export function prefixFinder(store: ObjectStore): PrefixFinder {
  let listed: Promise<Map<string, string[]>> | undefined;
  return async (node) => {
    listed ??= prefixesByNode(store);
    return (await listed).get(node) ?? [];
  };
}

async function prefixesByNode(store: ObjectStore): Promise<Map<string, string[]>> {
  const byNode = new Map<string, string[]>();
  for await (const folder of store.listFolders(ALL_HOSTS)) {
    const prefix = folder.slice(ALL_HOSTS.length, -1);
    if (!isPrefix(prefix)) continue;
    const prefixes = byNode.get(nodeOfPrefix(prefix));
    if (prefixes === undefined) byNode.set(nodeOfPrefix(prefix), [prefix]);
    else prefixes.push(prefix);
  }
  return byNode;
}

/** `mi-1` of `AROAEXAMPLE:mi-1`, and of `mi-1`. */
function nodeOfPrefix(prefix: string): string {
  return prefix.slice(prefix.lastIndexOf(':') + 1);
}
