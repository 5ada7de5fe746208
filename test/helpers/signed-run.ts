/**
 * Runs as hosts publish them: signed manifests with parts that are really there. The parts hold no backup (nothing here
 * is encrypted), so this is for everything that looks at a run without opening it.
 */

import { canonicalJson } from '../../contract/canonical.ts';
import { encodeEnvelope } from '../../contract/envelope.ts';
import { compactInstant, instantText, runIdForSlot, runInstant, sha256Hex } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { CIPHER, type Manifest, manifestKind, type ObjectLine } from '../../contract/manifest.ts';
import type { Trust } from '../../contract/trust.ts';
import {
  type GeneratedKey,
  generateOperatorKey,
  generateSigningKey,
  type PrivateKey,
  type PublicKey,
  readPrivateKey,
} from '../../pgp/keys.ts';
import { signDetached } from '../../pgp/sign.ts';
import { writeAcceptance } from '../../repository/acceptance.ts';
import type { RunPlace } from '../../repository/manifests.ts';
import { readTrust, writeTrust } from '../../repository/trust.ts';
import type { ObjectStore } from '../../store/port.ts';
import type { Clock } from '../../system/clock.ts';

const KEYS_MADE = new Date('2020-01-01T00:00:00Z');

export interface TestOperator {
  readonly key: PrivateKey;
  readonly anchor: readonly PublicKey[];
  readonly fingerprint: string;
}

/** An operator with a fresh key. */
export async function makeOperator(): Promise<TestOperator> {
  const made = await generateOperatorKey({ name: 'Test Operator', email: 'operator@example.org', now: KEYS_MADE });
  const key = await privateKeyOf(made);
  return { key, anchor: [key.publicKey], fingerprint: made.fingerprint };
}

/** A fresh signing key, for a host or for somebody who pretends to be one. */
export async function makeSigningKey(host = 'host'): Promise<PrivateKey> {
  return privateKeyOf(await generateSigningKey({ host, now: KEYS_MADE }));
}

const privateKeyOf = (made: GeneratedKey) => readPrivateKey(Buffer.from(made.privateArmored), 'a test key');

export interface RunOptions {
  readonly set?: string;
  /** The slot that asks for the run; without one it is unasked. */
  readonly slot?: { readonly policy: string; readonly due: Date | string };
  /** Of an unasked run; else made of `started` and a number that counts up. */
  readonly run?: string;
  readonly type?: 'full' | 'incremental';
  /** Data parts, one listing part and the index aside. Default 2. */
  readonly parts?: number;
  /** Apparent bytes and files of the run. */
  readonly bytes?: number;
  readonly files?: number;
  readonly recipients?: readonly string[];
  readonly outcome?: Manifest['outcome'];
  /** Changes the manifest before it is signed: whatever a host can claim. */
  readonly change?: (manifest: Manifest) => Manifest;
  /** Signs instead of the host's own key. */
  readonly signer?: PrivateKey;
  /** Puts the manifest; default true. */
  readonly publish?: boolean;
  /** How long before the store receives the manifest the host began. Milliseconds; default 10 minutes. */
  readonly took?: number;
  /** Continues this ledger place instead of the host's last one. */
  readonly after?: Published | null;
}

export interface Published {
  readonly place: RunPlace;
  readonly run: string;
  readonly manifest: Manifest;
  readonly payloadHash: string;
  /** Of the manifest. */
  readonly key: string;
  /** The bytes to put there. */
  readonly bytes: Buffer;
}

/** A host with its own signing key and ledgers, writing into a store by the clock's time. */
export class TestHost {
  readonly name: string;
  readonly node: string;
  readonly prefix: string;
  readonly signingKey: PrivateKey;
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #last = new Map<string, Published>();
  readonly #base = new Map<string, Published>();
  #runs = 0;

  constructor(
    ports: { store: ObjectStore; clock: Clock },
    host: { name: string; node?: string; prefix?: string; signingKey: PrivateKey },
  ) {
    this.#store = ports.store;
    this.#clock = ports.clock;
    this.name = host.name;
    this.node = host.node ?? `mi-${host.name}`;
    this.prefix = host.prefix ?? `AROATEST:${this.node}`;
    this.signingKey = host.signingKey;
  }

  /** Puts the public half of a key, the host's own by default, under the host's prefix. */
  async register(key: PrivateKey = this.signingKey): Promise<void> {
    const { fingerprint, armored } = key.publicKey;
    const name = objectKey({ kind: 'host', prefix: this.prefix, fingerprint });
    await this.#store.put(name, Buffer.from(armored), { condition: 'absent' });
  }

  /** The run that the last published one of a set is. */
  last(set = 'data'): Published | undefined {
    return this.#last.get(set);
  }

  /** The same machine restored from an image of now: same key, same ledgers, going its own way from here. */
  clone(): TestHost {
    const { name, node, prefix, signingKey } = this;
    const twin = new TestHost({ store: this.#store, clock: this.#clock }, { name, node, prefix, signingKey });
    for (const [set, published] of this.#last) twin.#last.set(set, published);
    for (const [set, published] of this.#base) twin.#base.set(set, published);
    twin.#runs = this.#runs + 500;
    return twin;
  }

  /** The run id of a slot's run of this host. */
  runOf(slot: { policy: string; due: Date | string }, set = 'data'): string {
    return runIdForSlot({ policy: slot.policy, due: new Date(slot.due), node: this.node, set });
  }

  /** Writes a note beside a run, as the agent does. */
  async note(
    kind: 'started' | 'skipped' | 'alive',
    run: string,
    more: { set?: string; by?: string } = {},
  ): Promise<void> {
    const { set = 'data', by = run } = more;
    const at = instantText(this.#clock.now());
    const notes = {
      started: { type: 'offsite/started/1', format: 1, run, at, deadline: null },
      skipped: { type: 'offsite/skipped/1', format: 1, run, at, by, since: at },
      alive: { type: 'offsite/alive/1', format: 1, run, at, bytes: 1, eta: null },
    };
    const place = { prefix: this.prefix, set, run };
    const key = kind === 'alive' ? objectKey({ kind, ...place, number: ++this.#runs }) : objectKey({ kind, ...place });
    await this.#store.put(key, Buffer.from(JSON.stringify(notes[kind])), { condition: 'absent' });
  }

  /** A whole run, objects first, its manifest last. An incremental builds on the set's last run that did not fail. */
  async backUp(options: RunOptions = {}): Promise<Published> {
    const { set = 'data', parts = 2, publish = true, signer = this.signingKey } = options;
    const before = options.after === undefined ? (this.#last.get(set) ?? null) : options.after;
    const run = options.run ?? this.#newRun(set, options);
    const isFull = options.type === 'full' || options.after === null;
    const base = isFull ? null : (options.after ?? this.#base.get(set) ?? null);
    const chain = base === null ? run : base.manifest.chain;
    const place = { prefix: this.prefix, set, run };
    const objects: ObjectLine[] = options.outcome === 'failed' ? [] : await this.#putParts({ ...place, chain }, parts);
    const keyObject = await this.#putObject({ kind: 'session-key', ...place, chain, attempt: 1 }, `key of ${run}`);

    const manifest = (options.change ?? ((same) => same))({
      ...this.#statement(options, { before, base, chain, run }),
      keyObjects: objects.length === 0 ? [] : [[1, keyObject[0], keyObject[1], keyObject[2]]],
      objects,
      index: objects.at(-1)?.[0] ?? null,
    });
    const payload = Buffer.from(canonicalJson(manifest));
    const signatures = [await signDetached(payload, signer, this.#clock.now())];
    const key = objectKey({ kind: 'manifest', ...place });
    const bytes = encodeEnvelope({ payload, signatures });
    const published = { place, run, manifest, payloadHash: sha256Hex(payload), key, bytes };
    this.#last.set(set, published);
    if (manifest.outcome !== 'failed') this.#base.set(set, published);
    if (publish) await this.publish(published);
    return published;
  }

  /** Puts a manifest that was made without being put. */
  async publish({ key, bytes }: Published): Promise<void> {
    await this.#store.put(key, bytes, { condition: 'absent' });
  }

  #newRun(set: string, { slot, took = 10 * 60_000 }: RunOptions): string {
    if (slot !== undefined) return this.runOf(slot, set);
    const tail = sha256Hex(`${this.prefix} ${set} ${++this.#runs}`).slice(0, 12);
    return `${compactInstant(new Date(this.#clock.now().getTime() - took))}-${tail}`;
  }

  #statement(
    options: RunOptions,
    { before, base, chain, run }: { before: Published | null; base: Published | null; chain: string; run: string },
  ): Omit<Manifest, 'keyObjects' | 'objects' | 'index'> {
    const { set = 'data', slot, bytes = 1_000_000, files = 100, outcome = 'complete', took = 10 * 60_000 } = options;
    const now = this.#clock.now();
    const started = new Date(now.getTime() - took);
    const table = base === null ? [] : withHash(base);
    const asked = slot === undefined ? null : slot;
    return {
      type: manifestKind.type,
      format: 1,
      name: this.name,
      prefix: this.prefix,
      set,
      run,
      chain,
      sequence: (before?.manifest.sequence ?? 0) + 1,
      previous: before?.payloadHash ?? null,
      base: base === null ? null : { run: base.run, payload: base.payloadHash },
      sources: outcome === 'failed' ? [] : [...table, [chain, run, null]],
      requested: base === null ? 'full' : 'incremental',
      actual: base === null ? 'full' : 'incremental',
      promoted: null,
      policy: asked?.policy ?? null,
      due: asked === null ? null : instantText(new Date(asked.due)),
      started: instantText(started),
      finished: instantText(now),
      agent: '0.1.0',
      cipher: CIPHER,
      recipients: [...(options.recipients ?? [DEFAULT_RECIPIENT])],
      counts: { files, directories: 10, bytes, changedFiles: files, newBytes: bytes, storedBytes: bytes },
      outcome,
      gates: [],
      scripts: [],
      warnings: [],
      error: outcome === 'failed' ? { code: 'source-missing' } : null,
      configHash: sha256Hex('config'),
      stateLost: false,
      ledgerUnknown: false,
    };
  }

  async #putParts(place: RunPlace & { chain: string }, count: number): Promise<ObjectLine[]> {
    const lines: ObjectLine[] = [];
    for (let number = 1; number <= count; number++) {
      lines.push(await this.#putObject({ kind: 'data', ...place, number }, `data ${number} of ${place.run}`));
    }
    lines.push(await this.#putObject({ kind: 'meta', ...place, number: 1 }, `listing of ${place.run}`));
    lines.push(await this.#putObject({ kind: 'index', ...place }, `index of ${place.run}`));
    return lines;
  }

  /** Each has 64 bytes, so that two of them can be swapped without their sizes telling. */
  async #putObject(key: UnhashedKey, text: string): Promise<ObjectLine> {
    const body = Buffer.from(text.padEnd(64, '.'));
    const sha256 = sha256Hex(body);
    const name = objectKey({ ...key, sha: sha256.slice(0, 32) } as Parameters<typeof objectKey>[0]);
    await this.#store.put(name, body, { condition: 'absent', sha256 });
    return [name, body.length, sha256, 1];
  }
}

type UnhashedKey = RunPlace & { chain: string } & (
    | { kind: 'data' | 'meta'; number: number }
    | { kind: 'index' }
    | { kind: 'session-key'; attempt: number }
  );

/** What manifests name as their recipient unless a test says otherwise. */
export const DEFAULT_RECIPIENT = '0123456789ABCDEF0123456789ABCDEF01234567';

function withHash({ manifest, payloadHash }: Published): Manifest['sources'] {
  return manifest.sources.map(([chain, run, payload]) => [chain, run, payload ?? payloadHash]);
}

/** The operator certifies the hosts' signing keys, from sequence 1 on, besides whom was certified before. */
export async function certify(store: ObjectStore, operator: TestOperator, ...hosts: TestHost[]): Promise<Trust> {
  const before = await readTrust(store, operator.anchor);
  const added = hosts.map(({ prefix, name, signingKey }) => {
    const keys = [{ fingerprint: signingKey.fingerprint, from: 1, until: null }];
    return [prefix, { name, keys }] as const;
  });
  const all = { ...before?.trust.hosts, ...Object.fromEntries(added) };
  return writeTrust(store, all, before, { key: operator.key, now: KEYS_MADE });
}

/** The operator accepts a run. */
export async function accept(store: ObjectStore, operator: TestOperator, run: Published): Promise<void> {
  const signing = { key: operator.key, now: runInstant(run.run) };
  await writeAcceptance(store, { ...run.place, payload: run.payloadHash, because: 'looked at it' }, signing);
}
