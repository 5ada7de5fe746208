/** Started by the rules of schedules, and by `offsite fleet run`. */

import { SSMClient } from '@aws-sdk/client-ssm';
import { systemClock } from '../../system/clock.ts';
import { clientOptions } from '../aws/clients.ts';
import { SsmCommands } from '../aws/commands.ts';
import { setting } from '../aws/settings.ts';
import { awsStack } from '../aws/stack.ts';
import { type Dispatched, dispatch, dispatchManual, type ManualRun } from '../dispatch.ts';
import { dispatchEvent } from './events.ts';
import { failOn, lambda, type Tools } from './lambda.ts';

const commands = new SsmCommands(new SSMClient(clientOptions()), setting('document'), systemClock);
const stack = awsStack({ believes: false });

export const handler = lambda('dispatch', dispatchEvent, async (event, tools) => {
  if ('policy' in event) return ended(await dispatch(await stack(), commands, event), tools);
  const { sets, due, ...wanted } = event.manual;
  const run: ManualRun = { ...wanted, ...(sets === undefined ? {} : { sets }), ...(due === undefined ? {} : { due }) };
  return ended(await dispatchManual(await stack(), commands, run), tools);
});

function ended({ errors, ...dispatched }: Dispatched, tools: Tools): Omit<Dispatched, 'errors'> {
  tools.logger.info('dispatched', { ...dispatched });
  tools.count('nodesAsked', dispatched.nodes);
  tools.count('nodesUnknown', dispatched.unknown.length);
  failOn(errors, tools);
  return dispatched;
}
