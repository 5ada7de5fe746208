/** `offsite fleet test-alert`: the stack tells everybody that it is only a test, and we say who should hear of it. */

import type { AlertsTested } from '../functions/test-alert.ts';
import type { Subscription, SubscriptionsPort } from './fleet-subscribe.ts';

export interface TestAlertPort extends SubscriptionsPort {
  /** Lets the stack's own function publish the test. Throws what went wrong. */
  testAlert(): Promise<Omit<AlertsTested, 'errors'>>;
}

export interface TestedAlert extends Omit<AlertsTested, 'errors'> {
  /** Who should get it now; null where messages are kept as files. */
  readonly confirmed: readonly Subscription[] | null;
  /** Who would, had they confirmed. */
  readonly unconfirmed: readonly Subscription[];
  /** Whether somebody but phones hears of missing backups. */
  readonly isHeard: boolean;
}

/** Tests the alerts. Who is subscribed is asked first: a test that nobody can get is told as such all the same. */
export async function testAlerts(port: TestAlertPort): Promise<TestedAlert> {
  const subscriptions = await port.subscriptions();
  const tested = await port.testAlert();
  const confirmed = subscriptions?.filter(({ isConfirmed }) => isConfirmed) ?? null;
  const listens = ({ topic, protocol }: Subscription) => topic === 'alerts' && protocol !== 'sms';
  return {
    ...tested,
    confirmed,
    unconfirmed: subscriptions?.filter(({ isConfirmed }) => !isConfirmed) ?? [],
    isHeard: tested.told.includes('alerts') && (confirmed === null || confirmed.some(listens)),
  };
}
