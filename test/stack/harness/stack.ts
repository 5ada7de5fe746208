/** One deployed stack, and how the tests look into it. */

import { join } from 'node:path';
import type { ObjectStore } from '../../../store/port.ts';
import { openStore } from '../../../store/wire.ts';
import { systemClock } from '../../../system/clock.ts';
import { textOf, textsOf } from './aws.ts';
import { ACCOUNT, REGION } from './ministack.ts';
import { type Deployment, deploy, type Parameters, remove } from './osls.ts';
import { waitFor } from './wait.ts';
import type { World } from './world.ts';

export interface Mail {
  readonly subject: string;
  readonly email: string;
  readonly sms: string;
  readonly critical: boolean;
}

export class DeployedStack {
  readonly name: string;
  readonly world: World;
  readonly parameters: Parameters;
  readonly deployment: Deployment;
  readonly outputs: Readonly<Record<string, string>>;
  readonly store: ObjectStore;
  readonly #mails: Mail[] = [];

  private constructor(world: World, parameters: Parameters, deployment: Deployment, found: Found) {
    this.world = world;
    this.name = parameters.stack;
    this.parameters = parameters;
    this.deployment = deployment;
    this.outputs = found.outputs;
    this.store = found.store;
  }

  /** Deploys the service, gives its document to SSM, and listens to its alerts. */
  static async deploy(world: World, parameters: Parameters): Promise<DeployedStack> {
    const folder = join(world.folder, `shim-${parameters.stack}`);
    const deployment = await deploy(parameters, { endpoint: world.gateway.endpoint, folder });
    await giveDocuments(world, parameters.stack, deployment);
    const outputs = await outputsOf(world, parameters.stack);
    const store = await openStore(outputs.Store ?? '', { clock: systemClock });
    const stack = new DeployedStack(world, parameters, deployment, { outputs, store });
    await stack.#listen();
    return stack;
  }

  get bucket(): string {
    return new URL(this.outputs.Store ?? '').host;
  }

  /** `osls remove`, and the document as CloudFormation would. */
  async remove(): Promise<void> {
    const folder = join(this.world.folder, `shim-${this.name}`);
    await remove(this.parameters, { endpoint: this.world.gateway.endpoint, folder });
    for (const { Name: name } of Object.values(this.deployment.documents)) {
      this.world.ssm.documents.delete(resolved(name, this.name));
    }
  }

  /** Invokes a function and waits for its answer. */
  invoke(name: 'dispatch' | 'complete' | 'audit' | 'reconcile', event: object = {}): Promise<unknown> {
    return this.world.aws.invoke(`${this.name}-${name}`, event);
  }

  /** What was published to the topic `alerts` since the stack was deployed. */
  async mails(): Promise<readonly Mail[]> {
    for (;;) {
      const input = { QueueUrl: this.#mailbox, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 };
      const { Messages: messages = [] } = await this.world.aws.json<{
        Messages?: { Body: string; ReceiptHandle: string }[];
      }>('sqs', 'AmazonSQS.ReceiveMessage', input);
      if (messages.length === 0) return this.#mails;
      for (const { Body: body, ReceiptHandle } of messages) {
        this.#mails.push(mailOf(body));
        await this.world.aws.json('sqs', 'AmazonSQS.DeleteMessage', { QueueUrl: this.#mailbox, ReceiptHandle });
      }
    }
  }

  /** Waits for a mail that fits. Throws with the subjects of those that came. */
  async mail(what: string, fits: (mail: Mail) => boolean, limit?: number): Promise<Mail> {
    try {
      return await waitFor(`a mail: ${what}`, async () => (await this.mails()).find(fits) ?? null, limit);
    } catch (error) {
      const subjects = this.#mails.map(({ subject }) => subject);
      throw new Error(`there came only: ${subjects.join(' | ')}`, { cause: error });
    }
  }

  /** An object of the store as JSON; null where it is absent. */
  async document<Document>(key: string): Promise<Document | null> {
    const { body } = await this.store.get(key, { maxBytes: 2 ** 24 }).catch(() => ({ body: null }));
    return body === null ? null : (JSON.parse(body.toString('utf8')) as Document);
  }

  /** Keys under a prefix. */
  async keys(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.store.list(prefix)) keys.push(key);
    return keys;
  }

  /** Messages of the dead-letter queue; they are taken out of it. */
  async deadLetters(): Promise<unknown[]> {
    const found: unknown[] = [];
    for (;;) {
      const input = { QueueUrl: this.outputs.DeadLettersUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 };
      const { Messages: messages = [] } = await this.world.aws.json<{
        Messages?: { Body: string; ReceiptHandle: string }[];
      }>('sqs', 'AmazonSQS.ReceiveMessage', input);
      if (messages.length === 0) return found;
      for (const { Body, ReceiptHandle } of messages) {
        found.push(JSON.parse(Body));
        const done = { QueueUrl: this.outputs.DeadLettersUrl, ReceiptHandle };
        await this.world.aws.json('sqs', 'AmazonSQS.DeleteMessage', done);
      }
    }
  }

  /** How many messages wait in the dead-letter queue. */
  async deadLetterCount(): Promise<number> {
    const input = { QueueUrl: this.outputs.DeadLettersUrl, AttributeNames: ['ApproximateNumberOfMessages'] };
    const { Attributes: found } = await this.world.aws.json<{ Attributes: Record<string, string> }>(
      'sqs',
      'AmazonSQS.GetQueueAttributes',
      input,
    );
    return Number(found.ApproximateNumberOfMessages);
  }

  /** Names of the account's rules that begin so. */
  async rules(prefix: string): Promise<{ Name: string; ScheduleExpression?: string }[]> {
    const { Rules: rules } = await this.world.aws.json<{ Rules: { Name: string }[] }>('events', 'AWSEvents.ListRules', {
      NamePrefix: prefix,
    });
    return rules;
  }

  get #mailbox(): string {
    return `${this.world.gateway.endpoint}/${ACCOUNT}/${this.name}-test-mailbox`;
  }

  /** A queue that gets what people would get by email. */
  async #listen(): Promise<void> {
    const { aws } = this.world;
    const name = `${this.name}-test-mailbox`;
    const arn = `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
    const topic = this.outputs.AlertsTopicArn ?? '';
    const statement = {
      Effect: 'Allow',
      Principal: { Service: 'sns.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: arn,
      Condition: { ArnEquals: { 'aws:SourceArn': topic } },
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await aws.json('sqs', 'AmazonSQS.CreateQueue', { QueueName: name, Attributes: { Policy } });
    await aws.query('sns', 'Subscribe', { TopicArn: topic, Protocol: 'sqs', Endpoint: arn });
  }
}

interface Found {
  readonly outputs: Record<string, string>;
  readonly store: ObjectStore;
}

/** What CloudFormation does with an AWS::SSM::Document whose UpdateMethod is NewVersion. */
async function giveDocuments(world: World, stack: string, { documents }: Deployment): Promise<void> {
  for (const { Name: name, Content: content, UpdateMethod: method } of Object.values(documents)) {
    const input = { Name: resolved(name, stack), Content: JSON.stringify(content), DocumentFormat: 'JSON' };
    if (!world.ssm.documents.names().includes(input.Name)) {
      await world.aws.json('ssm', 'AmazonSSM.CreateDocument', { ...input, DocumentType: 'Command' });
      continue;
    }
    if (method !== 'NewVersion') throw new Error('without UpdateMethod NewVersion the document would be replaced');
    if (world.ssm.documents.version(input.Name).text === input.Content) continue;
    await world.aws.json('ssm', 'AmazonSSM.UpdateDocument', { ...input, DocumentVersion: '$LATEST' });
    await world.aws.json('ssm', 'AmazonSSM.UpdateDocumentDefaultVersion', {
      Name: input.Name,
      DocumentVersion: world.ssm.documents.version(input.Name, '$LATEST').number.toString(),
    });
  }
}

/** A text, or Fn::Sub of the stack's name. */
function resolved(value: unknown, stack: string): string {
  if (typeof value === 'string') return value;
  const text = (value as { 'Fn::Sub'?: unknown })['Fn::Sub'];
  if (typeof text !== 'string') throw new Error(`not understood: ${JSON.stringify(value)}`);
  return text.replaceAll(`\${AWS::StackName}`, stack);
}

async function outputsOf(world: World, stack: string): Promise<Record<string, string>> {
  const xml = await world.aws.query('cloudformation', 'DescribeStacks', { StackName: stack });
  const outputs = textsOf(xml, 'OutputKey').map((key, at) => [key, textsOf(xml, 'OutputValue')[at] ?? '']);
  if (textOf(xml, 'StackStatus').endsWith('_COMPLETE')) return Object.fromEntries(outputs);
  throw new Error(`stack ${stack}: ${textOf(xml, 'StackStatus')}`);
}

interface Notification {
  readonly Subject: string;
  readonly Message: string;
  readonly MessageAttributes?: Record<string, { Value: string }>;
}

/** SQS subscribers get the default text, which is the email's; the SMS is in the record of the request alone. */
function mailOf(body: string): Mail {
  const { Subject: subject, Message: message, MessageAttributes: attributes } = JSON.parse(body) as Notification;
  return { subject, email: message, sms: '', critical: attributes?.critical?.Value === 'true' };
}
