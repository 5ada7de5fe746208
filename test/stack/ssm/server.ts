/**
 * The SSM stand-in. The emulator's own runs AWS-RunShellScript in containers and no other document, knows no `mi-` node
 * and sends no status events; so the gateway brings SSM's requests here (JSON 1.1, `X-Amz-Target: AmazonSSM.*`).
 */

import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { StandIn } from '../harness/gateway.ts';
import { LossyChannel } from './channel.ts';
import { type Command, endUnrun, endWith, hasTooManyErrors, type Invocation } from './commands.ts';
import { Documents, parameterValues } from './documents.ts';
import { SsmError } from './error.ts';
import type { SimulatedHost } from './host.ts';
import {
  addTags,
  describeInstances,
  type inFilter,
  invocationOf,
  listOf,
  MAX_ERRORS,
  named,
  sendCommand,
  tagResources,
} from './requests.ts';
import { shownCommand, shownInvocation, shownNode, statusEvent, summaryOf } from './shown.ts';

type Detail = Record<string, unknown>;

export class SsmStandIn {
  readonly documents = new Documents();
  readonly hosts = new Map<string, SimulatedHost>();
  readonly commands: Command[] = [];
  readonly events: LossyChannel<Detail>;
  /** How many of the next calls of an action are throttled. */
  readonly throttled = new Map<string, number>();
  #ahead = 0;
  readonly #running = new Set<Promise<void>>();

  /** `emit` gets the events that are not lost: their type and detail, as for PutEvents. */
  constructor(seed: number, emit: (event: Detail) => Promise<void>) {
    this.events = new LossyChannel(seed, emit);
  }

  /** As the gateway calls it: null where the request is none of SSM's. */
  readonly answer: StandIn = async ({ service, action }, { body }) => {
    if (action === 'tagging:TagResources') return this.#tagInstances(JSON.parse(body.toString('utf8')));
    if (service !== 'ssm') return null;
    const operation = action.slice('ssm:'.length);
    try {
      const throttled = this.throttled.get(operation) ?? 0;
      this.throttled.set(operation, Math.max(0, throttled - 1));
      if (throttled > 0) throw new SsmError('ThrottlingException', 'Rate exceeded');
      return { status: 200, body: this.#do(operation, JSON.parse(body.toString('utf8'))) };
    } catch (error) {
      const [code, message] =
        error instanceof SsmError
          ? [error.code, error.message]
          : error instanceof z.ZodError
            ? ['ValidationException', z.prettifyError(error)]
            : ['InternalServerError', String(error)];
      return { status: code === 'InternalServerError' ? 500 : 400, body: { __type: code, message } };
    }
  };

  /** Lets the stand-in's clock go on: what is not delivered in time never will be. */
  advance(seconds: number): void {
    this.#ahead += seconds * 1000;
    for (const command of this.commands) {
      for (const invocation of command.invocations) {
        if (invocation.status !== 'Pending' || this.#now() < command.deliverUntil) continue;
        endUnrun(invocation, 'TimedOut', 'Delivery Timed Out');
        this.#tell(command, invocation);
      }
    }
  }

  /** A host comes back and gets what still waits for it. */
  wake(node: string): void {
    const host = this.hosts.get(node);
    if (host === undefined) throw new Error(`no host ${node}`);
    host.online = true;
    for (const command of this.commands) {
      for (const invocation of command.invocations) if (invocation.host === host) this.#begin(command, invocation);
    }
  }

  /** Resolves when every script that runs has ended and its events are out. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.events.flushed();
  }

  #do(operation: string, input: unknown): object {
    switch (operation) {
      case 'SendCommand':
        return { Command: shownCommand(this.#send(sendCommand.parse(input))) };
      case 'CancelCommand':
        return this.#cancel(z.looseObject({ CommandId: z.string() }).parse(input).CommandId);
      case 'GetCommandInvocation':
        return this.#invocation(invocationOf.parse(input));
      case 'ListCommandInvocations':
        return this.#listInvocations(listOf.parse(input));
      case 'ListCommands':
        return { Commands: this.#matching(listOf.parse(input)).map((command) => shownCommand(command)) };
      case 'AddTagsToResource':
        return this.#tag(addTags.parse(input));
      case 'DescribeInstanceInformation':
        return { InstanceInformationList: this.#instances(describeInstances.parse(input).Filters).map(shownNode) };
      default:
        return this.#doDocument(operation, named.parse(input));
    }
  }

  #doDocument(
    operation: string,
    { Name: name, Content: text = '', DocumentVersion: version }: z.infer<typeof named>,
  ): object {
    switch (operation) {
      case 'CreateDocument':
        this.documents.create(name, text);
        return { DocumentDescription: this.documents.describe(name).description };
      case 'UpdateDocument': {
        const number = this.documents.update(name, text);
        return { DocumentDescription: this.documents.describe(name, String(number)).description };
      }
      case 'UpdateDocumentDefaultVersion':
        this.documents.setDefault(name, version ?? '$LATEST');
        return { Description: { Name: name, DefaultVersion: version } };
      case 'DescribeDocument':
        return { Document: this.documents.describe(name, version).description };
      case 'GetDocument': {
        const { description, content } = this.documents.describe(name, version);
        return { ...description, Content: content };
      }
      case 'DeleteDocument':
        this.documents.delete(name);
        return {};
      default:
        throw new SsmError('InvalidAction', `the stand-in does not do ${operation}`);
    }
  }

  #send(input: z.infer<typeof sendCommand>): Command {
    const { InstanceIds: ids, DocumentName: document, Parameters: given } = input;
    const { number, hash, content } = this.documents.version(document, input.DocumentVersion);
    if (input.DocumentHash !== undefined && input.DocumentHash !== hash) {
      throw new SsmError('InvalidDocument', 'the document has another hash');
    }
    const values = parameterValues(content, given);
    const hosts = ids.map((id) => this.hosts.get(id));
    // One id that it does not know, and the whole command is refused.
    const known = hosts.filter((host) => host !== undefined);
    if (known.length !== ids.length) throw new SsmError('InvalidInstanceId', '');
    const [, count, share] = MAX_ERRORS.exec(input.MaxErrors) ?? [];
    const command: Command = {
      id: randomUUID(),
      document: document.split(':document/').at(-1) ?? '',
      version: String(number),
      content,
      values,
      given,
      comment: input.Comment,
      requested: new Date(),
      deliverUntil: this.#now() + input.TimeoutSeconds * 1000,
      maxErrors: count === undefined ? { share: Number(share) } : { count: Number(count) },
      invocations: known.map((host) => ({
        host,
        status: 'Pending',
        details: 'Pending',
        code: -1,
        out: '',
        err: '',
        isOver: false,
      })),
    };
    this.commands.push(command);
    for (const invocation of command.invocations) this.#begin(command, invocation);
    return command;
  }

  #begin(command: Command, invocation: Invocation): void {
    if (!invocation.host.online || invocation.status !== 'Pending' || this.#now() >= command.deliverUntil) return;
    Object.assign(invocation, { status: 'InProgress', details: 'In Progress' });
    this.#tell(command, invocation);
    const run = this.#run(command, invocation).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #run(command: Command, invocation: Invocation): Promise<void> {
    const failed = (error: unknown) => ({ code: 1, timedOut: false, out: '', err: String(error) });
    const result = await invocation.host.runDocument(command.content, command.values, command.id).catch(failed);
    endWith(invocation, result);
    this.#tell(command, invocation);
    if (!hasTooManyErrors(command)) return;
    for (const other of command.invocations) {
      if (other.status !== 'Pending') continue;
      endUnrun(other, 'Cancelled', 'Terminated');
      this.#tell(command, other);
    }
  }

  #cancel(id: string): object {
    for (const invocation of this.#byId(id).invocations) endUnrun(invocation, 'Cancelled', 'Canceled');
    return {};
  }

  #tell(command: Command, invocation: Invocation): void {
    this.events.send(statusEvent(command, invocation));
  }

  #invocation({ CommandId: id, InstanceId: node }: z.infer<typeof invocationOf>): object {
    const command = this.#byId(id);
    const found = command.invocations.find(({ host }) => host.node === node);
    if (found === undefined) throw new SsmError('InvocationDoesNotExist', '');
    return shownInvocation(command, found);
  }

  #listInvocations({ Details: details, ...wanted }: z.infer<typeof listOf>): object {
    const shown = this.#matching(wanted).flatMap((command) =>
      command.invocations
        .filter(({ host }) => wanted.InstanceId === undefined || host.node === wanted.InstanceId)
        .map((invocation) => summaryOf(command, invocation, details)),
    );
    return { CommandInvocations: shown };
  }

  #matching({
    CommandId: id,
    InstanceId: node,
  }: {
    CommandId?: string | undefined;
    InstanceId?: string | undefined;
  }): Command[] {
    if (id !== undefined) this.#byId(id);
    return this.commands.filter(
      (command) =>
        (id === undefined || command.id === id) &&
        (node === undefined || command.invocations.some(({ host }) => host.node === node)),
    );
  }

  #instances(filters: readonly z.infer<typeof inFilter>[]): SimulatedHost[] {
    if (filters.some(({ Values: values }) => values.length > 50))
      throw new SsmError('InvalidInstanceInformationFilterValue', 'more than 50 values');
    return [...this.hosts.values()].filter((host) => filters.every((filter) => fits(host, filter)));
  }

  #tag({ ResourceId: node, Tags: tags }: z.infer<typeof addTags>): object {
    const host = this.hosts.get(node);
    if (host === undefined) throw new SsmError('InvalidResourceId', '');
    for (const { Key: key, Value: value } of tags) host.tags[key] = value;
    return {};
  }

  /** As the Resource Groups Tagging API does for instances of EC2. */
  #tagInstances(input: unknown): { status: number; body: object } {
    const { ResourceARNList: arns, Tags: tags } = tagResources.parse(input);
    const failed: Record<string, object> = {};
    for (const arn of arns) {
      const host = this.hosts.get(arn.split('instance/')[1] ?? '');
      if (host === undefined)
        failed[arn] = { StatusCode: 400, ErrorCode: 'InvalidParameterException', ErrorMessage: 'no such instance' };
      else Object.assign(host.tags, tags);
    }
    return { status: 200, body: { FailedResourcesMap: failed } };
  }

  #byId(id: string): Command {
    const command = this.commands.find((one) => one.id === id);
    if (command === undefined) throw new SsmError('InvalidCommandId', '');
    return command;
  }

  #now(): number {
    return Date.now() + this.#ahead;
  }
}

/** "InstanceInformationStringFilter": ids, the key of a tag, or a tag with its value. */
function fits({ node, tags }: SimulatedHost, { Key: key, Values: values }: z.infer<typeof inFilter>): boolean {
  if (key === 'InstanceIds') return values.includes(node);
  if (key === 'tag-key') return values.some((one) => one in tags);
  const tag = /^tag:(.+)$/.exec(key)?.[1];
  if (tag === undefined) throw new SsmError('InvalidInstanceInformationFilterValue', `no filter ${key} here`);
  return values.includes(tags[tag] ?? '');
}
