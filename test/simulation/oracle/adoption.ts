/**
 * What the stack wrote, against what the oracle expects; and where an invocation died, the oracle takes over what it had
 * written until then. It reads documents as they lie in the store.
 */

import assert from 'node:assert/strict';
import type { MemoryStore } from '../../../store/memory.ts';
import type { Book, Judged, Run } from './book.ts';
import { beganAt, type Kind, type Problem, type Problems } from './problems.ts';
import type { Slots } from './slots.ts';

/** A document under `alerts/`, as it lies there. */
interface Stored {
  readonly kind: Kind;
  readonly host: string | null;
  readonly set: string | null;
  readonly policy: string | null;
  readonly began: { at: string; run: string | null; policy: string | null };
  readonly further: { at: string; run: string | null; policy: string | null }[];
  readonly furtherCount: number;
  readonly reasons: { code: string }[];
  readonly recorded: string;
  readonly told: string | null;
  readonly under: string | null;
  readonly repeats: number;
  readonly spoken: string[];
  readonly closed: { at: string; upTo: string; told: string | null } | null;
}

interface StoredVerdict {
  readonly host: string;
  readonly set: string;
  readonly run: string;
  readonly outcome: Judged['outcome'];
  readonly accepted: boolean;
  readonly witness: Judged['witness'];
  readonly reasons: { code: string }[];
  readonly judged: string;
  readonly received: string | null;
  readonly recorded: string | null;
}

export class Adoption {
  readonly #store: MemoryStore;
  readonly #book: Book;
  readonly #problems: Problems;
  readonly #slots: Slots;

  constructor(store: MemoryStore, parts: { book: Book; problems: Problems; slots: Slots }) {
    this.#store = store;
    this.#book = parts.book;
    this.#problems = parts.problems;
    this.#slots = parts.slots;
  }

  /** What was written is what was expected, and all of it. */
  async compare(written: ReadonlySet<string>): Promise<void> {
    for (const key of written) {
      if (key.startsWith('alerts/')) await this.#compareProblem(key);
      else if (key.includes('verdicts/')) await this.#compareVerdict(key);
    }
    const missing = [...this.#problems.changed].filter((key) => !written.has(key));
    // Told and changed back within one invocation, nothing is left to be written.
    for (const key of missing) await this.#compareProblem(key);
  }

  async adopt(written: ReadonlySet<string>): Promise<void> {
    const runs: Run[] = [];
    for (const key of written) {
      if (key.startsWith('alerts/')) await this.#adoptProblem(key);
      else if (key.includes('verdicts/')) runs.push(...(await this.#adoptVerdict(key)));
      else if (/^slots\/.*\/closed\.json$/.test(key)) this.#slots.closed(key);
      else if (key === 'audit/state.json') this.#slots.place(await this.#read(key));
    }
    runs.sort((one, other) => one.place - other.place);
    for (const run of runs) this.#book.stands(run);
  }

  async #compareProblem(key: string): Promise<void> {
    const stored = await this.#read<Stored>(key);
    const expected = this.#problems.all.get(key);
    assert.ok(expected !== undefined, `${key} is no problem: ${JSON.stringify(stored)}`);
    const under = stored.under !== null && expected.mayBeUnder.includes(stored.under) ? stored.under : expected.under;
    expected.under = under;
    assert.deepEqual(shown(problemOf(key, stored)), shown(expected), key);
  }

  async #compareVerdict(key: string): Promise<void> {
    const { host, set, run: id, ...stored } = await this.#read<StoredVerdict>(key);
    const judged = this.#book.find(host, set, id)?.judged ?? null;
    assert.ok(judged !== null, `${key} is no verdict that there must be`);
    const { outcome, accepted, witness, code, recorded } = judged;
    const isBad = !(outcome === 'complete' || witness === 'acceptance');
    assert.deepEqual(
      [stored.outcome, stored.accepted, stored.witness, stored.recorded !== null],
      [outcome, accepted, witness, isBad && recorded],
      key,
    );
    if (witness === 'silence' || witness === 'command') assert.equal(stored.reasons[0]?.code, code, key);
  }

  async #adoptProblem(key: string): Promise<void> {
    const problem = problemOf(key, await this.#read<Stored>(key));
    this.#problems.put({ ...problem, written: this.#problems.now });
  }

  async #adoptVerdict(key: string): Promise<Run[]> {
    const stored = await this.#read<StoredVerdict>(key);
    const { outcome, accepted, witness } = stored;
    const run = this.#book.find(stored.host, stored.set, stored.run);
    assert.ok(run !== null, `${key} is about no run`);
    run.judged = {
      ...{
        outcome,
        accepted,
        witness,
        code: witness === 'silence' || witness === 'command' ? (stored.reasons[0]?.code ?? '') : '',
      },
      judged: Date.parse(stored.judged),
      received: stored.received === null ? null : Date.parse(stored.received),
      recorded: stored.recorded !== null,
    };
    return [run];
  }

  async #read<T>(key: string): Promise<T> {
    return JSON.parse((await this.#store.get(key)).body.toString());
  }
}

function problemOf(key: string, stored: Stored): Problem {
  const time = (text: string | null) => (text === null ? null : Date.parse(text));
  const { kind, host, set, policy = null, closed, began, further, under, repeats } = stored;
  return {
    ...{ key, kind, host, set, policy, under, repeats, mayBeUnder: [] },
    incidents: [began, ...further].map((one) => ({ at: Date.parse(one.at), run: one.run, policy: one.policy })),
    code: stored.reasons[0]?.code ?? '',
    recorded: Date.parse(stored.recorded),
    told: time(stored.told),
    spoken: stored.spoken.map((at) => Date.parse(at)),
    closed:
      closed === null ? null : { at: Date.parse(closed.at), upTo: Date.parse(closed.upTo), told: time(closed.told) },
    written: 0,
  };
}

/** What must be equal of a problem, to be read by people. */
export function shown(problem: Problem) {
  const { key, incidents, recorded, told, under, repeats, spoken, closed } = problem;
  const text = (at: number | null) => (at === null ? null : new Date(at).toISOString().slice(0, 16));
  return {
    key,
    began: text(beganAt(problem)),
    incidents: incidents.slice(-100).map(({ at, run }) => `${text(at)} ${run ?? ''}`),
    ...{ recorded: text(recorded), told: text(told), under, repeats, spoken: spoken.map(text) },
    closed: closed === null ? null : { at: text(closed.at), upTo: text(closed.upTo), told: text(closed.told) },
  };
}
