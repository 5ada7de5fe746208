/** Topics of a simulated world: they refuse what they are given, or take it over without saying so, as often as is wanted. */

import { NobodyListens, type Notifier, type Publication, type Topic } from '../../functions/ports/notifier.ts';
import type { Dice } from './random.ts';

type PublicationFate = 'good' | 'refused' | 'unheard';

export class Topics implements Notifier {
  readonly displayName = 'Offsite';
  isHeard = true;
  /** A publication failed, or was not acknowledged, since the last time this was set to false. */
  hasFailed = false;
  /** What becomes of the next publication. */
  fate: () => PublicationFate;
  readonly #taken: Publication[] = [];

  constructor(dice: Dice, rates: { readonly refused: number; readonly unheard: number }) {
    this.fate = () => (dice.chance(rates.refused) ? 'refused' : dice.chance(rates.unheard) ? 'unheard' : 'good');
  }

  async publish(publication: Publication): Promise<void> {
    if (!this.isHeard && publication.topic === 'alerts') throw new NobodyListens(publication.topic);
    const fate = this.fate();
    if (fate !== 'refused') this.#taken.push(publication);
    if (fate === 'good') return;
    this.hasFailed = true;
    throw new Error('the topic does not answer today');
  }

  async hasListener(topic: Topic): Promise<boolean> {
    return this.isHeard || topic === 'alarms';
  }

  /** What reached people since the last time. */
  take(): Publication[] {
    return this.#taken.splice(0);
  }
}
