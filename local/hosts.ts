/** The hosts of the embedded stack: a folder with one host config each, `<node>.yml`. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../contract/errors.ts';
import { isNodeId } from '../contract/ids.ts';

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
