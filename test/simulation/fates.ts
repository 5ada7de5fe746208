/** What becomes of each run that is asked for, drawn by seed, host, set and due minute. Hosts have good and bad times. */

import { DAY, HOUR } from './fleet-plan.ts';
import { Dice } from './random.ts';

export const FATES = [
  /** A manifest in time, by what it says. */
  'complete',
  'partial',
  'failed',
  'suspect',
  /** Nothing at all. */
  'silent',
  /** Another run held the set all the time. */
  'busy',
  /** The command fails and leaves nothing. */
  'command',
  /** It begins, and nobody ever hears of it again. */
  'hangs',
  /** It begins in time and ends after its deadline. */
  'overdue',
  /** The machine slept: the run begins after its deadline. */
  'unseen',
] as const;
export type Fate = (typeof FATES)[number];

const TROUBLE: readonly Fate[] = FATES.filter((fate) => fate !== 'complete');

interface Episode {
  readonly from: number;
  readonly to: number;
  readonly fate: Fate;
}

export class Fates {
  readonly #seed: number;
  readonly #span: { readonly from: number; readonly to: number };
  readonly #rate: number;
  readonly #episodes = new Map<string, readonly Episode[]>();

  /** `rate`: how many of the runs go wrong, alone and in spells of some days, roughly. */
  constructor(seed: number, span: { from: number; to: number }, rate: number) {
    this.#seed = seed;
    this.#span = span;
    this.#rate = rate;
  }

  of(node: string, set: string, due: number): Fate {
    const spell = this.#episodesOf(node).find(({ from, to }) => due >= from && due < to);
    const dice = new Dice(this.#seed, 'fate', node, set, due / 1000);
    if (spell !== undefined && dice.chance(0.8)) return spell.fate;
    return dice.chance(this.#rate / 2) ? dice.pick(TROUBLE) : 'complete';
  }

  #episodesOf(node: string): readonly Episode[] {
    const known = this.#episodes.get(node);
    if (known !== undefined) return known;
    const dice = new Dice(this.#seed, 'episodes', node);
    const episodes: Episode[] = [];
    for (let at = this.#span.from; at < this.#span.to; at += 5 * DAY) {
      if (!dice.chance(this.#rate)) continue;
      const from = at + dice.below(5 * 24) * HOUR;
      episodes.push({ from, to: from + (1 + dice.below(8)) * DAY, fate: dice.pick(TROUBLE) });
    }
    this.#episodes.set(node, episodes);
    return episodes;
  }
}
