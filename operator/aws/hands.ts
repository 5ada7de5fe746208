/** What the operator asks of a stack on AWS beside its store: its functions, topics and rules, and the nodes that SSM knows. */

import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api';
import { SNSClient } from '@aws-sdk/client-sns';
import { DescribeInstanceInformationCommand, SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import * as z from 'zod';
import { field } from '../../contract/document.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { instantText } from '../../contract/ids.ts';
import { clientOptions } from '../../functions/aws/clients.ts';
import { EventBridgeSchedules, ruleName } from '../../functions/aws/schedules.ts';
import type { Dispatched, ManualRun } from '../../functions/dispatch.ts';
import type { Topic } from '../../functions/ports/notifier.ts';
import { removeSchedules } from '../../functions/reconcile.ts';
import type { ManagedNode, NodesPort, SchedulesPort } from '../fleet-nodes.ts';
import type { NodeState, RunPort } from '../fleet-run.ts';
import type { Subscription, WantedSubscription } from '../fleet-subscribe.ts';
import type { TeardownPort } from '../fleet-teardown.ts';
import type { TestAlertPort } from '../test-alert.ts';
import { asStackError } from './errors.ts';
import { invoke } from './invoke.ts';
import { listNodes, tagNodes } from './nodes.ts';
import { listSubscriptions, subscribe } from './subscriptions.ts';
import { timeOf } from './time.ts';

const dispatched = z.object({
  state: z.enum(['dispatched', 'not-due', 'too-late', 'no-fleet-file']),
  policy: field.policy,
  due: field.instant.nullable(),
  commands: z.array(z.string()),
  nodes: z.number(),
  unknown: z.array(z.string()),
});

const topic = z.enum(['alerts', 'alarms']);
const alertsTested = z.object({
  at: field.instant,
  subject: z.string(),
  told: z.array(topic),
  unheard: z.array(topic),
});

export interface AwsHandsOptions {
  readonly stack: string;
  /** The environment's where it is not given. */
  readonly region?: string;
  /** For all clients; by default patient ones. */
  readonly clients?: ReturnType<typeof clientOptions> & { readonly endpoint?: string };
}

export class AwsHands implements RunPort, TestAlertPort, TeardownPort, NodesPort, SchedulesPort {
  readonly stays = [
    'the bucket with all backups and its policy',
    'the role, policy and instance profile of the hosts, on which their prefixes hang',
  ];
  readonly next: readonly string[];
  readonly #stack: string;
  readonly #region: string | undefined;
  readonly #clients: ReturnType<typeof clientOptions>;
  readonly #lambda: LambdaClient;
  readonly #sns: SNSClient;

  constructor({ stack, region, clients }: AwsHandsOptions) {
    this.#stack = stack;
    this.#region = region;
    this.#clients = clients ?? clientOptions(region === undefined ? {} : { region });
    this.#lambda = new LambdaClient(this.#clients);
    this.#sns = new SNSClient(this.#clients);
    this.next = [`npx osls remove --param=stack=${stack}${region === undefined ? '' : ` --region ${region}`}`];
  }

  async nodeState(node: string): Promise<NodeState | null> {
    const ssm = new SSMClient(this.#clients);
    const { InstanceInformationList: found } = await this.#asked('node', () =>
      ssm.send(new DescribeInstanceInformationCommand({ Filters: [{ Key: 'InstanceIds', Values: [node] }] })),
    );
    const information = found?.find(({ InstanceId }) => InstanceId === node);
    if (information === undefined) return null;
    const { PingStatus, LastPingDateTime } = information;
    return { online: PingStatus === 'Online', lastSeen: LastPingDateTime ?? null };
  }

  nodes(): Promise<ManagedNode[]> {
    return this.#asked('managed nodes', () => listNodes(new SSMClient(this.#clients), this.#stack));
  }

  async tagNodes(nodes: readonly string[]): Promise<void> {
    const { partition, region, account } = await this.#caller();
    const ssm = new SSMClient(this.#clients);
    const tagging = new ResourceGroupsTaggingAPIClient(this.#clients);
    const instanceArn = `arn:${partition}:ec2:${region}:${account}:instance/`;
    await this.#asked('tags of nodes', () => tagNodes({ ssm, tagging, instanceArn }, this.#stack, nodes));
  }

  stackTime(): Promise<Date | null> {
    return this.#asked('time', () => timeOf(new STSClient(this.#clients)));
  }

  async schedules(): Promise<ReadonlySet<string>> {
    const found = await this.#asked('rules', () => this.#schedules().list());
    return new Set(found.map(({ policy, type }) => `${policy} ${type}`));
  }

  /** By the function `dispatch`, so that the command is the stack's own. */
  runNow({ deadline, due, ...wanted }: ManualRun): Promise<Omit<Dispatched, 'errors'>> {
    const chosen = due === undefined ? {} : { due: instantText(due) };
    const manual = { ...wanted, deadline: instantText(deadline), ...chosen };
    return invoke(this.#lambda, this.#function('dispatch'), { manual }, dispatched);
  }

  /** By the function `audit`, whose alerts are the ones that matter most. */
  testAlert() {
    return invoke(this.#lambda, this.#function('audit'), { testAlert: {} }, alertsTested);
  }

  async subscriptions(): Promise<Subscription[]> {
    const all: Subscription[] = [];
    for (const name of topic.options) {
      const arn = await this.#topicArn(name);
      const found = await this.#asked(`topic ${this.#stack}-${name}`, () => listSubscriptions(this.#sns, arn));
      all.push(...found.map((one) => ({ ...one, topic: name })));
    }
    return all;
  }

  async subscribe(wanted: WantedSubscription): Promise<void> {
    const arn = await this.#topicArn(wanted.topic);
    await this.#asked(`topic ${this.#stack}-${wanted.topic}`, () => subscribe(this.#sns, arn, wanted));
  }

  async leftovers(): Promise<string[]> {
    const found = await this.#asked('rules', () => this.#schedules().list());
    return found.map((schedule) => ruleName(this.#stack, schedule)).sort();
  }

  async removeLeftovers(): Promise<void> {
    await this.#asked('rules', () => removeSchedules(this.#schedules()));
  }

  #schedules(): EventBridgeSchedules {
    // Nothing is put, so nothing needs to know what the rules start.
    return new EventBridgeSchedules(new EventBridgeClient(this.#clients), {
      stack: this.#stack,
      dispatch: '',
      deadLetters: '',
    });
  }

  #function(name: 'dispatch' | 'audit') {
    return { name: `${this.#stack}-${name}`, region: this.#region };
  }

  #asked<T>(what: string, work: () => Promise<T>): Promise<T> {
    return asStackError({ what, region: this.#region }, work);
  }

  /** The names are fixed by infra/alerts.yml. */
  async #topicArn(name: Topic): Promise<string> {
    const { partition, region, account } = await this.#caller();
    return `arn:${partition}:sns:${region}:${account}:${this.#stack}-${name}`;
  }

  /** Account and partition of whoever asks, which are the stack's. */
  async #caller(): Promise<{ partition: string; region: string; account: string }> {
    const region = await this.#asked('region', () => this.#sns.config.region());
    const identity = await this.#asked('caller', () =>
      new STSClient(this.#clients).send(new GetCallerIdentityCommand({})),
    );
    const [, partition, , , account] = identity.Arn?.split(':') ?? [];
    if (partition === undefined || account === undefined) {
      throw new OffsiteError('stack-failed', `AWS does not say who asks: ${JSON.stringify(identity.Arn)}`);
    }
    return { partition, region, account };
  }
}
