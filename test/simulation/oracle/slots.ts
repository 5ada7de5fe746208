/** The oracle's audits of slots: which are looked at, and what is found of each of their runs. */

import { DAY, MINUTE } from '../fleet-plan.ts';
import type { DispatchedSlot } from '../witness.ts';
import { type Book, instantOf, type Run } from './book.ts';
import type { Due, DueSlot } from './due.ts';
import type { Problems } from './problems.ts';
import type { Settling } from './settling.ts';

const LATE_FOR = 7 * DAY;
/** Whoever judges a manifest when it comes has done so by then. */
const AT_ONCE = 15 * MINUTE;
const MANY = 3;

interface Audited {
  readonly slot: DueSlot;
  readonly runs: readonly Run[];
  /** Of which there is more to find out; null before the first look. */
  waiting: readonly Run[] | null;
  isClosed: boolean;
}

/** `audit/state.json`, as far as it matters. */
interface StoredPlace {
  readonly cursor: string;
  readonly open: readonly { policy: string; due: string; waiting: readonly { run: string }[] | null }[];
}

export const slotName = ({ policy, due }: Pick<DueSlot, 'policy' | 'due'>): string => `${policy} ${due}`;

export class Slots {
  readonly #due: Due;
  readonly #book: Book;
  readonly #problems: Problems;
  readonly #settling: Settling;
  readonly #slots = new Map<string, Audited>();
  readonly #dispatched = new Map<string, DispatchedSlot>();
  #known: number;

  constructor(parts: { due: Due; book: Book; problems: Problems; settling: Settling; from: number }) {
    this.#due = parts.due;
    this.#book = parts.book;
    this.#problems = parts.problems;
    this.#settling = parts.settling;
    this.#known = parts.from;
  }

  /** All slots due until then; to be called before any other fleet file rules. */
  advance(now: number): void {
    for (const slot of this.#due.slots(this.#known, now + 1)) {
      const runs = slot.runs.map((run) => this.#book.run(run, slot));
      this.#slots.set(slotName(slot), { slot, runs, waiting: null, isClosed: false });
    }
    this.#known = now + 1;
  }

  dispatched(slot: DispatchedSlot): void {
    this.#dispatched.set(slotName(slot), slot);
  }

  get(policy: string, due: number): Audited | undefined {
    return this.#slots.get(slotName({ policy, due }));
  }

  /** The runs that a slot asks of a node. */
  runsOf(policy: string, due: number, node: string): Run[] {
    return this.get(policy, due)?.runs.filter((run) => run.node === node) ?? [];
  }

  /** This slot was closed by an audit that died later. */
  closed(key: string): void {
    const [, compact = '', policy = ''] = key.split('/');
    const audited = this.get(policy, Date.parse(instantOf(compact)));
    if (audited !== undefined) audited.isClosed = true;
  }

  /** An audit that was disturbed came to its end all the same, and left its place. */
  place({ cursor, open }: StoredPlace): void {
    const waiting = new Map(
      open.map((one) => [slotName({ policy: one.policy, due: Date.parse(one.due) }), one.waiting]),
    );
    for (const [name, audited] of this.#slots) {
      if (audited.slot.deadline > Date.parse(cursor)) continue;
      const left = waiting.get(name);
      if (left === undefined) audited.isClosed = true;
      const ids = new Set((left ?? []).map(({ run }) => run));
      audited.waiting = audited.runs.filter(({ run }) => ids.has(run));
    }
  }

  audit(now: number): void {
    this.advance(now);
    const past = [...this.#slots.values()].filter(({ slot, isClosed }) => !isClosed && slot.deadline <= now);
    past.sort((one, other) => one.slot.due - other.slot.due || (one.slot.policy < other.slot.policy ? -1 : 1));
    for (const audited of past) this.#auditSlot(audited, now);
  }

  #auditSlot(audited: Audited, now: number): void {
    const { slot, runs, waiting } = audited;
    const counts = { notAsked: 0, before: 0, byAudit: 0 };
    const late = (waiting ?? runs).filter((run) => this.#auditRun(slot, run, now, counts));
    if (waiting !== null && late.length === 0) {
      const others = runs.filter((run) => !waiting.includes(run));
      for (const run of others) this.#auditRun(slot, run, now, counts);
    }
    if (waiting === null || late.length === 0) this.#conclude(slot, counts);
    audited.waiting = late;
    audited.isClosed = late.length === 0;
  }

  /** True where the run is late, and waited for. */
  #auditRun(
    slot: DueSlot,
    run: Run,
    now: number,
    counts: { notAsked: number; before: number; byAudit: number },
  ): boolean {
    const { judged } = run;
    if (judged !== null) {
      this.#settling.settle(run);
      if (judged.code === 'not-asked') counts.notAsked++;
      if (judged.received === null) return false;
      if (judged.judged >= slot.deadline && judged.judged - judged.received > AT_ONCE) counts.byAudit++;
      else counts.before++;
      return false;
    }
    if (run.said !== null) {
      this.#settling.judge(run, now);
      counts.byAudit++;
      return false;
    }
    const { host, set, policy, at } = run;
    let code = 'never-started';
    if (run.skipped && !run.started) code = 'busy';
    else if (run.started && now < slot.deadline + LATE_FOR) {
      const incident = { at, run: run.run, policy };
      this.#problems.record({ kind: 'late', host, set, policy: null, incident, code: 'still-running' }, 0);
      return true;
    } else if (run.started) code = 'never-finished';
    else if (!this.#isAsked(slot, run)) code = 'not-asked';
    if (code === 'not-asked') counts.notAsked++;
    run.judged = { ...SILENCE, code, judged: now };
    this.#settling.settle(run);
    return false;
  }

  #isAsked(slot: DueSlot, { node }: Run): boolean {
    return this.#dispatched.get(slotName(slot))?.sent.includes(node) ?? false;
  }

  #conclude(slot: DueSlot, { notAsked, before, byAudit }: { notAsked: number; before: number; byAudit: number }): void {
    const { policy, due } = slot;
    const none = { host: null, set: null };
    const ofPolicy = { kind: 'not-dispatched', ...none, policy } as const;
    const incident = { at: due, run: null, policy };
    if (notAsked > 0) this.#problems.record({ ...ofPolicy, incident, code: ofPolicy.kind }, 0);
    else if (this.#dispatched.has(slotName(slot))) this.#problems.recover(ofPolicy, due);
    const ofStack = { kind: 'not-judged', ...none, policy: null } as const;
    if (before > 0) this.#problems.recover(ofStack, due);
    else if (byAudit >= MANY) this.#problems.record({ ...ofStack, incident, code: ofStack.kind }, 0);
  }
}

const SILENCE = {
  outcome: 'missed',
  accepted: false,
  witness: 'silence',
  received: null,
  recorded: false,
} as const;
