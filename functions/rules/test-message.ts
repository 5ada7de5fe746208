/** What a test of the alerts says. Pure. TEST comes first wherever it is read, so that nobody is alarmed. */

import type { Message } from './render.ts';
import { ascii, cut, gsm, MAX_SMS, MAX_SUBJECT, shortUtc, utc } from './words.ts';

export interface TestOf {
  /** What people call the stack: its name, or the store's URL where it has none. */
  readonly stack: string;
  readonly now: string;
  /** Of the topic; it counts against the SMS. */
  readonly displayName: string;
}

/** Marked critical: whoever gets only critical alerts, as phones do, is tested as well. */
export function renderTest({ stack, now, displayName }: TestOf): Message {
  const lines = [
    'TEST: nothing is wrong.',
    '',
    `What:  a test of the alerts of ${stack}, asked for with \`offsite fleet test-alert\`.`,
    `Since: ${utc(now)}`,
    '',
    'The stack itself sent it, in the way that it sends every alert: whoever reads this will be told when a backup is',
    'missing. Whoever should read this and does not is told nothing then: `offsite fleet subscribe` adds people, and',
    '`offsite fleet subscribe --list` shows who has not confirmed yet.',
    '',
    'Nothing to do.',
  ];
  const sms = `TEST: nothing is wrong. Alerts of ${stack} reach this phone. ${shortUtc(now)}`;
  return {
    subject: cut(ascii(`Offsite: TEST, nothing is wrong: the alerts of ${stack} reach you`), MAX_SUBJECT),
    email: `${lines.join('\n')}\n`,
    sms: cut(gsm(sms), MAX_SMS - displayName.length - '> '.length),
    critical: true,
  };
}
