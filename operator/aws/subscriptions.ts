/** Subscriptions to one topic of SNS. */

import { ListSubscriptionsByTopicCommand, type SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { SMS_FILTER, type Subscription, type WantedSubscription } from '../fleet-subscribe.ts';

/** All but those of people who have left. */
export async function listSubscriptions(client: SNSClient, TopicArn: string): Promise<Omit<Subscription, 'topic'>[]> {
  const found: Omit<Subscription, 'topic'>[] = [];
  let page: string | undefined;
  do {
    const { Subscriptions, NextToken } = await client.send(
      new ListSubscriptionsByTopicCommand({ TopicArn, ...(page === undefined ? {} : { NextToken: page }) }),
    );
    for (const { SubscriptionArn: arn = '', Protocol = '', Endpoint = '' } of Subscriptions ?? []) {
      if (arn !== 'Deleted') found.push({ protocol: Protocol, address: Endpoint, isConfirmed: arn.startsWith('arn:') });
    }
    page = NextToken;
  } while (page !== undefined && page !== '');
  return found;
}

/** Email must be confirmed by its reader; SMS need not. */
export async function subscribe(client: SNSClient, TopicArn: string, wanted: WantedSubscription): Promise<void> {
  const { protocol, address } = wanted;
  const Attributes = protocol === 'sms' ? { FilterPolicy: JSON.stringify(SMS_FILTER) } : {};
  await client.send(
    new SubscribeCommand({ TopicArn, Protocol: protocol, Endpoint: address, Attributes, ReturnSubscriptionArn: true }),
  );
}
