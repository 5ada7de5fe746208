/** Events for other programs on the account's default bus: source `offsite`, detail type `Run Judged`. */

import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { Events, RunJudged } from '../ports/events.ts';

export class EventBridgeEvents implements Events {
  readonly #client: EventBridgeClient;
  readonly #stack: string;

  constructor(client: EventBridgeClient, stack: string) {
    this.#client = client;
    this.#stack = stack;
  }

  async emit({ kind: _kind, ...detail }: RunJudged): Promise<void> {
    const { Entries } = await this.#client.send(
      new PutEventsCommand({
        Entries: [
          { Source: 'offsite', DetailType: 'Run Judged', Detail: JSON.stringify({ stack: this.#stack, ...detail }) },
        ],
      }),
    );
    const refused = Entries?.find(({ ErrorCode }) => ErrorCode !== undefined);
    if (refused !== undefined)
      throw new Error(`EventBridge took no event: ${refused.ErrorCode} ${refused.ErrorMessage}`);
  }
}
