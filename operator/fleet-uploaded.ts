/** How much of a run lies in the store while it is under way: counted by listings of its own parts alone. */

import type { ChainId, RunId } from '../contract/ids.ts';
import { chainsOfSet, partsOfChain } from '../contract/keys.ts';
import type { ObjectStore } from '../store/port.ts';

/** A full that was interrupted goes on with its old chain, so the newest chain is not always the one. */
const CHAINS_LOOKED_AT = 3;

export interface Uploaded {
  readonly objects: number;
  readonly bytes: number;
}

/** For one run: it remembers in which chain the run was found, so that each look but the first is one listing. */
export class UploadedSoFar {
  readonly #store: ObjectStore;
  #place: string | null = null;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Objects of content that the run has put under any of these prefixes. */
  async look(prefixes: readonly string[], { set, run }: { set: string; run: RunId }): Promise<Uploaded> {
    if (this.#place !== null) return this.#sum(this.#place);
    for (const prefix of prefixes) {
      for (const chain of await this.#newestChains(prefix, set)) {
        const place = `${partsOfChain('data', { prefix, set, chain })}${run}/`;
        const found = await this.#sum(place);
        if (found.objects === 0) continue;
        this.#place = place;
        return found;
      }
    }
    return { objects: 0, bytes: 0 };
  }

  async #newestChains(prefix: string, set: string): Promise<ChainId[]> {
    const all = chainsOfSet('data', { prefix, set });
    const chains: ChainId[] = [];
    for await (const folder of this.#store.listFolders(all)) chains.push(folder.slice(all.length, -1));
    return chains.slice(-CHAINS_LOOKED_AT).reverse();
  }

  async #sum(place: string): Promise<Uploaded> {
    let [objects, bytes] = [0, 0];
    for await (const { size } of this.#store.list(place)) {
      objects++;
      bytes += size;
    }
    return { objects, bytes };
  }
}
