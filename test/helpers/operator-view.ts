/** What the operator sees of a store, command by command, and which objects were fetched for it. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BytePath, pathFromText } from '../../contract/byte-path.ts';
import { catFile, planRestore, type RestoreReport, restore } from '../../host-agent/restore.ts';
import { Verified } from '../../host-agent/verify.ts';
import { listRuns } from '../../operator/runs.ts';
import { type VerifiedRun, verifyAll } from '../../operator/verify.ts';
import type { PrivateKey } from '../../pgp/keys.ts';
import { ManifestReader, type SignedManifest } from '../../repository/manifests.ts';
import { RunReader } from '../../repository/run-reader.ts';
import { type Believing, type RunQuery, selectRun } from '../../repository/select-run.ts';
import { readTrust } from '../../repository/trust.ts';
import type { ObjectStore } from '../../store/port.ts';
import { type FaultyStore, faultyStore } from './faulty-store.ts';

export interface Restored {
  readonly run: string;
  readonly report: RestoreReport;
  /** Content by the file's path below `source/`. */
  readonly files: Record<string, string>;
}

export class OperatorView {
  readonly store: FaultyStore;
  readonly #key: PrivateKey;
  /** What `latest` said it passed over. */
  passedOver: string[] = [];

  constructor(store: ObjectStore, key: PrivateKey) {
    this.store = faultyStore(store);
    this.#key = key;
  }

  /** Objects that were fetched and are encrypted. */
  get opened(): string[] {
    return this.store.calls
      .filter(({ operation, key }) => operation === 'get' && /^(data|meta)\//.test(key))
      .map(({ key }) => key);
  }

  async believing(alsoTrusted: string[] = []): Promise<Believing> {
    const anchor = [this.#key.publicKey];
    const trust = await readTrust(this.store, anchor);
    this.passedOver = [];
    return { store: this.store, anchor, trust, alsoTrusted, onPassedOver: (text) => this.passedOver.push(text) };
  }

  async select(query: RunQuery, trusting: string[] = []): Promise<SignedManifest> {
    return selectRun(await this.believing(trusting), query);
  }

  async reader(query: RunQuery, trusting: string[] = []): Promise<RunReader> {
    const believing = await this.believing(trusting);
    const signed = await selectRun(believing, query);
    const manifests = new ManifestReader(this.store, believing.trust?.trust ?? null);
    return new RunReader({ store: this.store, manifests, key: this.#key }, signed);
  }

  async restore(query: RunQuery, trusting: string[] = []): Promise<Restored> {
    const reader = await this.reader(query, trusting);
    const target = mkdtempSync(join(tmpdir(), 'operator-view-'));
    try {
      const plan = await planRestore(reader);
      const report = await restore({ reader, plan, target, workers: 0, setOwner: false });
      const files: Record<string, string> = {};
      for await (const { path, type } of reader.entries('' as BytePath, () => {})) {
        const name = /\/source\/(.*)$/.exec(path)?.[1];
        if (type === 'file' && name !== undefined) files[name] = readIfThere(join(target, path)) ?? '';
      }
      return { run: reader.signed.manifest.run, report, files };
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  }

  async ls(query: RunQuery): Promise<string[]> {
    const names: string[] = [];
    for await (const { path } of (await this.reader(query)).entries()) names.push(path);
    return names;
  }

  async cat(query: RunQuery, path: string): Promise<string> {
    const pieces: Uint8Array[] = [];
    await catFile(await this.reader(query), pathFromText(path), async (bytes) => {
      pieces.push(Buffer.from(bytes));
    });
    return Buffer.concat(pieces).toString();
  }

  /** Run and outcome, as `offsite runs` notes it. */
  async runs(of: { host?: string; set?: string } = {}): Promise<Record<string, string>> {
    const listed = await listRuns(await this.believing(), of);
    return Object.fromEntries(listed.map(({ run, note }) => [run, note]));
  }

  async verifyAll(
    of: { host?: string; set?: string } = {},
    depth: 'objects' | 'listing' | 'content' = 'objects',
  ): Promise<VerifiedRun[]> {
    const key = depth === 'objects' ? null : this.#key;
    return verifyAll(await this.believing(), of, { key, readData: depth === 'content' }, () => new Verified());
  }
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
