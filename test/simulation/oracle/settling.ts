/** What follows from a verdict, by the oracle: problems end, begin and grow. */

import type { Book, Run } from './book.ts';
import { keyOf, type Problems } from './problems.ts';

const ENDED_BY_ACCEPTED = ['missed', 'failed', 'suspect'] as const;

export class Settling {
  readonly #book: Book;
  readonly #problems: Problems;

  constructor(book: Book, problems: Problems) {
    this.#book = book;
    this.#problems = problems;
  }

  /** Judges a run by its manifest, and before it those that came before it. */
  judge(run: Run, now: number): void {
    for (const one of [...this.#book.unjudgedBefore(run), run]) {
      this.#book.judge(one, now);
      this.settle(one);
    }
  }

  settle(run: Run): void {
    const { host, set, policy, at, judged } = run;
    if (judged === null) return;
    const { accepted, outcome, witness, code } = judged;
    const place = { host, set, policy: null };
    const isGood = outcome === 'complete' || witness === 'acceptance';
    if (accepted) {
      for (const kind of ENDED_BY_ACCEPTED) this.#problems.recover({ ...place, kind }, at);
      if (isGood) this.#problems.recover({ ...place, kind: 'partial' }, at);
    }
    this.#problems.judged(place, run.run, at, accepted);
    if (outcome === 'complete' || witness === 'acceptance' || judged.recorded) return;
    const incident = { at, run: run.run, policy };
    const under = keyOf({ kind: 'not-dispatched', host: null, set: null, policy });
    const standing = this.#book.standing(host, set);
    const recovered = outcome === 'partial' ? standing.good.at : standing.accepted;
    const trouble = { ...place, kind: outcome, incident, code, ...(code === 'not-asked' ? { under } : {}) };
    this.#problems.record(trouble, recovered);
    run.judged = { ...judged, recorded: true };
  }
}
