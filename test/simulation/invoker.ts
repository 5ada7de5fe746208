/** Whoever runs the functions of a simulated world: Lambda, say. Now and then an invocation dies at one of its calls. */

import { FleetArchive } from '../../functions/lib/fleet-archive.ts';
import type { CommandSender } from '../../functions/ports/commands.ts';
import type { Stack } from '../../functions/stack.ts';
import { MemoryStore } from '../../store/memory.ts';
import { PlainEvidence } from './evidence.ts';
import { Life, mortal, mortalCommands } from './life.ts';
import type { Topics } from './notifier.ts';
import type { Dice } from './random.ts';
import type { Invocation } from './witness.ts';

/** A store that remembers what was put. */
export class WatchedStore extends MemoryStore {
  written = new Set<string>();

  override async put(...[key, body, options]: Parameters<MemoryStore['put']>): ReturnType<MemoryStore['put']> {
    const put = await super.put(key, body, options);
    this.written.add(key);
    return put;
  }
}

type Outcome<T> = { readonly result: T | null } & Pick<Invocation, 'isGood' | 'isDisturbed' | 'messages' | 'written'>;

export class Invoker {
  readonly counts = { invocations: 0, deaths: 0 };
  readonly #stack: Stack;
  readonly #store: WatchedStore;
  readonly #topics: Topics;
  readonly #commands: CommandSender;
  readonly #deaths: number;

  /** `deaths`: how many of the invocations may die. */
  constructor(parts: {
    stack: Stack;
    store: WatchedStore;
    topics: Topics;
    commands: CommandSender;
    deaths: number;
  }) {
    this.#stack = parts.stack;
    this.#store = parts.store;
    this.#topics = parts.topics;
    this.#commands = parts.commands;
    this.#deaths = parts.deaths;
  }

  /** Runs a function, which may die at one of its first so many calls. Throws what went wrong without a reason. */
  async invoke<T extends { errors: readonly unknown[] }>(
    dice: Dice,
    calls: number,
    work: (stack: Stack, commands: CommandSender) => Promise<T>,
  ): Promise<Outcome<T>> {
    this.counts.invocations++;
    this.#topics.hasFailed = false;
    this.#store.written = new Set();
    const life = dice.chance(this.#deaths) ? new Life(1 + dice.below(calls), dice.chance(0.5)) : null;
    let result: T | null = null;
    let error: unknown = null;
    try {
      result = await (life === null
        ? work(this.#stack, this.#commands)
        : work(this.#mortal(life, dice.chance(0.1)), mortalCommands(life, this.#commands)));
    } catch (thrown) {
      error = thrown;
    }
    const isDead = life?.isDead ?? false;
    if (isDead) this.counts.deaths++;
    const errors = result?.errors ?? [error];
    const isUnheard = !this.#topics.isHeard && errors.length > 0;
    const isDisturbed = isDead || this.#topics.hasFailed || isUnheard;
    if (!isDisturbed && errors.length > 0) throw errors[0];
    const { written } = this.#store;
    return { result, isGood: errors.length === 0 && !isDead, isDisturbed, messages: this.#topics.take(), written };
  }

  /** A new process reads everything anew; one that was there before knows the fleet files. */
  #mortal(life: Life, isNew: boolean): Stack {
    const make = (ports: Pick<Stack, 'store' | 'notifier' | 'events'>): Stack => ({
      ...this.#stack,
      ...ports,
      evidence: new PlainEvidence(ports.store),
      ...(isNew ? { fleets: new FleetArchive(ports.store) } : {}),
    });
    return mortal(life, make, this.#stack);
  }
}
