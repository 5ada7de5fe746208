import { MemoryStore } from '../../store/memory.ts';
import type { GetOptions, ListedObject, PutOptions } from '../../store/port.ts';

export interface FarCall {
  readonly name: 'put' | 'get' | 'head' | 'list' | 'listFolders';
  /** Key, or prefix of a list. */
  readonly key: string;
  /** Places in the order of all beginnings and ends. */
  readonly began: number;
  ended: number;
}

/** A store in memory, each of whose calls takes so many milliseconds longer, and which notes what overlapped what. */
export class FarStore extends MemoryStore {
  readonly calls: FarCall[] = [];
  readonly #latency: number;
  #events = 0;
  /** Asked before each call; it goes on when the promise is settled. */
  hold: (call: FarCall) => Promise<void> | undefined = () => undefined;

  constructor(latency: number, options: ConstructorParameters<typeof MemoryStore>[0] = {}) {
    super(options);
    this.#latency = latency;
  }

  override put(key: string, body: Uint8Array, options: PutOptions) {
    return this.#far('put', key, () => super.put(key, body, options));
  }

  override get(key: string, options?: GetOptions) {
    return this.#far('get', key, () => super.get(key, options));
  }

  override head(key: string) {
    return this.#far('head', key, () => super.head(key));
  }

  override async *list(prefix: string, options?: { after?: string }): AsyncIterable<ListedObject> {
    await this.#far('list', prefix, async () => undefined);
    yield* super.list(prefix, options);
  }

  override async *listFolders(prefix: string): AsyncIterable<string> {
    await this.#far('listFolders', prefix, async () => undefined);
    yield* super.listFolders(prefix);
  }

  async #far<T>(name: FarCall['name'], key: string, work: () => Promise<T>): Promise<T> {
    const call: FarCall = { name, key, began: ++this.#events, ended: Number.POSITIVE_INFINITY };
    this.calls.push(call);
    try {
      await this.hold(call);
      await new Promise((resolve) => setTimeout(resolve, this.#latency));
      return await work();
    } finally {
      call.ended = ++this.#events;
    }
  }
}

/** How many of these calls were under way at once. */
export function mostAtOnce(calls: readonly FarCall[]): number {
  return Math.max(
    0,
    ...calls.map(({ began }) => calls.filter((one) => one.began <= began && one.ended > began).length),
  );
}

/** The longest chain of calls each of which was begun after the one before had ended: what latency is paid for. */
export function chainOf(calls: readonly FarCall[]): FarCall[] {
  const chains = new Map<FarCall, FarCall[]>();
  let longest: FarCall[] = [];
  for (const call of calls.toSorted((one, other) => one.began - other.began)) {
    let before: FarCall[] = [];
    for (const [one, chain] of chains) if (one.ended < call.began && chain.length > before.length) before = chain;
    const chain = [...before, call];
    chains.set(call, chain);
    if (chain.length > longest.length) longest = chain;
  }
  return longest;
}
