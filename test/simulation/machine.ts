/** A machine of the simulated fleet: it keeps its ledgers, writes notes and manifests, and knows nothing of the stack. */

import { createHash } from 'node:crypto';
import { CIPHER, type Manifest, type Source } from '../../contract/manifest.ts';
import type { ObjectStore } from '../../store/port.ts';

export const RECIPIENT = '0123456789ABCDEF0123456789ABCDEF01234567';
const MAX_SOURCES = 12;
const FOREIGN = 'F'.repeat(40);
const CONFIG = createHash('sha256').update('config').digest('hex');

/** What a run says of itself. */
export type Said = 'complete' | 'partial' | 'failed' | 'suspect';

/** A run that a machine is told to make, or makes of itself. */
export interface Task {
  readonly set: string;
  readonly run: string;
  /** As the fleet file called the host when the run began. */
  readonly name: string;
  readonly policy: string | null;
  readonly due: string | null;
  readonly type: 'full' | 'incremental';
  readonly base: { readonly run: string; readonly payload: string } | null;
}

interface Ledger {
  sequence: number;
  previous: string | null;
  /** Of the runs that later ones may build on. */
  readonly sources: Map<string, { chain: string; sources: Source[]; payload: string }>;
}

export const instant = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

export class Machine {
  readonly node: string;
  readonly prefix: string;
  readonly #store: ObjectStore;
  readonly #ledgers = new Map<string, Ledger>();
  readonly #begun = new Set<string>();

  constructor(store: ObjectStore, node: string) {
    this.#store = store;
    this.node = node;
    this.prefix = `AROASIM:${node}`;
  }

  async register(): Promise<void> {
    await this.#store.put(`hosts/${this.prefix}/${'A'.repeat(40)}.asc`, Buffer.from('key'), { condition: 'absent' });
  }

  /** False for a run that it has begun already: a job delivered twice. */
  begins(set: string, run: string): boolean {
    const name = `${set}/${run}`;
    if (this.#begun.has(name)) return false;
    this.#begun.add(name);
    return true;
  }

  async note(kind: 'started' | 'alive' | 'skipped', { set, run }: Task, at: number, by = ''): Promise<void> {
    const more = {
      started: { deadline: null },
      alive: { bytes: 1, eta: null },
      skipped: { by, since: instant(at - 3_600_000) },
    }[kind];
    const note = { type: `offsite/${kind}/1`, format: 1, run, at: instant(at), ...more };
    const file = kind === 'alive' ? `alive-${Math.floor(at / 1000) % 1_000_000}` : kind;
    await this.#put(`runs/${this.prefix}/${set}/${run}/${file}.json`, note);
  }

  /** Puts the manifest; its key. */
  async publish(task: Task, says: Said, at: number): Promise<string> {
    const { set, run, name, policy, due } = task;
    const ledger = this.#ledger(set);
    const base = task.type === 'full' || task.base === null ? undefined : ledger.sources.get(task.base.run);
    const chain = base?.chain ?? run;
    const sources: Source[] = base === undefined ? [] : withHash(base);
    sources.push([chain, run, null]);
    ledger.sequence++;
    const manifest: Manifest = {
      ...{ type: 'offsite/manifest/1', format: 1, name, prefix: this.prefix, set, run, chain },
      ...{ sequence: ledger.sequence, previous: ledger.previous, base: base === undefined ? null : task.base },
      sources: says === 'failed' ? [] : sources,
      requested: task.type,
      actual: base === undefined ? 'full' : 'incremental',
      ...{ promoted: null, policy, due, started: instant(at - 600_000), finished: instant(at), agent: 'simulated' },
      ...{ cipher: CIPHER, recipients: [says === 'suspect' ? FOREIGN : RECIPIENT], keyObjects: [], objects: [] },
      index: null,
      counts: { files: 100, directories: 10, bytes: 1e6, changedFiles: 100, newBytes: 1e6, storedBytes: 1e6 },
      outcome: says === 'suspect' ? 'complete' : says,
      ...{ gates: [], scripts: [], warnings: [] },
      error: says === 'failed' ? { code: 'source-missing' } : null,
      ...{ configHash: CONFIG, stateLost: false, ledgerUnknown: false },
    };
    const key = `runs/${this.prefix}/${set}/${run}/manifest.json`;
    const payload = await this.#put(key, manifest);
    ledger.previous = payload;
    if (says !== 'failed') ledger.sources.set(run, { chain, sources, payload });
    // Nobody builds on a run that old.
    const [oldest] = ledger.sources.keys();
    if (ledger.sources.size > MAX_SOURCES && oldest !== undefined) ledger.sources.delete(oldest);
    return key;
  }

  #ledger(set: string): Ledger {
    let ledger = this.#ledgers.get(set);
    if (ledger === undefined) {
      ledger = { sequence: 0, previous: null, sources: new Map() };
      this.#ledgers.set(set, ledger);
    }
    return ledger;
  }

  async #put(key: string, document: object): Promise<string> {
    const { etag } = await this.#store.put(key, Buffer.from(JSON.stringify(document)), { condition: 'absent' });
    return etag;
  }
}

function withHash({ sources, payload }: { sources: Source[]; payload: string }): Source[] {
  return sources.map(([chain, run, hash]) => [chain, run, hash ?? payload]);
}
