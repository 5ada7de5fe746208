/** Telling people. On AWS this is SNS; in local/ it is an outbox folder. */

export interface Notifier {
  /** What the topic `alerts` puts in front of every SMS; it counts against the SMS's length. */
  readonly displayName: string;

  /**
   * Resolves once the message has been taken over. May deliver twice, never silently not at all: what cannot be taken
   * over throws, and is published again later.
   */
  publish(publication: Publication): Promise<void>;
}

export interface Publication {
  /** `alerts` goes to people; SMS subscribers of it get critical ones alone. */
  readonly topic: 'alerts';
  readonly subject: string;
  readonly email: string;
  readonly sms: string;
  readonly critical: boolean;
}
