/**
 * The ledger of one prefix and set, looked up in the store: which manifest comes before this one, which others claim the
 * same place. In the common case, where a manifest names the head that the stack knows, nothing is looked up.
 */

import type { RunId } from '../../contract/ids.ts';
import { parseObjectKey, runsOfSet } from '../../contract/keys.ts';
import type { Latest } from '../../contract/verdict.ts';
import type { RunPlace, SignedManifest } from '../../repository/manifests.ts';
import type { ObjectStore } from '../../store/port.ts';
import type { EvidenceSource } from '../ports/evidence.ts';
import type { LedgerFacts } from '../rules/judge-ledger.ts';

/** Manifests read at most, newest run ids first; what is not among them counts as not known. */
const MAX_READ = 400;
/** Ids tell the order of publication only roughly, so the search goes on a little beyond a find. */
const READ_ON = 20;

/** One search through the ledger that a manifest belongs to; what it has read it keeps. */
export class LedgerSearch {
  readonly #store: ObjectStore;
  readonly #evidence: EvidenceSource;
  readonly #place: RunPlace;
  readonly #read: SignedManifest[] = [];
  #unread: AsyncIterator<SignedManifest> | undefined;

  constructor(ports: { store: ObjectStore; evidence: EvidenceSource }, place: RunPlace) {
    this.#store = ports.store;
    this.#evidence = ports.evidence;
    this.#place = place;
  }

  /** What the judge must know of the ledger before and beside this manifest. */
  async facts(signed: SignedManifest, latest: Latest | null): Promise<LedgerFacts> {
    const { previous, run } = signed.manifest;
    const head = latest === null || latest.head === null ? null : { ...latest.head, prefix: latest.prefix };
    if (previous === null && head !== null) return { head, predecessor: null, rivals: [] };
    if (previous !== null && previous === head?.payload) return { head, predecessor: head, rivals: [] };
    const before = await this.find(previous);
    if (before !== null) for (let i = 0; i < READ_ON; i++) await this.#next();
    const others = this.#read.map(({ manifest }) => manifest).filter((one) => one.run !== run);
    const rivals = others.filter((one) => one.previous === previous).map((one) => one.run);
    return { head, predecessor: before?.manifest ?? null, rivals };
  }

  /** The manifest with this payload hash; null where it is not among the newest ones, and for a hash of nothing. */
  async find(payloadHash: string | null): Promise<SignedManifest | null> {
    const known = this.#read.find((one) => one.payloadHash === payloadHash);
    if (known !== undefined) return known;
    for (let next = await this.#next(); next !== null; next = await this.#next()) {
      if (next.payloadHash === payloadHash) return next;
    }
    return null;
  }

  async #next(): Promise<SignedManifest | null> {
    this.#unread ??= this.#newestFirst();
    const step = await this.#unread.next();
    if (step.done) return null;
    this.#read.push(step.value);
    return step.value;
  }

  async *#newestFirst(): AsyncGenerator<SignedManifest, void, void> {
    const { prefix, set } = this.#place;
    const runs: RunId[] = [];
    for await (const { key } of this.#store.list(runsOfSet(prefix, set))) {
      const place = parseObjectKey(key);
      if (place?.kind === 'manifest') runs.push(place.run);
    }
    for (const run of runs.reverse().slice(0, MAX_READ)) {
      const found = await this.#evidence.manifest({ prefix, set, run });
      if (found.state === 'valid') yield found.signed;
    }
  }
}
