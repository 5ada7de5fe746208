/**
 * The oracle: what people must have been told, and what must be written down as a problem, worked out from what happened
 * and from docs/alerts.md. It shares no rule with the product. After each invocation of a function it says what that must
 * have published and written; where the invocation died, or a publication failed in it, it takes over how far it came,
 * and goes on from there.
 */

import assert from 'node:assert/strict';
import type { Publication } from '../../../functions/ports/notifier.ts';
import type { MemoryStore } from '../../../store/memory.ts';
import { HOUR, type PlannedFleet } from '../fleet-plan.ts';
import type { Invocation, OfRun, PublishedRun, Witness } from '../witness.ts';
import { Adoption, shown } from './adoption.ts';
import { Book } from './book.ts';
import { Due } from './due.ts';
import { type Problem, Problems } from './problems.ts';
import { Settling } from './settling.ts';
import { Slots } from './slots.ts';
import { type Message, Telling } from './telling.ts';

const NOT_FAILED = [0, 3, 75];

export class Oracle implements Witness {
  readonly problems = new Problems();
  readonly #due: Due;
  readonly #book: Book;
  readonly #slots: Slots;
  readonly #settling: Settling;
  readonly #telling: Telling;
  readonly #adoption: Adoption;
  readonly #deadlines = new Map<string, number>();
  #isHeard = true;
  /** What was told, by kind of message. */
  readonly told = { begins: 0, ends: 0, repeats: 0, disturbed: 0 };

  constructor(store: MemoryStore, span: { from: number; to: number }) {
    this.#due = new Due(span.to);
    this.#book = new Book(this.#due);
    this.#settling = new Settling(this.#book, this.problems);
    const parts = { due: this.#due, book: this.#book, problems: this.problems, settling: this.#settling };
    this.#slots = new Slots({ ...parts, from: span.from });
    this.#adoption = new Adoption(store, { ...parts, slots: this.#slots });
    this.#telling = new Telling(this.problems, {
      deadlineOf: (policy) => this.#deadlines.get(policy) ?? 24 * HOUR,
      isWatched: ({ host, set, policy }) => {
        const fleet = this.#due.fleetAt(this.problems.now);
        if (host === null) return policy === null || fleet?.policies[policy] !== undefined;
        return fleet?.hosts[host]?.sets.includes(set ?? '') === true;
      },
    });
  }

  applied(at: number, fleet: PlannedFleet): void {
    this.#slots.advance(at - 1);
    this.#due.apply(at, fleet);
    for (const [name, { deadline }] of Object.entries(fleet.policies)) this.#deadlines.set(name, deadline * HOUR);
  }

  noted(_at: number, kind: 'started' | 'alive' | 'skipped', of: OfRun): void {
    this.#slots.advance(_at);
    const run = this.#book.run(of);
    if (kind === 'skipped') run.skipped = true;
    else run.started = true;
  }

  published(at: number, run: PublishedRun): void {
    this.#slots.advance(at);
    this.#book.published(at, run);
  }

  accepted(_at: number, of: OfRun): void {
    this.#book.run(of).isAccepted = true;
  }

  listens(_at: number, isHeard: boolean): void {
    this.#isHeard = isHeard;
  }

  async invoked(at: number, invocation: Invocation): Promise<void> {
    this.problems.begin(at);
    const messages = invocation.messages.filter(({ subject }) => !subject.startsWith('Offsite digest'));
    if (invocation.of === 'dispatch' && invocation.slot !== null) this.#slots.dispatched(invocation.slot);
    if (invocation.isDisturbed) {
      this.told.disturbed += messages.length;
      assert.equal(new Set(messages.map(({ email }) => email)).size, messages.length, 'one message twice');
      this.#slots.advance(at);
      await this.#adoption.adopt(invocation.written);
      return;
    }
    const expected = this.#foretell(at, invocation);
    compareMessages(messages, expected);
    for (const { what } of expected) this.told[what]++;
    await this.#adoption.compare(invocation.written);
  }

  #foretell(at: number, invocation: Invocation): Message[] {
    switch (invocation.of) {
      case 'dispatch': {
        const { slot } = invocation;
        const isOpen = slot !== null && at < slot.deadline && slot.sent.length === slot.asked.length;
        if (!isOpen) return [];
        const { policy, due } = slot;
        this.problems.recover({ kind: 'not-dispatched', host: null, set: null, policy }, due);
        return [];
      }
      case 'complete': {
        this.#slots.advance(at);
        this.#settling.judge(this.#book.run(invocation.about), at);
        return this.#telling.atOnce();
      }
      case 'command':
        this.#slots.advance(at);
        this.#command(at, invocation);
        return this.#telling.atOnce();
      case 'audit':
        assert.ok(this.#isHeard);
        this.problems.recover({ kind: 'no-subscriber', host: null, set: null, policy: null }, at);
        this.#slots.audit(at);
        return this.#telling.audit();
    }
  }

  #command(at: number, { node, policy, due, code }: Extract<Invocation, { of: 'command' }>): void {
    for (const run of this.#slots.runsOf(policy, due, node)) {
      if (run.said !== null) {
        this.#settling.judge(run, at);
        continue;
      }
      if (code < 0 || NOT_FAILED.includes(code)) continue;
      const deadline = this.#slots.get(policy, due)?.slot.deadline ?? 0;
      if (run.started && at < deadline) continue;
      if (run.judged === null || run.judged.witness === 'silence') {
        const failed = { outcome: 'failed', witness: 'command', code: 'command', accepted: false } as const;
        run.judged = { ...failed, judged: at, received: null, recorded: false };
      }
      this.#settling.settle(run);
    }
  }
}

const WORDS: Record<string, RegExp> = {
  missed: /\bMISSED\b/,
  late: /\bLATE\b/,
  failed: /\bFAILED\b/,
  suspect: /\bSUSPECT\b/,
  partial: /\bPARTIAL\b/,
  'not-dispatched': /\bNOT DISPATCHED\b/,
  'not-judged': /\bNOT JUDGED\b/,
};

/** Each message that was due was sent, and none besides. */
function compareMessages(sent: readonly Publication[], expected: readonly Message[]): void {
  const left = [...sent];
  for (const { what, kind, about } of expected) {
    const names = about.length <= 5 ? about.flatMap(({ host, set }) => (host === null ? [] : [`${host}/${set}`])) : [];
    const i = left.findIndex(({ subject, email }) => {
      const isEnd = subject.includes('GOOD AGAIN');
      const isRepeat = /\bSTILL\b/.test(subject);
      const isKind = kind === null || WORDS[kind]?.test(subject) !== false;
      const found = isRepeat ? 'repeats' : isEnd ? 'ends' : 'begins';
      return found === what && isKind && (what === 'repeats' || names.every((name) => email.includes(name)));
    });
    assert.ok(i >= 0, `nobody was told: ${what} ${kind ?? ''} ${about.map(describe).join('\n')}; but ${said(sent)}`);
    left.splice(i, 1);
  }
  assert.deepEqual(said(left), '', 'what was told without a reason');
}

const said = (messages: readonly Publication[]) => messages.map(({ subject }) => subject).join(' | ');

/** A problem in the words of a failure. */
const describe = (problem: Problem): string => JSON.stringify(shown(problem));
