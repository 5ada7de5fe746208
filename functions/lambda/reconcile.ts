/** Started when a fleet file was applied, and daily. */

import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { clientOptions } from '../aws/clients.ts';
import { EventBridgeSchedules } from '../aws/schedules.ts';
import { setting } from '../aws/settings.ts';
import { awsStack } from '../aws/stack.ts';
import { reconcile } from '../reconcile.ts';
import { anyEvent } from './events.ts';
import { failOn, lambda } from './lambda.ts';

const schedules = new EventBridgeSchedules(new EventBridgeClient(clientOptions()), {
  stack: setting('stack'),
  dispatch: setting('dispatch'),
  deadLetters: setting('deadLettersArn'),
});
const stack = awsStack({ believes: false });

export const handler = lambda('reconcile', anyEvent, async (_event, given) => {
  const { errors, ...done } = await reconcile(await stack(), schedules);
  given.logger.info('reconciled', { ...done });
  given.count('schedules', done.put.length);
  failOn(errors, given);
  return done;
});
