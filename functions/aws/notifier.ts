/**
 * Messages by SNS: one publication is a long mail and a short SMS. A topic takes whatever is published and drops it
 * without a word where nobody has confirmed a subscription, so that is asked first.
 */

import { ListSubscriptionsByTopicCommand, PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Clock } from '../../system/clock.ts';
import { NobodyListens, type Notifier, type Publication, type Topic } from '../ports/notifier.ts';

export interface SnsOptions {
  /** ARNs; functions that publish to one topic alone are given that one alone. */
  readonly topics: { readonly [name in Topic]?: string };
  /** Of the topic `alerts`. */
  readonly displayName: string;
  readonly clock: Clock;
}

/** Whoever has confirmed stays for at least so long, as far as publishing is concerned; that nobody has is asked anew. */
const BELIEVED_FOR = 5 * 60_000;
/** Bytes. A topic takes 256 KiB in all: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const MAX_PLAIN = 64 * 1024;

export class SnsNotifier implements Notifier {
  readonly displayName: string;
  readonly #client: SNSClient;
  readonly #topics: SnsOptions['topics'];
  readonly #clock: Clock;
  /** When somebody was last seen to listen, by topic. */
  readonly #seen = new Map<Topic, number>();

  constructor(client: SNSClient, { topics, displayName, clock }: SnsOptions) {
    this.#client = client;
    this.#topics = topics;
    this.#clock = clock;
    this.displayName = displayName;
  }

  async publish({ topic, subject, email, sms, critical }: Publication): Promise<void> {
    const seen = this.#seen.get(topic) ?? Number.NEGATIVE_INFINITY;
    const isFresh = this.#clock.now().getTime() - seen < BELIEVED_FOR;
    if (!isFresh && !(await this.hasListener(topic))) throw new NobodyListens(topic);
    await this.#client.send(
      new PublishCommand({
        TopicArn: this.#arn(topic),
        Subject: subject,
        MessageStructure: 'json',
        Message: JSON.stringify({ default: plainOf({ subject, email, sms }), email, sms }),
        MessageAttributes: {
          // The SMS subscription's filter asks for this one.
          critical: { DataType: 'String', StringValue: String(critical) },
          'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' },
        },
      }),
    );
  }

  async hasListener(topic: Topic): Promise<boolean> {
    let page: string | undefined;
    do {
      const { Subscriptions, NextToken } = await this.#client.send(
        new ListSubscriptionsByTopicCommand({
          TopicArn: this.#arn(topic),
          ...(page === undefined ? {} : { NextToken: page }),
        }),
      );
      // Of whoever has not confirmed this is `PendingConfirmation`, and of whoever has left `Deleted`.
      if (Subscriptions?.some(({ SubscriptionArn: arn, Protocol }) => arn?.startsWith('arn:') && Protocol !== 'sms')) {
        this.#seen.set(topic, this.#clock.now().getTime());
        return true;
      }
      page = NextToken;
    } while (page !== undefined && page !== '');
    this.#seen.delete(topic);
    return false;
  }

  #arn(topic: Topic): string {
    const arn = this.#topics[topic];
    if (arn === undefined) throw new Error(`this function was not given the topic ${topic}`);
    return arn;
  }
}

/** What those get that are neither mailboxes nor phones: all of it, but where twice that is more than a topic takes. */
function plainOf({ subject, email, sms }: Pick<Publication, 'subject' | 'email' | 'sms'>): string {
  return Buffer.byteLength(email) <= MAX_PLAIN ? email : `${subject}\n\n${sms}\n`;
}
