/**
 * Who is told: subscriptions to the stack's two topics. An email address gets both, `alerts` about backups and `alarms`
 * about the stack itself; a phone gets the critical ones of `alerts` alone, as infra/alerts.yml has it too.
 */

import { OffsiteError } from '../contract/errors.ts';
import type { Topic } from '../functions/ports/notifier.ts';

export interface Subscription {
  readonly topic: Topic;
  /** `email`, `sms`, or whatever else somebody has subscribed by hand. */
  readonly protocol: string;
  readonly address: string;
  /** Whoever has not confirmed gets nothing. */
  readonly isConfirmed: boolean;
}

export interface WantedSubscription {
  readonly topic: Topic;
  readonly protocol: 'email' | 'sms';
  readonly address: string;
}

export interface SubscriptionsPort {
  /** All of them; null where nobody subscribes, because messages are kept as files. */
  subscriptions(): Promise<Subscription[] | null>;
  /** Subscribes, or, where that waits to be confirmed, sends the request for it once more. */
  subscribe(wanted: WantedSubscription): Promise<void>;
}

export interface Subscribed extends WantedSubscription {
  readonly was: 'new' | 'unconfirmed' | 'confirmed';
}

/** What the subscription of a phone lets through: what goes by SMS costs money and wakes people. */
export const SMS_FILTER = { critical: ['true'] };

/** As infra/parameters.yml has them. */
const EMAIL = /^[^@\s,;<>]+@[^@\s,;<>]+$/;
const PHONE = /^\+[1-9]\d{5,14}$/;

/** An address as SNS takes it. Throws `usage`. */
export function emailAddress(text: string): string {
  const address = text.trim();
  if (EMAIL.test(address)) return address;
  throw new OffsiteError('usage', `${JSON.stringify(text)} is no email address like jo@example.org`);
}

/** A number of E.164, blanks, hyphens and parentheses taken out. Throws `usage`. */
export function phoneNumber(text: string): string {
  const number = text.replaceAll(/[\s()/.-]/g, '');
  if (PHONE.test(number)) return number;
  throw new OffsiteError('usage', `${JSON.stringify(text)} is no phone number like +491701234567`, {
    hint: 'Begin with + and the country, and leave out the 0 that follows in some countries.',
  });
}

/** What people of these addresses are subscribed to. Throws `usage` where one of them is none. */
export function wantedSubscriptions(of: {
  emails: readonly string[];
  phones: readonly string[];
}): WantedSubscription[] {
  const emails = [...new Set(of.emails.map(emailAddress))];
  const phones = [...new Set(of.phones.map(phoneNumber))];
  return [
    ...emails.flatMap((address) =>
      (['alerts', 'alarms'] as const).map((topic) => ({ topic, protocol: 'email' as const, address })),
    ),
    ...phones.map((address) => ({ topic: 'alerts' as const, protocol: 'sms' as const, address })),
  ];
}

/** Subscribes whoever has not confirmed already. Doing it twice is doing it once, but for another mail to confirm. */
export async function subscribeAll(
  port: SubscriptionsPort,
  wanted: readonly WantedSubscription[],
): Promise<Subscribed[]> {
  const there = (await port.subscriptions()) ?? [];
  const done: Subscribed[] = [];
  for (const one of wanted) {
    const same = there.filter((other) => isSame(one, other));
    const was = same.some(({ isConfirmed }) => isConfirmed) ? 'confirmed' : same.length > 0 ? 'unconfirmed' : 'new';
    if (was !== 'confirmed') await port.subscribe(one);
    done.push({ ...one, was });
  }
  return done;
}

function isSame(one: WantedSubscription, other: Subscription): boolean {
  // SNS keeps an address as it was given, and mail systems tell no upper case from lower in practice.
  const sameAddress = one.address.toLowerCase() === other.address.toLowerCase();
  return sameAddress && one.topic === other.topic && one.protocol === other.protocol;
}
