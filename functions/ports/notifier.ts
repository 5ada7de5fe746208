/** Telling people. On AWS this is SNS; in local/ it is an outbox folder. */

export interface Notifier {
  /** What the topic `alerts` puts in front of every SMS; it counts against the SMS's length. */
  readonly displayName: string;

  /**
   * Resolves once the message has been taken over. May deliver twice, never silently not at all: what cannot be taken
   * over throws, and is published again later; NobodyListens where it would reach nobody, or nobody but phones.
   */
  publish(publication: Publication): Promise<void>;

  /** Whether anybody but phones has confirmed a subscription to the topic; asked anew each time. */
  hasListener(topic: Topic): Promise<boolean>;
}

/** `alerts` goes to people; SMS subscribers of it get critical ones alone. `alarms` is for what is wrong with the telling. */
export type Topic = 'alerts' | 'alarms';

export interface Publication {
  readonly topic: Topic;
  readonly subject: string;
  readonly email: string;
  readonly sms: string;
  readonly critical: boolean;
}

/**
 * The message was not published: nobody has confirmed a subscription to the topic, or phones alone, which get few words
 * and none at all once the month's limit is spent. A topic would have taken it and dropped it without a word.
 */
export class NobodyListens extends Error {
  override readonly name = 'NobodyListens';

  constructor(topic: Topic) {
    super(`nobody but phones has confirmed a subscription to the topic ${topic}`);
  }
}
