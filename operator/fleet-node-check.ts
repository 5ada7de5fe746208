/**
 * Are the nodes of a fleet file there, and may the stack command them? Refused is what the file brings in: a new host
 * whose node nobody knows would be a backup that is never made. What was in force before and has gone since is said, and
 * must not keep an operator from pausing another host.
 */

import { OffsiteError } from '../contract/errors.ts';
import type { Fleet } from '../contract/fleet.ts';
import type { ManagedNode, NodesPort } from './fleet-nodes.ts';

export interface CheckedNodes {
  /** Nodes that have to be tagged. */
  readonly tag: readonly string[];
  readonly warnings: readonly string[];
}

interface Fault {
  readonly code: 'node-unknown' | 'node-untagged' | 'fleet-invalid';
  readonly isNew: boolean;
  readonly text: string;
}

const LISTED = 10;

/** Throws `node-unknown`, `node-untagged`, or `fleet-invalid` where a host's own config says something else. */
export async function nodesToTag(
  port: NodesPort,
  { fleet, before, file, tag }: { fleet: Fleet; before: Fleet | null; file: string; tag: boolean },
): Promise<CheckedNodes> {
  const known = new Map((await port.nodes()).map((one) => [one.node, one]));
  const old = new Map(Object.values(before?.hosts ?? {}).map(({ node, sets }) => [node, sets]));
  const toTag: string[] = [];
  const faults: Fault[] = [];
  for (const [host, { node, sets }] of Object.entries(fleet.hosts)) {
    const place = `hosts.${host}.node: ${node}`;
    const found = known.get(node);
    const isNew = !old.has(node);
    if (found === undefined) {
      faults.push({ code: 'node-unknown', isNew, text: `${place} is not known to the command service` });
      continue;
    }
    const hasNewSets = sets.some((set) => old.get(node)?.includes(set) !== true);
    faults.push(
      ...faultsOfConfig(host, found, sets).map(
        (text) => ({ code: 'fleet-invalid', isNew: isNew || hasNewSets, text }) as const,
      ),
    );
    if (found.tag === 'none' && tag) toTag.push(node);
    else if (found.tag === 'none') {
      faults.push({ code: 'node-untagged', isNew, text: `${place} lacks the tag offsite=${fleet.stack}` });
    } else if (found.tag === 'other') {
      faults.push({
        code: 'node-untagged',
        isNew,
        text: `${place} has the tag offsite of another stack than ${fleet.stack}`,
      });
    }
  }
  for (const code of ['node-unknown', 'fleet-invalid', 'node-untagged'] as const) {
    const refused = faults.filter((fault) => fault.code === code && fault.isNew).map(({ text }) => text);
    if (refused.length > 0) throw new OffsiteError(code, `${file}: ${listed(refused)}`, hintOf(code, refused));
  }
  return { tag: toTag, warnings: faults.map(({ text }) => text) };
}

/** A host on this machine is known by what its own config says. */
function faultsOfConfig(host: string, { node, own }: ManagedNode, sets: readonly string[]): string[] {
  if (own === null) return [];
  const absent = sets.filter((set) => !own.sets.includes(set));
  return [
    ...(own.host === node
      ? []
      : [
          `hosts.${host}.node: ${node} calls itself ${own.host} in its config, and would be looked for in vain under ${node}`,
        ]),
    ...(absent.length === 0
      ? []
      : [`hosts.${host}.sets: the host's own config has no set ${absent.join(', ')}; it has ${own.sets.join(', ')}`]),
  ];
}

function listed(texts: readonly string[]): string {
  const rest = texts.length > LISTED ? `; and ${texts.length - LISTED} more` : '';
  return texts.slice(0, LISTED).join('; ') + rest;
}

function hintOf(code: Fault['code'], refused: readonly string[]): { hint?: string } {
  if (code === 'node-unknown')
    return {
      hint: 'offsite fleet discover lists the nodes that there are; a new one must first register (docs/deploy.md, section 4).',
    };
  if (code === 'node-untagged' && refused.some((text) => text.includes('another stack')))
    return {
      hint: 'A node belongs to one stack: take the tag away there first. Those without any tag get it by --tag.',
    };
  return {};
}
