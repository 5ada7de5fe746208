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
import { Log } from './log.ts';
import { type Problem, Problems } from './problems.ts';
import { Settling } from './settling.ts';
import { Slots } from './slots.ts';
import { type Message, Telling } from './telling.ts';

const NOT_FAILED = [0, 3, 75];

export class Oracle implements Witness {
  readonly problems = new Problems();
  readonly log = new Log();
  readonly #due: Due;
  readonly #book: Book;
  readonly #slots: Slots;
  readonly #settling: Settling;
  readonly #telling: Telling;
  readonly #adoption: Adoption;
  #isHeard = true;
  #fleet: PlannedFleet | null = null;
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
      deadlineOf: (policy, due) => (this.#due.fleetAt(due)?.policies[policy]?.deadline ?? 24) * HOUR,
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
    this.log.add(
      'stack',
      at,
      'fleet file of',
      Object.keys(fleet.hosts).length,
      'hosts:',
      ...changes(this.#fleet, fleet),
    );
    this.#fleet = fleet;
  }

  noted(at: number, kind: 'started' | 'alive' | 'skipped', of: OfRun): void {
    this.#slots.advance(at);
    const run = this.#book.run(of);
    this.log.add(run.host, at, kind, run.set, run.run);
    if (kind === 'skipped') run.skipped = true;
    else run.started = true;
  }

  published(at: number, run: PublishedRun): void {
    this.#slots.advance(at);
    this.#book.published(at, run);
    this.log.add(run.name, at, 'manifest', run.says, run.set, run.run);
  }

  accepted(at: number, of: OfRun): void {
    const run = this.#book.run(of);
    run.isAccepted = true;
    this.log.add(run.host, at, 'accepted by the operator', run.set, run.run);
  }

  listens(at: number, isHeard: boolean): void {
    this.#isHeard = isHeard;
    this.log.add('stack', at, isHeard ? 'somebody listens' : 'nobody listens');
  }

  async invoked(at: number, invocation: Invocation): Promise<void> {
    this.problems.begin(at);
    this.#note(at, invocation);
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

  #note(at: number, invocation: Invocation): void {
    const { of, isDisturbed, messages } = invocation;
    const how = isDisturbed ? `${of}, which died or could not publish` : of;
    if (invocation.of === 'complete')
      this.log.add(this.#book.run(invocation.about).host, at, how, invocation.about.run);
    else if (invocation.of === 'command')
      this.log.add(this.#due.hostOf(invocation.node, at) ?? '', at, how, invocation.policy, 'exit', invocation.code);
    else if (of !== 'audit' || isDisturbed || messages.length > 0)
      this.log.add('stack', at, how, invocation.of === 'dispatch' ? invocation.slot?.policy : '');
    for (const { subject } of messages) this.log.add('stack', at, 'told:', subject);
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

/** What one fleet file has that the other has not, by names and schedules. */
function changes(before: PlannedFleet | null, after: PlannedFleet): string[] {
  if (before === null) return ['the first'];
  const lines = ({ hosts, policies }: PlannedFleet) =>
    [
      ...Object.entries(hosts).map(
        ([name, { pause }]) => `${name}${pause === undefined ? '' : ` until ${pause.until}`}`,
      ),
      ...Object.entries(policies).map(([name, { full, incremental, deadline }]) =>
        [name, full, incremental, deadline].join(' '),
      ),
    ] as const;
  const [old, now] = [new Set(lines(before)), new Set(lines(after))];
  return [
    ...[...old].filter((line) => !now.has(line)).map((line) => `- ${line};`),
    ...[...now].filter((line) => !old.has(line)).map((line) => `+ ${line};`),
  ];
}
