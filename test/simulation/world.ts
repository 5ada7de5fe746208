/**
 * A world in which the stack lives: a bucket, hosts, schedules that fire, a command service, events, a notifier, an
 * operator, and everything that can go wrong with each. Time jumps from one thing that happens to the next. What happens
 * is told to a witness, which is how the oracle knows of it.
 */

import { runIdForSlot } from '../../contract/ids.ts';
import { decodeJob } from '../../contract/job.ts';
import { audit } from '../../functions/audit.ts';
import { complete } from '../../functions/complete.ts';
import { dispatch, dispatchManual } from '../../functions/dispatch.ts';
import { FleetArchive } from '../../functions/lib/fleet-archive.ts';
import type { CommandSender, OutgoingCommand } from '../../functions/ports/commands.ts';
import type { Stack } from '../../functions/stack.ts';
import { putFleet } from '../../repository/fleet.ts';
import { MemoryStore } from '../../store/memory.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { dueMinutes } from './calendar.ts';
import { PlainEvidence } from './evidence.ts';
import { type Fate, Fates } from './fates.ts';
import {
  DAY,
  firstFleet,
  HOUR,
  MINUTE,
  type PlannedChange,
  type PlannedFleet,
  plannedChanges,
  written,
} from './fleet-plan.ts';
import { Life, mortal, mortalCommands } from './life.ts';
import { instant, Machine, RECIPIENT, type Said, type Task } from './machine.ts';
import { Topics } from './notifier.ts';
import { Queue } from './queue.ts';
import { Dice } from './random.ts';
import type { Scenario } from './scenario.ts';
import { simulatedStack } from './stack.ts';
import type { DispatchedSlot, Invocation, OfRun, Witness } from './witness.ts';

type Happening = () => Promise<void>;
type Function = 'audit' | 'complete' | 'dispatch' | 'listener';

const SECOND = 1000;
/** Lambda tries an event again that failed: after a minute, then after two. */
const RETRIES = [MINUTE, 2 * MINUTE];

export class World {
  readonly clock: FakeClock;
  readonly store: WatchedStore;
  readonly topics: Topics;
  readonly stack: Stack;
  readonly from: number;
  readonly to: number;
  /** Runs that machines published, and invocations of functions. */
  readonly counts = { runs: 0, invocations: 0, deaths: 0, audits: 0 };
  readonly #scenario: Scenario;
  readonly #witness: Witness;
  readonly #fates: Fates;
  readonly #queue = new Queue<Happening>();
  readonly #machines = new Map<string, Machine>();
  readonly #plan: readonly PlannedChange[];
  readonly #commands: CommandSender;
  readonly #outages = new Map<Function, ReadonlySet<number>>();
  readonly #names = new WeakMap<PlannedFleet, Map<string, string>>();
  #events = 0;

  constructor(scenario: Scenario, witness: (world: World) => Witness) {
    const { seed, rates, days, hosts, schedules, changes } = scenario;
    this.#scenario = scenario;
    this.from = Date.parse(scenario.start);
    this.to = this.from + days * DAY;
    this.clock = new FakeClock(new Date(this.from));
    this.store = new WatchedStore({ clock: this.clock });
    this.topics = new Topics(new Dice(seed, 'topics'), rates);
    this.stack = simulatedStack(this.store, this.clock, this.topics);
    this.#witness = witness(this);
    this.#fates = new Fates(seed, { from: this.from, to: this.to }, rates.trouble);
    const first = { at: this.from, fleet: firstFleet(seed, hosts, schedules) };
    this.#plan = plannedChanges(seed, first, { until: this.to, changes });
    this.#commands = {
      knownNodes: async (nodes) => new Set(nodes),
      send: async (command) => this.#received(command),
    };
  }

  /** Lives until the end; then a last audit, in which nothing goes wrong any more. `onDay` is called at each midnight. */
  async run(onDay: (day: number) => void = () => {}): Promise<void> {
    this.#planAll();
    let day = -1;
    for (let next = this.#queue.next(); next !== undefined; next = this.#queue.next()) {
      if (next.at >= this.to) break;
      const today = Math.floor((next.at - this.from) / DAY);
      if (today !== day) onDay(today);
      day = today;
      this.clock.set(new Date(next.at));
      await next.what();
    }
  }

  get #now(): number {
    return this.clock.now().getTime();
  }

  #planAll(): void {
    const { seed, rates, days, auditEvery } = this.#scenario;
    for (const name of ['audit', 'complete', 'dispatch', 'listener'] as const) {
      const dice = new Dice(seed, 'outage', name);
      const dead = new Set<number>();
      for (let day = 1; day < days - 1; day++) {
        if (dice.chance(rates.outage)) for (let i = dice.below(3); i >= 0; i--) dead.add(day + i);
      }
      this.#outages.set(name, dead);
    }
    for (const [i, change] of this.#plan.entries()) {
      this.#queue.add(change.at, () => this.#apply(change));
      this.#planFirings(change, this.#plan[i + 1]?.at ?? this.to);
    }
    const phase = new Dice(seed, 'phase').below(auditEvery * 60) * SECOND;
    for (let at = this.from + phase; at < this.to; at += auditEvery * MINUTE) this.#queue.add(at, () => this.#audit());
    for (let day = 1; day < days; day++) {
      this.#queue.add(this.from + day * DAY, async () => this.#listen(!this.#isOut('listener')));
      this.#planManual(day);
    }
  }

  #isOut(name: Function): boolean {
    return this.#outages.get(name)?.has(Math.floor((this.#now - this.from) / DAY)) ?? false;
  }

  #listen(isHeard: boolean): void {
    if (this.topics.isHeard === isHeard) return;
    this.topics.isHeard = isHeard;
    this.#witness.listens(this.#now, isHeard);
  }

  async #apply({ fleet, at }: PlannedChange): Promise<void> {
    for (const { node } of Object.values(fleet.hosts)) {
      if (this.#machines.has(node)) continue;
      const machine = new Machine(this.store, node);
      this.#machines.set(node, machine);
      await machine.register();
    }
    await putFleet(this.store, written(fleet, RECIPIENT), new Date(at));
    this.#witness.applied(at, fleet);
  }

  /** EventBridge fires by the rules that the fleet file made. */
  #planFirings({ fleet, at }: PlannedChange, until: number): void {
    const { seed, rates } = this.#scenario;
    for (const [policy, { deadline, ...schedule }] of Object.entries(fleet.policies)) {
      for (const type of ['full', 'incremental'] as const) {
        const cron = schedule[type];
        if (cron === undefined) continue;
        for (const due of dueMinutes(cron, at, until)) {
          const dice = new Dice(seed, 'firing', policy, type, due / MINUTE);
          const late = () => (dice.chance(rates.delayed) ? dice.below(deadline * 60 * 1.2) * MINUTE : 0);
          const time = due + dice.below(50) * SECOND;
          const fire = () => this.#dispatch({ policy, type, time: new Date(time) }, 0);
          if (!dice.chance(rates.unfired)) this.#queue.add(time + 2 * SECOND + late(), fire);
          if (dice.chance(rates.firedTwice)) this.#queue.add(time + 3 * SECOND + late(), fire);
        }
      }
    }
  }

  async #dispatch(firing: Parameters<typeof dispatch>[2], tries: number): Promise<void> {
    if (this.#isOut('dispatch')) return;
    const dice = this.#dice('dispatch');
    const { result, ...outcome } = await this.#invoke(dice, 60, (stack, commands) => dispatch(stack, commands, firing));
    const slot = result?.due == null ? null : await this.#slot(firing.policy, Date.parse(result.due));
    await this.#witness.invoked(this.#now, { of: 'dispatch', slot, ...outcome });
    const wait = RETRIES[tries];
    if (!outcome.isGood && wait !== undefined)
      this.#queue.add(this.#now + wait, () => this.#dispatch(firing, tries + 1));
  }

  /** What the store says about a slot. */
  async #slot(policy: string, due: number): Promise<DispatchedSlot | null> {
    const folder = `slots/${instant(due).replaceAll(/[-:]/g, '')}/${policy}`;
    const read = async (name: string) =>
      this.store.get(`${folder}/${name}.json`).then(
        ({ body }) => JSON.parse(body.toString()),
        () => null,
      );
    const expected = await read('expected');
    if (expected === null) return null;
    const asked: string[] = [];
    const sent: string[] = [];
    const unknown: string[] = [];
    for (const [number, batch] of expected.batches.entries()) {
      const nodes = batch.map(({ node }: { node: string }) => node);
      asked.push(...nodes);
      const mark = await read(`sent/${number}`);
      if (mark === null) continue;
      sent.push(...nodes);
      unknown.push(...mark.unknown.map(({ node }: { node: string }) => node));
    }
    return { policy, due, deadline: Date.parse(expected.deadline), asked, sent, unknown };
  }

  /** The nodes of a command get their jobs, each in its own time. */
  async #received({ payload }: OutgoingCommand): Promise<{ command: string }> {
    const job = decodeJob(payload);
    const [due, deadline] = [Date.parse(job.due), Date.parse(job.deadline)];
    for (const [node, sets] of Object.entries(job.hosts)) {
      const dice = new Dice(this.#scenario.seed, 'job', node, due / SECOND);
      for (const [set, { base }] of Object.entries(sets)) {
        const run = runIdForSlot({ policy: job.policy, due: new Date(due), node, set });
        const { policy, type } = job;
        const task: Task = { set, run, name: this.#nameOf(node, due), policy, due: job.due, type, base };
        const begin = this.#now + (5 + dice.below(60)) * SECOND;
        this.#queue.add(begin, () => this.#work(node, task, { due, deadline }));
      }
    }
    return { command: `command-${this.#events}` };
  }

  /** What the host is called in the fleet file of that time. */
  #nameOf(node: string, at: number): string {
    const { fleet } = (this.#plan.findLast((one) => one.at <= at) ?? this.#plan[0]) as PlannedChange;
    const names =
      this.#names.get(fleet) ?? new Map(Object.entries(fleet.hosts).map(([name, host]) => [host.node, name]));
    this.#names.set(fleet, names);
    return names.get(node) ?? 'nobody';
  }

  async #work(node: string, task: Task, { due, deadline }: { due: number; deadline: number }): Promise<void> {
    const machine = this.#machines.get(node) as Machine;
    const { set, run, policy } = task;
    if (!machine.begins(set, run)) return;
    const fate = policy === 'manual' ? 'complete' : this.#fates.of(node, set, due);
    const dice = new Dice(this.#scenario.seed, 'work', node, run);
    const of = { node, set, run };
    const note = async (kind: 'started' | 'alive' | 'skipped') => {
      await machine.note(kind, task, this.#now, run);
      this.#witness.noted(this.#now, kind, of);
    };
    const minutes = 5 + dice.below(50);
    const publishAt = (at: number, says: Said) => this.#queue.add(at, () => this.#publish(node, task, says));
    const commandEnds = (code: number) => {
      if (policy !== null) this.#deliverCommand({ node, policy, due, code });
    };
    const byFate: Record<Fate, Happening> = {
      ...fromEntries(['complete', 'partial', 'failed', 'suspect'] as const, (says) => async () => {
        await note('started');
        publishAt(this.#now + minutes * MINUTE, says);
      }),
      silent: async () => {},
      busy: async () => {
        await note('skipped');
        if (dice.chance(0.2)) commandEnds(75);
      },
      command: async () => commandEnds(1),
      hangs: async () => {
        await note('started');
        this.#queue.add(this.#now + minutes * MINUTE, () => note('alive'));
      },
      overdue: async () => {
        await note('started');
        publishAt(deadline + (1 + dice.below(30)) * HOUR, 'complete');
      },
      unseen: async () => publishAt(deadline + (1 + dice.below(20)) * HOUR, 'complete'),
    };
    await byFate[fate]();
  }

  async #publish(node: string, task: Task, says: Said): Promise<void> {
    const { set, run, name } = task;
    const of = { node, set, run };
    const key = await (this.#machines.get(node) as Machine).publish(task, says, this.#now);
    this.counts.runs++;
    this.#witness.published(this.#now, { ...of, name, says });
    this.#deliver(key, of);
    const dice = new Dice(this.#scenario.seed, 'accept', run);
    if (says !== 'suspect' || !dice.chance(0.5)) return;
    this.#queue.add(this.#now + dice.below(60) * HOUR, () => this.#accept(of, key));
  }

  async #accept(of: OfRun, key: string): Promise<void> {
    const { node, set, run } = of;
    const prefix = (this.#machines.get(node) as Machine).prefix;
    const payload = (await this.store.head(key)).sha256;
    const acceptance = { type: 'offsite/accepted/1', format: 1, prefix, set, run, payload };
    const accepted = `accepted/${prefix}/${set}/${run}.json`;
    await this.store.put(accepted, Buffer.from(JSON.stringify(acceptance)), { condition: 'absent' });
    this.#witness.accepted(this.#now, of);
    this.#queue.add(this.#now + SECOND, () => this.#complete(accepted, of, 0));
  }

  /** Object Created: lost, doubled, overtaken. */
  #deliver(key: string, of: OfRun): void {
    const { rates } = this.#scenario;
    const dice = new Dice(this.#scenario.seed, 'deliver', key);
    if (dice.chance(rates.lost)) return;
    for (let i = dice.chance(rates.doubled) ? 2 : 1; i > 0; i--) {
      const delay = dice.chance(rates.delayed) ? dice.below(30 * 60) * MINUTE : (1 + dice.below(20)) * SECOND;
      this.#queue.add(this.#now + delay, () => this.#complete(key, of, 0));
    }
  }

  async #complete(key: string, about: OfRun, tries: number): Promise<void> {
    if (this.#isOut('complete')) return;
    const dice = this.#dice('complete');
    const { result, ...outcome } = await this.#invoke(dice, 50, (stack) => complete(stack, { kind: 'object', key }));
    await this.#witness.invoked(this.#now, { of: 'complete', about, ...outcome });
    const wait = RETRIES[tries];
    if (!outcome.isGood && wait !== undefined)
      this.#queue.add(this.#now + wait, () => this.#complete(key, about, tries + 1));
  }

  #deliverCommand(about: { node: string; policy: string; due: number; code: number }): void {
    const dice = new Dice(this.#scenario.seed, 'command', about.node, about.due / SECOND);
    if (dice.chance(this.#scenario.rates.lost)) return;
    this.#queue.add(this.#now + (30 + dice.below(100)) * SECOND, () => this.#completeCommand(about));
  }

  async #completeCommand(about: { node: string; policy: string; due: number; code: number }): Promise<void> {
    if (this.#isOut('complete')) return;
    const { node, policy, code } = about;
    const event = { kind: 'command', node, policy, due: new Date(about.due), responseCode: code } as const;
    const { result, ...outcome } = await this.#invoke(this.#dice('command'), 50, (stack) => complete(stack, event));
    await this.#witness.invoked(this.#now, { of: 'command', ...about, ...outcome });
  }

  async #audit(): Promise<void> {
    if (this.#isOut('audit')) return;
    const dice = this.#dice('audit');
    const { result, ...outcome } = await this.#invoke(dice, 10 ** (1 + dice.below(4)), (stack) => audit(stack));
    this.counts.audits++;
    await this.#witness.invoked(this.#now, { of: 'audit', ...outcome });
  }

  /** Dice for the next invocation. */
  #dice(name: Function | 'command'): Dice {
    return new Dice(this.#scenario.seed, 'invocation', name, this.#events++);
  }

  /** Runs a function; now and then it dies at one of its first so many calls. */
  async #invoke<T extends { errors: readonly unknown[] }>(
    dice: Dice,
    calls: number,
    work: (stack: Stack, commands: CommandSender) => Promise<T>,
  ): Promise<{ result: T | null } & Pick<Invocation, 'isGood' | 'isDisturbed' | 'messages' | 'written'>> {
    this.counts.invocations++;
    this.topics.hasFailed = false;
    this.store.written = new Set();
    let life: Life | null = null;
    let { stack } = this;
    let commands = this.#commands;
    if (dice.chance(this.#scenario.rates.dead)) {
      life = new Life(1 + dice.below(calls), dice.chance(0.5));
      const isNewProcess = dice.chance(0.1);
      const make = (ports: Pick<Stack, 'store' | 'notifier' | 'events'>): Stack => ({
        ...this.stack,
        ...ports,
        evidence: new PlainEvidence(ports.store),
        ...(isNewProcess ? { fleets: new FleetArchive(ports.store) } : {}),
      });
      stack = mortal(life, make, stack);
      commands = mortalCommands(life, commands);
    }
    let result: T | null = null;
    let error: unknown = null;
    try {
      result = await work(stack, commands);
    } catch (thrown) {
      error = thrown;
    }
    const isDead = life?.isDead ?? false;
    if (isDead) this.counts.deaths++;
    const isDisturbed = isDead || this.topics.hasFailed || !this.topics.isHeard;
    const errors = result?.errors ?? [error];
    if (!isDisturbed && errors.length > 0) throw errors[0];
    const { written } = this.store;
    return { result, isGood: errors.length === 0 && !isDead, isDisturbed, messages: this.topics.take(), written };
  }

  /** Runs that no schedule asks for: an operator's, or a machine's own. */
  #planManual(day: number): void {
    const { seed, rates } = this.#scenario;
    if (rates.manual === 0) return;
    for (const host of Object.keys(this.#plan[0]?.fleet.hosts ?? {})) {
      const dice = new Dice(seed, 'manual', host, day);
      if (!dice.chance(rates.manual)) continue;
      const at = this.from + day * DAY + dice.below(86_400) * SECOND;
      this.#queue.add(at, () => (dice.chance(0.5) ? this.#runByHand(host) : this.#runUnasked(host, dice)));
    }
  }

  async #runByHand(host: string): Promise<void> {
    const plan = this.#plan.findLast((one) => one.at <= this.#now);
    if (this.#isOut('dispatch') || plan?.fleet.hosts[host] === undefined) return;
    const deadline = new Date(this.#now + DAY);
    const dice = this.#dice('dispatch');
    const wanted = { host, type: 'incremental', deadline } as const;
    const { result, ...outcome } = await this.#invoke(dice, 30, (stack, commands) =>
      dispatchManual(stack, commands, wanted),
    );
    await this.#witness.invoked(this.#now, { of: 'dispatch', slot: null, ...outcome });
  }

  async #runUnasked(host: string, dice: Dice): Promise<void> {
    const node = this.#plan.findLast((one) => one.at <= this.#now)?.fleet.hosts[host]?.node;
    if (node === undefined) return;
    const tail = dice
      .below(2 ** 32)
      .toString(16)
      .padStart(12, '0');
    const run = `${instant(this.#now).replaceAll(/[-:]/g, '')}-${tail}`;
    const says = dice.pick(['complete', 'complete', 'failed', 'partial'] as const);
    const task: Task = { set: 'data', run, name: host, policy: null, due: null, type: 'full', base: null };
    this.#queue.add(this.#now + (5 + dice.below(60)) * MINUTE, () => this.#publish(node, task, says));
  }
}

/** A store that remembers what was put. */
class WatchedStore extends MemoryStore {
  written = new Set<string>();

  override async put(...[key, body, options]: Parameters<MemoryStore['put']>): ReturnType<MemoryStore['put']> {
    const put = await super.put(key, body, options);
    this.written.add(key);
    return put;
  }
}

function fromEntries<K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>;
}
