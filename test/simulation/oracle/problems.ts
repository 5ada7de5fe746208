/** The oracle's problems: how they begin, grow and end, from docs/alerts.md alone. */

export type Kind =
  | 'missed'
  | 'late'
  | 'failed'
  | 'suspect'
  | 'partial'
  | 'not-dispatched'
  | 'not-judged'
  | 'no-subscriber';

export interface Place {
  readonly kind: Kind;
  readonly host: string | null;
  readonly set: string | null;
  readonly policy: string | null;
}

export interface Incident {
  readonly at: number;
  readonly run: string | null;
  readonly policy: string | null;
}

export interface Ending {
  readonly at: number;
  readonly upTo: number;
  told: number | null;
}

export interface Problem extends Place {
  readonly key: string;
  /** What it began with, then the rest. */
  incidents: Incident[];
  /** Why, as it began, or as it was told. */
  code: string;
  recorded: number;
  told: number | null;
  under: string | null;
  /** What could cover it as well. */
  mayBeUnder: readonly string[];
  repeats: number;
  /** When messages about it went out, over all problems of its place. */
  spoken: number[];
  closed: Ending | null;
  /** When it was last changed in any way. */
  written: number;
}

export interface Trouble extends Place {
  readonly incident: Incident;
  readonly code: string;
  readonly under?: string;
}

export const keyOf = ({ kind, host, set, policy }: Place): string =>
  `alerts/${kind}.${set ?? '-'}.${host ?? policy ?? '-'}.json`;

export const beganAt = ({ incidents }: Problem): number => incidents[0]?.at ?? 0;
export const newestAt = ({ incidents }: Problem): number => Math.max(...incidents.map(({ at }) => at));
/** Told with another one, and not by itself so far. */
export const isCovered = ({ told, under }: Problem): boolean => told === null && under !== null;

export class Problems {
  readonly all = new Map<string, Problem>();
  readonly #ofHosts = new Map<string, Set<string>>();
  /** Of the present invocation: those it began or uncovered, and all that it changed. */
  readonly begun = new Set<string>();
  readonly changed = new Set<string>();
  now = 0;

  begin(now: number): void {
    this.now = now;
    this.begun.clear();
    this.changed.clear();
  }

  ofHost(host: string): Problem[] {
    return [...(this.#ofHosts.get(host) ?? [])].flatMap((key) => this.all.get(key) ?? []);
  }

  put(problem: Problem): void {
    this.all.set(problem.key, problem);
    if (problem.host === null) return;
    const keys = this.#ofHosts.get(problem.host) ?? new Set();
    this.#ofHosts.set(problem.host, keys);
    keys.add(problem.key);
  }

  touch(problem: Problem): void {
    problem.written = this.now;
    this.changed.add(problem.key);
  }

  /** Something went wrong. `recovered` is what the newest accepted run that would end it stands for. */
  record(trouble: Trouble, recovered: number): void {
    const { incident, kind } = trouble;
    const current = this.all.get(keyOf(trouble));
    if (current === undefined) return this.#start(trouble, recovered, []);
    const isKnown = ({ at, run, policy }: Incident) =>
      at === incident.at && run === incident.run && policy === incident.policy;
    if (current.incidents.some(isKnown)) return;
    const { closed } = current;
    if (closed === null) {
      // It has ended already, and whoever should have written that died.
      if (kind !== 'late' && recovered >= newestAt(current)) return this.#start(trouble, recovered, current.spoken);
      if (incident.run === null && incident.policy === null) return;
      return this.#grow(current, trouble);
    }
    const isAfterEnd = incident.at > closed.upTo;
    if (closed.told !== null) {
      const isNew = kind === 'late' || isAfterEnd || incident.at < beganAt(current);
      if (isNew) return this.#start(trouble, recovered, current.spoken);
      return this.#grow(current, trouble);
    }
    // Nobody has heard of the end: it goes on, without a word.
    if (kind === 'late') current.incidents = [];
    this.#grow(current, trouble);
    if (!isAfterEnd && kind !== 'late') return;
    current.closed = null;
    if (kind !== 'late' && recovered >= newestAt(current)) this.#end(current, recovered);
  }

  /** An accepted run, or whatever ends this kind, that stands for the time `upTo`. */
  recover(place: Place, upTo: number): void {
    const problem = this.all.get(keyOf(place));
    if (problem === undefined || problem.closed !== null || upTo < newestAt(problem)) return;
    this.#end(problem, upTo);
  }

  /** The run of a late problem has been judged. Where that is bad, it is told as what it is. */
  judged(place: Omit<Place, 'kind'>, run: string, upTo: number, isAccepted: boolean): void {
    const problem = this.all.get(keyOf({ ...place, kind: 'late' }));
    if (problem === undefined || problem.closed !== null) return;
    const left = problem.incidents.filter((incident) => incident.run !== run);
    if (left.length === problem.incidents.length) return;
    if (left.length > 0) {
      problem.incidents = left;
      this.touch(problem);
      return;
    }
    this.#end(problem, upTo);
    if (!isAccepted && problem.closed !== null) (problem.closed as Ending).told = this.now;
  }

  #end(problem: Problem, upTo: number): void {
    problem.closed = { at: this.now, upTo, told: isCovered(problem) ? this.now : null };
    this.touch(problem);
  }

  #start(trouble: Trouble, recovered: number, spoken: number[]): void {
    const { kind, host, set, policy, incident, code, under = null } = trouble;
    const problem: Problem = {
      ...{ kind, host, set, policy, key: keyOf(trouble), incidents: [incident], code },
      ...{ recorded: this.now, told: null, under, mayBeUnder: [], repeats: 0, spoken, closed: null, written: this.now },
    };
    this.put(problem);
    this.touch(problem);
    this.begun.add(problem.key);
    if (kind !== 'late' && recovered >= incident.at) this.#end(problem, recovered);
  }

  /** What is covered, and grows by something that its cover says nothing of, is covered no more. */
  #grow(problem: Problem, { incident, code, under }: Trouble): void {
    problem.incidents.push(incident);
    this.touch(problem);
    if (!isCovered(problem)) return;
    const cover = coverOf(problem);
    if (under !== undefined) {
      if (cover === 'policy') problem.under = under;
      return;
    }
    if (cover === 'policy' || (cover === 'silence' && code !== 'never-started')) {
      problem.under = null;
      problem.code = code;
      this.begun.add(problem.key);
    }
  }
}

/** By what it is covered: its policy's problem, another of its set, another set's silence, another policy's. */
export function coverOf({ kind, set, under }: Problem): 'policy' | 'policies' | 'set' | 'silence' | null {
  if (under === null) return null;
  const [coverKind, coverSet] = under.replace('alerts/', '').split('.');
  if (coverKind === 'not-dispatched') return kind === 'not-dispatched' ? 'policies' : 'policy';
  return coverSet === set ? 'set' : 'silence';
}
