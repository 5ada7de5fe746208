/**
 * A host in this process: a source tree, state and identity on disk, a store in memory, and agents that run on them one
 * after the other, each of which may be made to die. Jobs come from what the store shows, as the stack would send them.
 */

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HostConfig, parseHostConfig } from '../../contract/host-config.ts';
import { instantText } from '../../contract/ids.ts';
import type { Job, SetJob } from '../../contract/job.ts';
import type { Outcome } from '../../contract/manifest.ts';
import { backupSets } from '../../host-agent/backup-sets.ts';
import { openIdentity } from '../../host-agent/identity.ts';
import type { RunResult } from '../../host-agent/run/outcome.ts';
import { generateOperatorKey, type PrivateKey, readPrivateKey } from '../../pgp/keys.ts';
import { directoryError } from '../../store/directory-errors.ts';
import { MemoryStore } from '../../store/memory.ts';
import type { ObjectStore } from '../../store/port.ts';
import { retried } from '../../store/retry.ts';
import { assertSameTree, assertSound, manifestsOf, type Place, restored, type Tree, treeOf } from './agent-check.ts';
import { type Call, type Life, type Saboteur, simulate } from './agent-faults.ts';
import { FakeClock } from './fake-clock.ts';

export const HOST = 'carcosa';
export const SET = 'data';

/** Made once for all tests of a file: keys are slow to make. */
const shared = await makeShared();

async function makeShared(): Promise<{ operator: PrivateKey; identity: string }> {
  const now = new Date('2026-01-01T00:00:00Z');
  const made = await generateOperatorKey({ name: 'Jo', email: 'jo@example.org', now });
  const identity = mkdtempSync(join(tmpdir(), 'agent-identity-'));
  process.once('exit', () => rmSync(identity, { recursive: true, force: true }));
  await openIdentity(identity, { prefix: HOST, host: HOST }, now, () => undefined);
  return { operator: await readPrivateKey(Buffer.from(made.privateArmored), 'operator'), identity };
}

export const operatorKey = (): PrivateKey => shared.operator;

export interface AgentOptions {
  /** Default `incremental`; where the stack knows no base yet, the agent makes a full. */
  readonly type?: 'full' | 'incremental' | 'auto';
  /** Delivered with a job (the default) it may only create objects. */
  readonly standalone?: boolean;
  /** The due time; default: another minute each time. The same one again is a second delivery. */
  readonly due?: string;
  /** Instead of what the store shows. */
  readonly job?: Partial<SetJob>;
  readonly deadline?: string;
  readonly sets?: readonly string[];
  readonly saboteur?: Saboteur;
  /** Whether a failing put is tried again, as the product's store does. */
  readonly retries?: boolean;
  readonly recipients?: readonly PrivateKey['publicKey'][];
  readonly signal?: AbortSignal;
  /** The clock is left as it is; else it is the due time at least. */
  readonly keepsClock?: boolean;
  /** For whom the job is; default this host. */
  readonly node?: string;
}

export interface AgentEnd {
  readonly died: boolean;
  /** Of the sets, in order; empty if it died. */
  readonly results: readonly RunResult[];
  /** Every call that reached the store. */
  readonly calls: readonly Call[];
  readonly notices: readonly string[];
  readonly warnings: readonly string[];
}

export class AgentHost implements Disposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'agent-host-'));
  readonly source: string = join(this.root, 'source');
  readonly state: string = join(this.root, 'state');
  readonly identity: string = join(this.root, 'identity');
  readonly clock = new FakeClock('2026-05-01T00:00:00Z');
  readonly operator: PrivateKey = shared.operator;
  /** Where agents write; may be exchanged for another one. */
  store: MemoryStore;
  config: HostConfig;
  /** What accepted runs held, by run. */
  readonly trees = new Map<string, Tree>();
  #minutes = 0;

  constructor(set: object = {}, more: object = {}) {
    mkdirSync(this.source);
    cpSync(shared.identity, this.identity, { recursive: true });
    this.store = new MemoryStore({ clock: this.clock });
    this.config = this.configWith({ [SET]: { paths: [this.source], ...set } }, more);
  }

  configWith(sets: object, more: object = {}): HostConfig {
    const { identity, state } = this;
    return parseHostConfig(
      { host: HOST, store: 'file:///in-memory', recipients: ['unused'], identity, state, sets, ...more },
      'config',
    );
  }

  /** The folder of the set's state. */
  stateOf(set: string = SET): string {
    return join(this.state, 'sets', set);
  }

  place(set: string = SET): Place {
    return { store: this.store, prefix: HOST, set };
  }

  /** Writes files, by path relative to the source. */
  write(files: Record<string, string | Uint8Array>): void {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(this.source, name, '..'), { recursive: true });
      writeFileSync(join(this.source, name), content);
    }
  }

  /** Waits until what was written so far is old enough to be believed unchanged by its times. */
  settle(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 2100));
  }

  /** What the stack would know: the newest manifest and the newest accepted one. */
  async known(set: string = SET): Promise<SetJob> {
    const signed = await manifestsOf(this.place(set));
    const isBase = (outcome: Outcome) => outcome === 'complete' || outcome === 'partial';
    const head = signed.at(-1);
    const base = signed.findLast(({ manifest }) => isBase(manifest.outcome));
    return {
      head: head ? { run: head.manifest.run, sequence: head.manifest.sequence, payload: head.payloadHash } : null,
      base: base ? { run: base.manifest.run, payload: base.payloadHash } : null,
    };
  }

  nextDue(): string {
    return instantText(new Date(Date.parse('2026-05-01T00:00:00Z') + ++this.#minutes * 60_000));
  }

  /** Runs an agent to its end or its death; a dead one's lock is left stale, as a killed process leaves it. */
  async run(options: AgentOptions = {}): Promise<AgentEnd> {
    const { standalone = false, sets = [SET], due = this.nextDue() } = options;
    const job = standalone ? null : await this.job(options, sets, due);
    if (!options.keepsClock && Date.parse(due) > this.clock.now().getTime()) this.clock.set(due);
    const [calls, notices, warnings]: [Call[], string[], string[]] = [[], [], []];
    let left: string[] = [];
    const fate = await simulate(options.saboteur ?? {}, async (life) => {
      const observed = mortal(this.store, life, calls);
      const store = options.retries ? retried(observed, { clock: this.clock }) : observed;
      const results = await backupSets(
        { type: options.type ?? 'auto', sets, job, node: HOST, dryRun: false, extraVerify: false },
        {
          config: this.config,
          recipients: options.recipients ?? [this.operator.publicKey],
          openStore: async () => store,
          clock: this.clock,
          notice: (text) => notices.push(text),
          onSet: () => undefined,
          onWarning: ({ code, path }) => warnings.push(`${code} ${path}`),
          onProgress: () => undefined,
          ...(options.signal === undefined ? {} : { signal: options.signal }),
        },
      );
      left = life.open;
      return results;
    });
    if (fate.died) this.abandonLocks();
    const results = fate.died ? [] : fate.result;
    assert.deepEqual(left, [], 'nothing is left open');
    if (!standalone)
      assert.ok(
        calls.every(({ name }) => name === 'put'),
        'with a job nothing is done but puts',
      );
    return { died: fate.died, results, calls, notices, warnings };
  }

  async job(options: AgentOptions, sets: readonly string[], due: string): Promise<Job> {
    const asked: Record<string, SetJob> = {};
    for (const set of sets) {
      const { head, base } = options.job ?? {};
      const known = head === undefined || base === undefined ? await this.known(set) : { head, base };
      asked[set] = { ...known, ...options.job };
    }
    const type = options.type === 'full' ? 'full' : 'incremental';
    const deadline = options.deadline ?? '2026-12-31T00:00:00Z';
    return { v: 1, policy: 'nightly', due, type, deadline, splay: 0, hosts: { [options.node ?? HOST]: asked } };
  }

  /** A run that must go well; remembers what it holds. */
  async good(options: AgentOptions = {}): Promise<AgentEnd & { readonly run: string; readonly result: RunResult }> {
    const tree = treeOf(this.source);
    const end = await this.run(options);
    const [result] = end.results;
    assert.equal(result?.error?.message, undefined);
    assert.equal(result?.outcome, 'complete', JSON.stringify(result?.manifest?.warnings));
    this.trees.set(result?.run ?? '', tree);
    return { ...end, run: result?.run ?? '', result: result as RunResult };
  }

  /** Every run that is remembered restores to what it held, byte for byte. */
  async assertRestorable(runs: Iterable<string> = this.trees.keys()): Promise<void> {
    for (const run of runs) {
      await restored(this.place(), run, this.operator, (folder, report) => {
        assert.deepEqual(report.errors, [], run);
        assertSameTree(treeOf(join(folder, this.source)), this.trees.get(run) ?? {}, run);
      });
    }
  }

  /** Ledger, objects and the newest run: no put can harm an older one, so all of them together are looked at once. */
  async assertNewest(tree: Tree, allow: { numbersTwice?: boolean } = {}): Promise<void> {
    const signed = await assertSound(this.place(), allow);
    const { run = '', outcome } = signed.at(-1)?.manifest ?? {};
    assert.equal(outcome, 'complete');
    this.trees.set(run, tree);
    await this.assertRestorable([run]);
  }

  /** Ledger, objects and every remembered run. */
  async assertSound(allow: { numbersTwice?: boolean } = {}): Promise<void> {
    await assertSound(this.place(), allow);
    await this.assertRestorable();
  }

  /** Remembers state, identity and store as they are now; the function that is returned brings them back. */
  async checkpoint(): Promise<() => Promise<void>> {
    const saved = mkdtempSync(join(this.root, 'saved-'));
    for (const name of ['state', 'identity']) {
      if (existsSync(join(this.root, name))) cpSync(join(this.root, name), join(saved, name), { recursive: true });
    }
    const objects = await copyOf(this.store, this.clock);
    const trees = [...this.trees];
    return async () => {
      for (const name of ['state', 'identity']) {
        rmSync(join(this.root, name), { recursive: true, force: true });
        if (existsSync(join(saved, name))) cpSync(join(saved, name), join(this.root, name), { recursive: true });
      }
      this.store = await copyOf(objects, this.clock);
      this.trees.clear();
      for (const [run, tree] of trees) this.trees.set(run, tree);
    };
  }

  /** The locks that this process holds look as if another process had held them and died. */
  abandonLocks(): void {
    const folder = join(this.identity, 'locks');
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      writeFileSync(file, readFileSync(file, 'utf8').replace(/"started":"[^"]*"/, '"started":"1"'));
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export async function copyOf(store: ObjectStore, clock: FakeClock): Promise<MemoryStore> {
  const copy = new MemoryStore({ clock });
  for await (const { key } of store.list('')) copy.overwrite(key, (await store.get(key)).body);
  return copy;
}

/** A store whose calls belong to an agent's life. What the saboteur throws arrives as a store's own error. */
function mortal(store: ObjectStore, life: Life, calls: Call[]): ObjectStore {
  const through = async <T>(name: string, path: string, work: () => Promise<T>): Promise<T> => {
    const call: Call = { name, path, to: undefined, changes: name === 'put' };
    calls.push(call);
    try {
      return await life.later(call, work, async () => undefined);
    } catch (error) {
      throw directoryError(error, path);
    }
  };
  async function* list<T>(name: string, path: string, work: () => AsyncIterable<T>): AsyncIterable<T> {
    await through(name, path, async () => undefined);
    yield* work();
  }
  return {
    url: store.url,
    put: (key, body, options) => through('put', key, () => store.put(key, body, options)),
    get: (key, options) => through('get', key, () => store.get(key, options)),
    head: (key) => through('head', key, () => store.head(key)),
    list: (prefix, options) => list('list', prefix, () => store.list(prefix, options)),
    listFolders: (prefix) => list('listFolders', prefix, () => store.listFolders(prefix)),
  };
}
