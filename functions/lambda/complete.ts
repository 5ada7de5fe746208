/** Started when a manifest or an acceptance arrived, and when a command ended on a node. */

import { SSMClient } from '@aws-sdk/client-ssm';
import type * as z from 'zod';
import { systemClock } from '../../system/clock.ts';
import { clientOptions } from '../aws/clients.ts';
import { SsmCommands } from '../aws/commands.ts';
import { awsStack } from '../aws/stack.ts';
import { type CommandEnded, complete, type ObjectCreated } from '../complete.ts';
import { parseSlotComment } from '../ports/commands.ts';
import { completeEvent } from './events.ts';
import { failOn, lambda, logVerdict, type Tools } from './lambda.ts';

const commands = new SsmCommands(new SSMClient(clientOptions()), '', systemClock);
let tools: Tools | undefined;
const stack = awsStack({
  believes: true,
  observe: async (event) => {
    if (tools !== undefined) logVerdict(event, tools);
  },
});

export const handler = lambda('complete', completeEvent, async (event, given) => {
  tools = given;
  const reason = await reasonToLook(event);
  if (reason === null) {
    given.logger.info('not one of our commands');
    return { runs: [] };
  }
  const { runs, errors } = await complete(await stack(), reason);
  given.logger.info('completed', { runs: runs.map(({ run, verdict }) => ({ run, verdict: nameOf(verdict) })) });
  failOn(errors, given);
  return { runs: runs.map(({ run, verdict }) => ({ run, verdict: nameOf(verdict) })) };
});

/** Null for a command that somebody sent by hand, with a comment of their own. */
async function reasonToLook(event: z.output<typeof completeEvent>): Promise<ObjectCreated | CommandEnded | null> {
  if (event.source === 'aws.s3') return { kind: 'object', key: event.detail.object.key };
  const node = event.detail['instance-id'];
  const { comment, responseCode } = await commands.invocation(event.detail['command-id'], node);
  const slot = parseSlotComment(comment);
  return slot === null ? null : { kind: 'command', node, policy: slot.policy, due: new Date(slot.due), responseCode };
}

function nameOf(verdict: string | { readonly outcome: string }): string {
  return typeof verdict === 'string' ? verdict : verdict.outcome;
}
