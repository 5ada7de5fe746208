/**
 * A test of the alerts that goes all the way: published by the stack's own function, with its own rights, to the topics
 * that real messages go to. Nothing is recorded: it is about no backup.
 */

import { instantText } from '../contract/ids.ts';
import { NobodyListens, type Topic } from './ports/notifier.ts';
import { renderTest } from './rules/test-message.ts';
import type { Stack } from './stack.ts';

export interface AlertsTested {
  readonly at: string;
  readonly subject: string;
  /** Topics that took the message. */
  readonly told: readonly Topic[];
  /** Topics that nobody listens to, or nobody but phones: nothing was published there. */
  readonly unheard: readonly Topic[];
  /** What went wrong. Whoever runs this must fail where there is any. */
  readonly errors: readonly unknown[];
}

/** People are told by the first; by the second when nobody listens to the first, or when an alarm goes off. */
const TOPICS = ['alerts', 'alarms'] as const satisfies Topic[];

/** Publishes the test to every topic; one that takes no message keeps it from no other. */
export async function testAlert(
  { notifier, clock }: Pick<Stack, 'notifier' | 'clock'>,
  stack: string,
): Promise<AlertsTested> {
  const at = instantText(clock.now());
  const message = renderTest({ stack, now: at, displayName: notifier.displayName });
  const [told, unheard, errors]: [Topic[], Topic[], unknown[]] = [[], [], []];
  for (const topic of TOPICS) {
    try {
      await notifier.publish({ topic, ...message });
      told.push(topic);
    } catch (error) {
      if (error instanceof NobodyListens) unheard.push(topic);
      else errors.push(error);
    }
  }
  return { at, subject: message.subject, told, unheard, errors };
}
