/**
 * A short history of a small fleet, every step of which is written down: what each host does with each night, which events
 * get through, which invocations die at which call, which publications fail. Small enough to be read, and to be shrunk.
 */

import type { Json } from '../../contract/canonical.ts';
import { runIdForSlot } from '../../contract/ids.ts';
import { type Problem, problemKind } from '../../contract/problem.ts';
import { type Verdict, verdictKind } from '../../contract/verdict.ts';
import { audit } from '../../functions/audit.ts';
import { complete } from '../../functions/complete.ts';
import { dispatch } from '../../functions/dispatch.ts';
import type { CommandSender } from '../../functions/ports/commands.ts';
import type { Stack } from '../../functions/stack.ts';
import { putFleet } from '../../repository/fleet.ts';
import { MemoryStore } from '../../store/memory.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import type { Fate } from './fates.ts';
import { DAY, HOUR, MINUTE } from './fleet-plan.ts';
import { Life, mortal, mortalCommands } from './life.ts';
import { instant, Machine, RECIPIENT, type Task } from './machine.ts';
import { Topics } from './notifier.ts';
import { Queue } from './queue.ts';
import { Dice } from './random.ts';
import { simulatedStack } from './stack.ts';

/** An invocation dies at this call, counted from 1; it does not where there is none or it makes fewer. */
export type Death = number | null;

export interface Night {
  readonly dispatch: 'in time' | 'twice' | 'hours late' | 'never';
  readonly dispatchDies: Death;
  /** Of each host. */
  readonly hosts: readonly {
    readonly fate: Fate;
    readonly event: 'lost' | 'once' | 'twice' | 'at once' | 'hours late';
    readonly completeDies: Death;
    readonly isAccepted: boolean;
  }[];
  /** Hours after midnight. */
  readonly audits: readonly { readonly hour: number; readonly dies: Death }[];
}

export interface History {
  readonly nights: readonly Night[];
  /** The first host is paused for so many days, and the last one is added after as many. */
  readonly pause: number;
  readonly added: number;
  /** What happens to publications, one after the other, from the beginning again after the last. */
  readonly publications: readonly ('good' | 'refused' | 'unheard')[];
}

/** A run that must be made, as the history has it. */
export interface DueRun {
  readonly host: string;
  readonly run: string;
  readonly due: number;
}

const START = Date.parse('2026-11-20T00:00:00Z');
const DUE = 4 * HOUR;
const DEADLINE = 8 * HOUR;
export const hostName = (i: number): string => `h${i}`;

export class Lived {
  readonly clock = new FakeClock(new Date(START));
  readonly store = new MemoryStore({ clock: this.clock });
  readonly topics = new Topics(new Dice('never'), { refused: 0, unheard: 0 });
  readonly stack: Stack;
  readonly due: DueRun[] = [];
  readonly #history: History;
  readonly #queue = new Queue<() => Promise<void>>();
  readonly #machines: Machine[];
  /** After each audit in which nothing went wrong. */
  readonly #check: (lived: Lived) => Promise<void>;

  constructor(history: History, check: (lived: Lived) => Promise<void>) {
    this.#history = history;
    this.#check = check;
    this.stack = simulatedStack(this.store, this.clock, this.topics);
    const hosts = history.nights[0]?.hosts ?? [];
    this.#machines = hosts.map((_, i) => new Machine(this.store, `mi-${i}`));
    let published = 0;
    this.topics.fate = () => history.publications[published++ % history.publications.length] ?? 'good';
  }

  async live(): Promise<void> {
    for (const machine of this.#machines) await machine.register();
    await this.#plan();
    for (let next = this.#queue.next(); next !== undefined; next = this.#queue.next()) {
      this.clock.set(new Date(next.at));
      await next.what();
    }
  }

  get now(): number {
    return this.clock.now().getTime();
  }

  async problems(): Promise<Problem[]> {
    const found: Problem[] = [];
    for await (const { key } of this.store.list('alerts/'))
      found.push(problemKind.parseBytes((await this.store.get(key)).body, key));
    return found;
  }

  async verdict({ host, run, due }: DueRun): Promise<Verdict | null> {
    const key = `slots/${compact(due)}/nightly/verdicts/${host}/data/${run}.json`;
    const object = await this.store.get(key).catch(() => null);
    return object === null ? null : verdictKind.parseBytes(object.body, key);
  }

  async #plan(): Promise<void> {
    const { nights, added } = this.#history;
    const last = this.#machines.length - 1;
    await this.#apply(added === 0 ? last + 1 : last);
    if (added > 0 && last > 0) this.#queue.add(START + added * DAY, () => this.#apply(last + 1));
    for (const [day, night] of nights.entries()) {
      const midnight = START + day * DAY;
      const due = midnight + DUE;
      for (const i of this.#machines.keys()) {
        if (!this.#isWatched(i, day)) continue;
        const run = runIdForSlot({ policy: 'nightly', due: new Date(due), node: `mi-${i}`, set: 'data' });
        this.due.push({ host: hostName(i), run, due });
      }
      const fire = (at: number, dies: Death) => this.#queue.add(at, () => this.#dispatch(day, dies));
      if (night.dispatch !== 'never') fire(due + (night.dispatch === 'hours late' ? 3 * HOUR : 0), night.dispatchDies);
      if (night.dispatch === 'twice') fire(due + MINUTE, null);
      for (const { hour, dies } of night.audits)
        this.#queue.add(midnight + hour * HOUR + 10 * MINUTE, () => this.#audit(dies));
    }
    // Long after everything, but for what is late for days, nothing goes wrong any more.
    const end = START + (nights.length - 1) * DAY + DUE + DEADLINE;
    for (const minutes of [1, 16]) {
      this.#queue.add(end + minutes * MINUTE, async () => {
        this.topics.fate = () => 'good';
        await this.#audit(null);
      });
    }
  }

  #isWatched(i: number, day: number): boolean {
    const { pause, added } = this.#history;
    if (i === 0 && day < pause) return false;
    return i < this.#machines.length - 1 || i === 0 || day >= added;
  }

  async #apply(hosts: number): Promise<void> {
    const { pause } = this.#history;
    const names = this.#machines.slice(0, Math.max(1, hosts)).map((_, i) => hostName(i));
    const until = instant(START + pause * DAY).slice(0, 10);
    const fleet = {
      store: 's3://simulated',
      recipients: [RECIPIENT],
      hosts: Object.fromEntries(
        names.map((name, i) => [
          name,
          { node: `mi-${i}`, sets: ['data'], ...(i === 0 && pause > 0 ? { pause: { until } } : {}) },
        ]),
      ),
      policies: { nightly: { hosts: names, incremental: 'cron(0 4 * * ? *)', deadline: '8h' } },
    };
    await putFleet(this.store, fleet as Json, this.clock.now());
  }

  async #dispatch(day: number, dies: Death): Promise<void> {
    const commands: CommandSender = {
      knownNodes: async (nodes) => new Set(nodes),
      send: async ({ nodes }) => {
        for (const node of nodes) this.#queue.add(this.now + MINUTE, () => this.#work(day, Number(node.slice(3))));
        return { command: 'command' };
      },
    };
    const firing = { policy: 'nightly', type: 'incremental', time: new Date(START + day * DAY + DUE) } as const;
    await this.#invoke(dies, (stack, life) =>
      dispatch(stack, life === null ? commands : mortalCommands(life, commands), firing),
    );
  }

  async #work(day: number, i: number): Promise<void> {
    const machine = this.#machines[i] as Machine;
    const due = START + day * DAY + DUE;
    const run = runIdForSlot({ policy: 'nightly', due: new Date(due), node: machine.node, set: 'data' });
    const host = this.#history.nights[day]?.hosts[i];
    if (host === undefined || !machine.begins('data', run)) return;
    const { fate, completeDies } = host;
    const task: Task = {
      ...{ set: 'data', run, name: hostName(i), policy: 'nightly', due: instant(due), type: 'full', base: null },
    };
    const deadline = due + DEADLINE;
    const publishAt = (at: number, says: Parameters<Machine['publish']>[1]) =>
      this.#queue.add(at, () => this.#publish(i, task, says, host));
    if (fate === 'busy') await machine.note('skipped', task, this.now, run);
    if (!['busy', 'silent', 'command', 'unseen'].includes(fate)) await machine.note('started', task, this.now);
    if (fate === 'command') {
      const event = { kind: 'command', node: machine.node, policy: 'nightly', due: new Date(due), responseCode: 1 };
      if (host.event !== 'lost')
        await this.#invoke(completeDies, (stack) => complete(stack, event as Parameters<typeof complete>[1]));
    }
    if (fate === 'overdue') publishAt(deadline + 5 * HOUR, 'complete');
    if (fate === 'unseen') publishAt(deadline + 3 * HOUR, 'complete');
    if (fate === 'complete' || fate === 'partial' || fate === 'failed' || fate === 'suspect')
      publishAt(this.now + 30 * MINUTE, fate);
  }

  async #publish(
    i: number,
    task: Task,
    says: Parameters<Machine['publish']>[1],
    { event, completeDies, isAccepted }: Night['hosts'][number],
  ): Promise<void> {
    const machine = this.#machines[i] as Machine;
    const key = await machine.publish(task, says, this.now);
    const hear = (at: number, dies: Death) =>
      this.#queue.add(at, async () => {
        const look = (death: Death) => this.#invoke(death, (stack) => complete(stack, { kind: 'object', key }));
        const [isGood] = await Promise.all([look(dies), ...(event === 'at once' ? [look(dies)] : [])]);
        // Lambda tries an event again that failed.
        if (!isGood) this.#queue.add(this.now + MINUTE, async () => void (await look(null)));
      });
    const delay = event === 'hours late' ? 25 * HOUR : MINUTE;
    if (event !== 'lost') hear(this.now + delay, completeDies);
    if (event === 'twice') hear(this.now + delay + MINUTE, null);
    if (says !== 'suspect' || !isAccepted) return;
    const accepted = key.replace('runs/', 'accepted/').replace('/manifest.json', '.json');
    const payload = (await this.store.head(key)).sha256;
    await this.store.put(accepted, Buffer.from(JSON.stringify({ payload })), { condition: 'absent' });
    this.#queue.add(this.now + 2 * HOUR, async () => {
      await this.#invoke(null, (stack) => complete(stack, { kind: 'object', key: accepted }));
    });
  }

  async #audit(dies: Death): Promise<void> {
    const isGood = await this.#invoke(dies, (stack) => audit(stack));
    if (isGood) await this.#check(this);
  }

  /** True where nothing went wrong. What went wrong must be a death or a publication, for which nobody is to blame. */
  async #invoke(
    dies: Death,
    work: (stack: Stack, life: Life | null) => Promise<{ errors: readonly unknown[] }>,
  ): Promise<boolean> {
    const life = dies === null ? null : new Life(dies, dies % 2 === 0);
    const stack = life === null ? this.stack : mortal(life, (ports) => ({ ...this.stack, ...ports }), this.stack);
    this.topics.hasFailed = false;
    const errors = await work(stack, life).then(
      (result) => result.errors,
      (error: unknown) => [error],
    );
    const isDisturbed = (life?.isDead ?? false) || this.topics.hasFailed;
    if (errors.length > 0 && !isDisturbed) throw errors[0];
    return errors.length === 0 && !isDisturbed;
  }
}

const compact = (time: number) => instant(time).replaceAll(/[-:]/g, '');
