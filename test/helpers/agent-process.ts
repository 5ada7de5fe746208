/**
 * A host whose agents are real processes: `bin/offsite backup --job …` on a directory store, and things done to them by a
 * preload (agent-preload.ts). Jobs come from what the store shows, as the stack would send them.
 */

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import { encodeJob, type SetJob } from '../../contract/job.ts';
import { openIdentity } from '../../host-agent/identity.ts';
import { generateOperatorKey, type PrivateKey, readPrivateKey } from '../../pgp/keys.ts';
import { writeTrust } from '../../repository/trust.ts';
import type { ObjectStore } from '../../store/port.ts';
import { openStore } from '../../store/wire.ts';
import { assertSameTree, assertSound, manifestsOf, type Place, restored, type Tree, treeOf } from './agent-check.ts';
import type { Faults } from './agent-preload.ts';
import { offsite, type Said } from './offsite.ts';

export const HOST = 'carcosa';
export const SET = 'data';

const NOW = new Date('2026-01-01T00:00:00Z');
const PRELOAD = new URL('./agent-preload.ts', import.meta.url).href;
/** Compiled code of the agent, so that each further start takes half the time. */
const COMPILED = join(tmpdir(), 'offsite-test-compile-cache');

const shared = await makeShared();

/** Keys and identity, made once. */
async function makeShared(): Promise<{ operator: PrivateKey; fingerprint: string; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'agent-shared-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const made = await generateOperatorKey({ name: 'Jo', email: 'jo@example.org', now: NOW });
  writeFileSync(join(folder, 'public.asc'), made.publicArmored);
  writeFileSync(join(folder, 'private.asc'), made.privateArmored);
  const caller = { prefix: HOST, host: HOST };
  const { signingKey } = await openIdentity(join(folder, 'identity'), caller, NOW, () => undefined);
  const operator = await readPrivateKey(Buffer.from(made.privateArmored), 'operator');
  return { operator, fingerprint: signingKey.fingerprint, folder };
}

export interface ProcessOptions {
  readonly faults?: Partial<Faults>;
  /** Words behind `backup`, instead of a job. */
  readonly words?: readonly string[];
  readonly due?: string;
  readonly type?: 'full' | 'incremental';
  readonly job?: SetJob;
  readonly deadline?: string;
  /** As AWS runs it: without `--json`. */
  readonly plain?: boolean;
}

/** `backup --json` of one set. */
export interface SaidRun {
  readonly run: string;
  readonly outcome: string;
  readonly type?: string;
  readonly sequence?: number;
  readonly base?: string | null;
  readonly promoted?: { readonly reason: string } | null;
  readonly newBytes?: number;
  readonly storedBytes?: number;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export class ProcessHost implements Disposable {
  readonly root: string;
  readonly keyFile: string = join(shared.folder, 'private.asc');
  readonly operator: PrivateKey = shared.operator;
  readonly store: ObjectStore;
  readonly trees = new Map<string, Tree>();
  #minutes = 0;

  private constructor(root: string, store: ObjectStore) {
    this.root = root;
    this.store = store;
  }

  static async make(set: object = {}): Promise<ProcessHost> {
    const root = mkdtempSync(join(tmpdir(), 'agent-process-'));
    const store = await openStore(pathToFileURL(join(root, 'store')).href, { create: true });
    const host = new ProcessHost(root, store);
    mkdirSync(host.source);
    cpSync(join(shared.folder, 'identity'), join(root, 'identity'), { recursive: true });
    host.configure({ paths: [host.source], ...set });
    const key = { fingerprint: shared.fingerprint, from: 1, until: null };
    await writeTrust(store, { [HOST]: { name: HOST, keys: [key] } }, null, { key: host.operator, now: NOW });
    return host;
  }

  get source(): string {
    return join(this.root, 'source');
  }

  /** The store's. */
  get folder(): string {
    return join(this.root, 'store');
  }

  get state(): string {
    return join(this.root, 'state');
  }

  get configFile(): string {
    return join(this.root, 'config.yml');
  }

  configure(set: object, more: object = {}): void {
    const { state } = this;
    const identity = join(this.root, 'identity');
    const store = pathToFileURL(this.folder).href;
    const recipients = [join(shared.folder, 'public.asc')];
    writeFileSync(
      this.configFile,
      stringify({ host: HOST, store, recipients, identity, state, sets: { [SET]: set }, ...more }),
    );
  }

  get place(): Place {
    return { store: this.store, prefix: HOST, set: SET };
  }

  write(files: Record<string, string | Uint8Array>): void {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(this.source, name, '..'), { recursive: true });
      writeFileSync(join(this.source, name), content);
    }
  }

  nextDue(): string {
    return new Date(Date.parse('2026-05-01T00:00:00Z') + ++this.#minutes * 60_000).toISOString().replace('.000', '');
  }

  async known(): Promise<SetJob> {
    const signed = await manifestsOf(this.place);
    const head = signed.at(-1);
    const base = signed.findLast(({ manifest }) => ['complete', 'partial'].includes(manifest.outcome));
    return {
      head: head ? { run: head.manifest.run, sequence: head.manifest.sequence, payload: head.payloadHash } : null,
      base: base ? { run: base.manifest.run, payload: base.payloadHash } : null,
    };
  }

  /** Runs `offsite` with this host's config and the operator's key at hand. */
  async offsite(words: readonly string[], faults?: Partial<Faults>): Promise<Said> {
    return await offsite(words, {
      env: {
        OFFSITE_CONFIG: this.configFile,
        OFFSITE_KEY: this.keyFile,
        NODE_COMPILE_CACHE: COMPILED,
        ...(faults === undefined
          ? {}
          : {
              NODE_OPTIONS: `--import=${PRELOAD}`,
              OFFSITE_TEST_FAULTS: JSON.stringify({ store: this.folder, ...faults }),
            }),
      },
    });
  }

  /** Runs an agent to its end or its death: then the code is null. */
  async backup(options: ProcessOptions = {}): Promise<Said> {
    const { faults, type = 'incremental', due = this.nextDue(), deadline = '2199-12-31T00:00:00Z' } = options;
    if (options.words !== undefined) return await this.offsite(['backup', '--json', ...options.words], faults);
    const asked = { [SET]: options.job ?? (await this.known()) };
    const job = { v: 1 as const, policy: 'nightly', due, type, deadline, splay: 0, hosts: { [HOST]: asked } };
    const words = ['backup', ...(options.plain ? [] : ['--json']), '--job', encodeJob(job)];
    return await this.offsite(words, faults);
  }

  /** A run that must go well; remembers what it holds. */
  async good(options: ProcessOptions = {}): Promise<SaidRun> {
    const tree = treeOf(this.source);
    const said = await this.backup(options);
    assert.equal(said.code, 0, `${said.out}\n${said.err}`);
    const run = saidRun(said);
    assert.equal(run.outcome, 'complete');
    this.trees.set(run.run, tree);
    return run;
  }

  /** Ledger, objects, and every remembered run byte for byte. */
  async assertSound(): Promise<void> {
    await assertSound(this.place);
    for (const [run, tree] of this.trees) {
      await restored(this.place, run, this.operator, (folder, report) => {
        assert.deepEqual(report.errors, [], run);
        assertSameTree(treeOf(join(folder, this.source)), tree, run);
      });
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** The one run of the one document that `backup --json` prints. */
export function saidRun({ out, err }: Said): SaidRun {
  const { runs } = JSON.parse(out || '{}') as { runs?: SaidRun[] };
  const [only] = runs ?? [];
  if (only === undefined) throw new Error(`no run: ${out}\n${err}`);
  return only;
}
