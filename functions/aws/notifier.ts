/** Messages by SNS: one publication is a long mail and a short SMS. */

import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Notifier, Publication } from '../ports/notifier.ts';

export class SnsNotifier implements Notifier {
  readonly displayName: string;
  readonly #client: SNSClient;
  readonly #topic: string;

  constructor(client: SNSClient, { topic, displayName }: { topic: string; displayName: string }) {
    this.#client = client;
    this.#topic = topic;
    this.displayName = displayName;
  }

  async publish({ subject, email, sms, critical }: Publication): Promise<void> {
    await this.#client.send(
      new PublishCommand({
        TopicArn: this.#topic,
        Subject: subject,
        MessageStructure: 'json',
        Message: JSON.stringify({ default: email, email, sms }),
        MessageAttributes: {
          // The SMS subscription's filter asks for this one.
          critical: { DataType: 'String', StringValue: String(critical) },
          'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' },
        },
      }),
    );
  }
}
