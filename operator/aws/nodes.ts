/**
 * Managed nodes of SSM, and the tag that lets the stack command them. Which nodes have the tag is asked of SSM too: its
 * list can be asked for by tag, for instances of EC2 as for others, so that no node has to be asked about one by one.
 */

import { type ResourceGroupsTaggingAPIClient, TagResourcesCommand } from '@aws-sdk/client-resource-groups-tagging-api';
import {
  AddTagsToResourceCommand,
  DescribeInstanceInformationCommand,
  type InstanceInformation,
  type InstanceInformationStringFilter,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { OffsiteError } from '../../contract/errors.ts';
import { everyOf } from '../../repository/concurrent.ts';
import type { ManagedNode } from '../fleet-nodes.ts';

/** The tag's key; its value is the stack's name. infra/roles.yml lets dispatch command no other node. */
export const NODE_TAG = 'offsite';
/** The most that one page has, and that one TagResources takes. */
const PAGE = 50;
const ARNS = 20;
/** AddTagsToResource takes one node at a time, and few a second. */
const TAGS_AT_ONCE = 4;

/** All nodes of account and region, by node. */
export async function listNodes(client: SSMClient, stack: string): Promise<ManagedNode[]> {
  const all = await informationOf(client, []);
  const tagged = idsOf(await informationOf(client, [{ Key: 'tag-key', Values: [NODE_TAG] }]));
  const ours = idsOf(await informationOf(client, [{ Key: `tag:${NODE_TAG}`, Values: [stack] }]));
  return all
    .flatMap(({ InstanceId: node, ...about }) => (node === undefined ? [] : [{ node, ...about }]))
    .map(({ node, ComputerName, Name, PlatformName, PlatformVersion, PingStatus, LastPingDateTime }) => ({
      node,
      name: ComputerName ?? Name ?? '',
      platform: [PlatformName, PlatformVersion].filter((word) => word !== undefined).join(' '),
      online: PingStatus === 'Online',
      lastSeen: LastPingDateTime ?? null,
      tag: ours.has(node) ? ('ours' as const) : tagged.has(node) ? ('other' as const) : ('none' as const),
      own: null,
    }))
    .sort((one, other) => (one.node < other.node ? -1 : 1));
}

async function informationOf(
  client: SSMClient,
  filters: InstanceInformationStringFilter[],
): Promise<InstanceInformation[]> {
  const found: InstanceInformation[] = [];
  let page: string | undefined;
  do {
    const { InstanceInformationList, NextToken } = await client.send(
      new DescribeInstanceInformationCommand({
        MaxResults: PAGE,
        ...(filters.length === 0 ? {} : { Filters: filters }),
        ...(page === undefined ? {} : { NextToken: page }),
      }),
    );
    found.push(...(InstanceInformationList ?? []));
    page = NextToken;
  } while (page !== undefined && page !== '');
  return found;
}

function idsOf(list: readonly InstanceInformation[]): Set<string> {
  return new Set(list.flatMap(({ InstanceId }) => InstanceId ?? []));
}

export interface TaggingClients {
  readonly ssm: SSMClient;
  readonly tagging: ResourceGroupsTaggingAPIClient;
  /** `arn:<partition>:ec2:<region>:<account>:instance/`. */
  readonly instanceArn: string;
}

/** Tags instances of EC2 and managed instances alike. What cannot be tagged is thrown after all others are. */
export async function tagNodes(
  { ssm, tagging, instanceArn }: TaggingClients,
  stack: string,
  nodes: readonly string[],
): Promise<void> {
  const managed = nodes.filter((node) => node.startsWith('mi-'));
  const errors = await everyOf(managed, TAGS_AT_ONCE, async (node) => {
    const Tags = [{ Key: NODE_TAG, Value: stack }];
    await ssm.send(new AddTagsToResourceCommand({ ResourceType: 'ManagedInstance', ResourceId: node, Tags }));
  });
  const instances = nodes.filter((node) => !node.startsWith('mi-'));
  for (let i = 0; i < instances.length; i += ARNS) {
    const ResourceARNList = instances.slice(i, i + ARNS).map((node) => `${instanceArn}${node}`);
    try {
      const { FailedResourcesMap } = await tagging.send(
        new TagResourcesCommand({ ResourceARNList, Tags: { [NODE_TAG]: stack } }),
      );
      for (const [arn, { ErrorCode, ErrorMessage }] of Object.entries(FailedResourcesMap ?? {})) {
        const what = `the tag of ${arn.slice(instanceArn.length)}: ${ErrorCode} ${ErrorMessage}`;
        errors.push(new OffsiteError(/denied|unauthorized/i.test(what) ? 'stack-denied' : 'stack-failed', what));
      }
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
