/** Events that no function understands: kept in the dead-letter queue with the reason, where an alarm watches. */

import { GetQueueAttributesCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { DeadLetterCount } from '../ports/dead-letters.ts';

export interface DeadLetter {
  readonly function: string;
  readonly reason: string;
  readonly event: unknown;
}

/** Of the event's JSON; a message may have 256 KiB. */
const MAX_EVENT = 100_000;
const MAX_REASON = 4_000;

export class DeadLetters implements DeadLetterCount {
  readonly #client: SQSClient;
  readonly #queue: string;

  constructor(client: SQSClient, queue: string) {
    this.#client = client;
    this.#queue = queue;
  }

  /** The event goes in as text where it is too long to go in whole. */
  async send({ function: from, reason, event }: DeadLetter): Promise<void> {
    const text = JSON.stringify(event) ?? 'null';
    const body = {
      function: from,
      reason: reason.slice(0, MAX_REASON),
      event: text.length > MAX_EVENT ? `${text.slice(0, MAX_EVENT)}…` : event,
    };
    await this.#client.send(new SendMessageCommand({ QueueUrl: this.#queue, MessageBody: JSON.stringify(body) }));
  }

  async count(): Promise<number> {
    const { Attributes: found } = await this.#client.send(
      new GetQueueAttributesCommand({ QueueUrl: this.#queue, AttributeNames: [...COUNTED] }),
    );
    const counts = COUNTED.map((name) => Number(found?.[name]));
    // An answer that says nothing must not pass for an empty queue.
    if (counts.some((count) => !Number.isInteger(count))) {
      throw new Error(`SQS does not say how many messages wait: ${JSON.stringify(found ?? {})}`);
    }
    return counts.reduce((sum, count) => sum + count, 0);
  }
}

/** Those that wait, and those that somebody has received and not deleted. Nothing here is delayed. */
const COUNTED = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
