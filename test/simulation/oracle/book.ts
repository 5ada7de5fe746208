/** The oracle's record of runs: what each one left when, whose it is, and what has been made of it. */

import type { Said } from '../machine.ts';
import type { OfRun, PublishedRun } from '../witness.ts';
import type { Due, DueSlot } from './due.ts';

export interface Judged {
  readonly outcome: 'complete' | 'partial' | 'suspect' | 'failed' | 'missed';
  readonly accepted: boolean;
  readonly witness: 'silence' | 'command' | 'manifest' | 'acceptance';
  readonly code: string;
  readonly judged: number;
  readonly received: number | null;
  /** Its problem is recorded. */
  readonly recorded: boolean;
}

export interface Run extends OfRun {
  /** As the fleet file of its time calls it. */
  readonly host: string;
  readonly policy: string | null;
  readonly due: number | null;
  /** What it stands for in time. */
  readonly at: number;
  said: Said | null;
  received: number;
  /** Its place among the runs that its machine published of the set. */
  place: number;
  isAccepted: boolean;
  started: boolean;
  skipped: boolean;
  judged: Judged | null;
}

/** The newest accepted and the newest good run of a host's set. */
export interface Standing {
  accepted: number;
  good: { place: number; at: number };
}

const BEFORE_ALL = Number.NEGATIVE_INFINITY;

export class Book {
  readonly #due: Due;
  readonly #runs = new Map<string, Run>();
  readonly #ledgers = new Map<string, Run[]>();
  readonly #standings = new Map<string, Standing>();

  constructor(due: Due) {
    this.#due = due;
  }

  /** The run, which is made where nothing was known of it: of a slot where it is asked for by one. */
  run({ node, set, run }: OfRun, slot: Pick<DueSlot, 'policy' | 'due'> | null = null): Run {
    const name = `${node}/${set}/${run}`;
    const known = this.#runs.get(name);
    if (known !== undefined && (slot === null || known.policy !== null)) return known;
    const at = Date.parse(instantOf(run));
    const made: Run = {
      ...{ said: null, received: 0, place: -1, isAccepted: false, started: false, skipped: false, judged: null },
      ...known,
      ...{ node, set, run, host: this.#due.hostOf(node, at) ?? 'nobody', at },
      ...{ policy: slot?.policy ?? null, due: slot?.due ?? null },
    };
    this.#runs.set(name, made);
    if (made.place >= 0) this.#ledger(made)[made.place] = made;
    return made;
  }

  /** A run by what the documents of the stack call it; null where there is none. */
  find(host: string, set: string, id: string): Run | null {
    const node = this.#due.nodeOf(host, Date.parse(instantOf(id)));
    return node === null ? null : (this.#runs.get(`${node}/${set}/${id}`) ?? null);
  }

  published(at: number, of: PublishedRun): void {
    const run = this.run(of);
    run.said = of.says;
    run.received = at;
    run.place = this.#ledger(run).push(run) - 1;
  }

  /** Published before this run, of the same set, and not judged by what they say; the oldest first. */
  unjudgedBefore(run: Run): Run[] {
    const line: Run[] = [];
    const ledger = this.#ledger(run);
    for (let i = run.place - 1; i >= 0; i--) {
      const before = ledger[i] as Run;
      if (isByManifest(before.judged)) break;
      line.unshift(before);
    }
    return line;
  }

  standing(host: string, set: string): Standing {
    const name = `${host}/${set}`;
    let standing = this.#standings.get(name);
    if (standing === undefined) {
      standing = { accepted: BEFORE_ALL, good: { place: -1, at: BEFORE_ALL } };
      this.#standings.set(name, standing);
    }
    return standing;
  }

  /** What the run's manifest makes of it, with the operator's word; and what that makes of the set. */
  judge(run: Run, now: number): void {
    const { said, received } = run;
    if (said === null) return;
    let judged = run.judged;
    if (judged === null || !isByManifest(judged)) {
      const accepted = said === 'complete' || said === 'partial';
      judged = { outcome: said, accepted, witness: 'manifest', code: '', judged: now, received, recorded: false };
    }
    if (run.isAccepted && judged.witness === 'manifest' && judged.outcome === 'suspect')
      judged = { ...judged, accepted: true, witness: 'acceptance', recorded: false };
    run.judged = judged;
    this.stands(run);
  }

  stands({ host, set, place, at, judged }: Run): void {
    if (judged?.accepted !== true) return;
    const standing = this.standing(host, set);
    standing.accepted = Math.max(standing.accepted, at);
    const isGood = judged.outcome === 'complete' || judged.witness === 'acceptance';
    if (isGood && place > standing.good.place) standing.good = { place, at };
  }

  #ledger({ node, set }: OfRun): Run[] {
    const name = `${node}/${set}`;
    const ledger = this.#ledgers.get(name) ?? [];
    this.#ledgers.set(name, ledger);
    return ledger;
  }
}

export const isByManifest = (judged: Judged | null): boolean =>
  judged?.witness === 'manifest' || judged?.witness === 'acceptance';

/** `2026-11-20T04:00:00Z` of `20261120T040000Z-…`. */
export function instantOf(run: string): string {
  return run.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z.*$/, '$1-$2-$3T$4:$5:$6Z');
}
