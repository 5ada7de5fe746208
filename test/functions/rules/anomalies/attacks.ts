/** What somebody, or something, does to all of a set. Each is done in the last hour before midnight of its days. */

import type { Content } from './content.ts';

export interface Attack {
  /** How many days it goes on. */
  readonly days: number;
  /** What is done on one of them, from 0. */
  readonly hit: (content: Content, day: number) => void;
}

export const ATTACKS = {
  'encrypts all in a day': { days: 1, hit: (content) => content.encrypt(1) },
  'encrypts all over 3 days': { days: 3, hit: (content, day) => content.encrypt(1 / (3 - day)) },
  'encrypts all over 10 days': { days: 10, hit: (content, day) => content.encrypt(1 / (10 - day)) },
  'encrypts 2 % a day': { days: 50, hit: (content, day) => content.encrypt(1 / (50 - day)) },
  'encrypts a tenth, once': { days: 1, hit: (content) => content.encrypt(0.1) },
  'deletes 90 %': { days: 1, hit: (content) => content.everything((name) => content.remove(name, 0.9)) },
  'deletes 90 % over 3 days': {
    days: 3,
    hit: (content) => content.everything((name) => content.remove(name, 1 - 0.1 ** (1 / 3))),
  },
  'deletes 2 % a day': { days: 50, hit: (content) => content.everything((name) => content.remove(name, 0.02)) },
  'overwrites all with zeros': { days: 1, hit: (content) => content.wipe(1) },
  'renames all': {
    days: 1,
    hit: (content) => content.everything((name) => content.touch(name, content.files(name))),
  },
  'cuts off a third of all content': {
    days: 1,
    hit: (content) => content.truncate(1 / 3),
  },
  'cuts off 95 % of all content': { days: 1, hit: (content) => content.truncate(0.95) },
} as const satisfies Record<string, Attack>;
export type AttackName = keyof typeof ATTACKS;
