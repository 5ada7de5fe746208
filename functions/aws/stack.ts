/** The functions' ports on AWS, from what serverless.yml says. */

import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SNSClient } from '@aws-sdk/client-sns';
import { readPublicKeys } from '../../pgp/keys.ts';
import { openStore } from '../../store/wire.ts';
import { systemClock } from '../../system/clock.ts';
import type { Events } from '../ports/events.ts';
import { type Stack, stackOf } from '../stack.ts';
import { clientOptions } from './clients.ts';
import { EventBridgeEvents } from './events.ts';
import { SnsNotifier } from './notifier.ts';
import { setting } from './settings.ts';

/** HEAD requests of one verdict run at once (see repository/evidence.ts), and a few documents beside them. */
const CONCURRENCY = 80;

export interface AwsStackOptions {
  /** Only who reads what is signed needs the operator's key; the others are not given it. */
  readonly believes: boolean;
  /** Who also tells that nobody hears the alerts needs the topic for that; the others are not given it. */
  readonly alarms?: boolean;
  /** Hears of every verdict before other programs do. */
  readonly observe?: Events['emit'];
}

/** The stack over S3, SNS and EventBridge, made at the first invocation and kept. */
export function awsStack(options: AwsStackOptions): () => Promise<Stack> {
  let made: Promise<Stack> | undefined;
  return () => {
    made ??= make(options);
    return made;
  };
}

async function make({ believes, alarms = false, observe }: AwsStackOptions): Promise<Stack> {
  const clock = systemClock;
  const sent = new EventBridgeEvents(new EventBridgeClient(clientOptions()), setting('stack'));
  const emit: Events['emit'] = async (event) => {
    await observe?.(event);
    await sent.emit(event);
  };
  const notifier = new SnsNotifier(new SNSClient(clientOptions()), {
    topics: { alerts: setting('alertsTopic'), ...(alarms ? { alarms: setting('alarmsTopic') } : {}) },
    displayName: setting('displayName'),
    clock,
  });
  const store = await openStore(setting('store'), { clock, concurrency: CONCURRENCY });
  const anchor = believes ? await readPublicKeys(Buffer.from(setting('operatorKey')), 'the operator key') : [];
  return stackOf({ store, clock, notifier, events: { emit }, anchor });
}
