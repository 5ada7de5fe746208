/** The hosts of the embedded stack: a folder with one host config each, `<node>.yml`. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../contract/errors.ts';
import { isNodeId } from '../contract/ids.ts';
import { hostNameOf, loadConfig } from '../host-agent/config.ts';

const ENDING = '.yml';

/** Config files by node. Files of other names are none of ours. Throws `usage` where the folder cannot be read. */
export async function hostsIn(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OffsiteError('usage', `the folder of host configs cannot be read: ${why}`, {
      cause,
      hint: 'Give --hosts DIR or set $OFFSITE_HOSTS: a folder with one host config each, NODE.yml.',
    });
  });
  const nodes = names.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
  return new Map(
    nodes
      .filter(isNodeId)
      .sort()
      .map((node) => [node, join(folder, `${node}${ENDING}`)]),
  );
}

/** A host of this machine as `fleet discover` shows it. Throws `config-invalid`. */
export function nodeOfConfig(node: string, file: string) {
  const config = loadConfig(file);
  const host = hostNameOf(config);
  const always = { platform: 'this machine', online: true, lastSeen: null, tag: 'ours' } as const;
  return { node, name: host, ...always, own: { host, sets: Object.keys(config.sets) } };
}
