/**
 * One invocation of a function, which may die: at each call that it makes of anything outside itself, before the call or
 * after it. From then on nothing that it asks for happens any more.
 */

import type { CommandSender } from '../../functions/ports/commands.ts';
import type { Notifier } from '../../functions/ports/notifier.ts';
import type { Stack } from '../../functions/stack.ts';
import type { ObjectStore } from '../../store/port.ts';

/** Not an OffsiteError: nobody may mistake it for an answer. */
class Died extends Error {}

export class Life {
  calls = 0;
  isDead = false;
  readonly #diesAt: number;
  readonly #isDone: boolean;

  /** It dies at its `diesAt`th call, from 1; where `isDone`, after that is done. */
  constructor(diesAt: number, isDone: boolean) {
    this.#diesAt = diesAt;
    this.#isDone = isDone;
  }

  async call<T>(work: () => Promise<T>): Promise<T> {
    this.#assertAlive();
    const isLast = ++this.calls === this.#diesAt;
    if (isLast && !this.#isDone) this.#die();
    const result = await work();
    if (isLast) this.#die();
    this.#assertAlive();
    return result;
  }

  async *list<T>(work: () => AsyncIterable<T>): AsyncIterable<T> {
    await this.call(async () => {});
    for await (const item of work()) {
      this.#assertAlive();
      yield item;
    }
  }

  #assertAlive(): void {
    if (this.isDead) throw new Died('dead');
  }

  #die(): never {
    this.isDead = true;
    throw new Died('dies here');
  }
}

/** The stack as this invocation sees it. Whatever has state of its own is made anew, as in a new process. */
export function mortal(life: Life, make: (ports: Pick<Stack, 'store' | 'notifier' | 'events'>) => Stack, stack: Stack) {
  const { store, notifier, events } = stack;
  return make({
    store: mortalStore(life, store),
    notifier: mortalNotifier(life, notifier),
    events: { emit: (event) => life.call(() => events.emit(event)) },
  });
}

export function mortalCommands(life: Life, inner: CommandSender): CommandSender {
  return {
    knownNodes: (nodes) => life.call(() => inner.knownNodes(nodes)),
    send: (command) => life.call(() => inner.send(command)),
  };
}

function mortalNotifier(life: Life, inner: Notifier): Notifier {
  return {
    displayName: inner.displayName,
    publish: (publication) => life.call(() => inner.publish(publication)),
    hasListener: (topic) => life.call(() => inner.hasListener(topic)),
  };
}

function mortalStore(life: Life, inner: ObjectStore): ObjectStore {
  return {
    url: inner.url,
    put: (key, body, options) => life.call(() => inner.put(key, body, options)),
    get: (key, options) => life.call(() => inner.get(key, options)),
    head: (key) => life.call(() => inner.head(key)),
    list: (prefix, options) => life.list(() => inner.list(prefix, options)),
    listFolders: (prefix) => life.list(() => inner.listFolders(prefix)),
  };
}
