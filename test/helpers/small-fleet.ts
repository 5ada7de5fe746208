/**
 * A small repository as real agents make it, in memory: an operator, two hosts, a few runs. Built once for a test file;
 * `copy` gives a store of its own to each test, to do with it what a hostile store would.
 *
 *   carcosa data  full, incremental, incremental     carcosa etc  full     purr data  full, suspect (accepted)
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeEnvelope } from '../../contract/envelope.ts';
import { parseHostConfig } from '../../contract/host-config.ts';
import type { RunId } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { type Manifest, parseManifest } from '../../contract/manifest.ts';
import { backupSets } from '../../host-agent/backup-sets.ts';
import { openIdentity, registerKey } from '../../host-agent/identity.ts';
import { generateOperatorKey, type PrivateKey, readPrivateKey } from '../../pgp/keys.ts';
import { writeAcceptance } from '../../repository/acceptance.ts';
import { ManifestReader, type RunPlace } from '../../repository/manifests.ts';
import { readTrust, writeTrust } from '../../repository/trust.ts';
import { MemoryStore } from '../../store/memory.ts';
import { FakeClock, HOUR } from './fake-clock.ts';

const MADE = new Date('2026-05-01T00:00:00Z');

export interface FleetHost {
  readonly name: string;
  readonly signing: PrivateKey;
  readonly folder: string;
}

export class SmallFleet implements Disposable {
  readonly root: string;
  readonly clock = new FakeClock(MADE);
  readonly operator: PrivateKey;
  readonly carcosa: FleetHost;
  readonly purr: FleetHost;
  /** Runs in the order in which they were made, by `host set`. */
  readonly runs = new Map<string, RunId[]>();
  readonly #store = new MemoryStore({ clock: this.clock });
  readonly #objects = new Map<string, Buffer>();

  private constructor(operator: PrivateKey, signing: { carcosa: PrivateKey; purr: PrivateKey }, root: string) {
    this.root = root;
    this.operator = operator;
    this.carcosa = { name: 'carcosa', signing: signing.carcosa, folder: join(root, 'carcosa') };
    this.purr = { name: 'purr', signing: signing.purr, folder: join(root, 'purr') };
  }

  static async make(): Promise<SmallFleet> {
    const root = mkdtempSync(join(tmpdir(), 'small-fleet-'));
    const [operator, carcosa, purr] = await Promise.all([
      makeOperatorKey(),
      identityOf(root, 'carcosa'),
      identityOf(root, 'purr'),
    ]);
    const fleet = new SmallFleet(operator, { carcosa: carcosa.signingKey, purr: purr.signingKey }, root);
    await registerKey(fleet.#store, carcosa);
    await registerKey(fleet.#store, purr);
    await fleet.#certify('carcosa', fleet.carcosa.signing);
    await fleet.#certify('purr', fleet.purr.signing);
    await fleet.#makeRuns();
    for await (const { key } of fleet.#store.list('')) fleet.#objects.set(key, (await fleet.#store.get(key)).body);
    return fleet;
  }

  /** The store as the agents and the operator left it. */
  copy(): MemoryStore {
    const copy = new MemoryStore({ clock: this.clock });
    for (const [key, body] of this.#objects) copy.overwrite(key, body);
    return copy;
  }

  /** A run by host, set and number from 1; negative from the end. */
  place(host: string, set: string, number: number): RunPlace {
    const run = this.runs.get(`${host} ${set}`)?.at(number > 0 ? number - 1 : number);
    if (run === undefined) throw new Error(`no run ${number} of ${host} ${set}`);
    return { prefix: host, set, run };
  }

  manifestKey(host: string, set: string, number: number): string {
    return objectKey({ kind: 'manifest', ...this.place(host, set, number) });
  }

  /** What a run's host said of it. */
  manifest(host: string, set: string, number: number): Manifest {
    const key = this.manifestKey(host, set, number);
    return parseManifest(decodeEnvelope(this.bytes(key), key).payload, key);
  }

  /** An object as it was made. */
  bytes(key: string): Buffer {
    const body = this.#objects.get(key);
    if (body === undefined) throw new Error(`no object ${key}`);
    return Buffer.from(body);
  }

  async #certify(name: string, key: PrivateKey): Promise<void> {
    const before = await readTrust(this.#store, [this.operator.publicKey]);
    const keys = [{ fingerprint: key.fingerprint, from: 1, until: null }];
    await writeTrust(this.#store, { ...before?.trust.hosts, [name]: { name, keys } }, before, {
      key: this.operator,
      now: MADE,
    });
  }

  async #makeRuns(): Promise<void> {
    const { carcosa, purr } = this;
    const write = (host: FleetHost, name: string, content: string) => {
      const file = join(host.folder, 'source', name);
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, content);
    };
    write(carcosa, 'one', 'the first file\n');
    write(carcosa, 'deep/two', 'the second file\n');
    write(purr, 'one', 'of the other host\n');
    await this.#backUp(carcosa, 'data', {});
    await this.#backUp(carcosa, 'etc', {});
    await this.#backUp(purr, 'data', {});
    write(carcosa, 'three', 'new in the second run\n');
    await this.#backUp(carcosa, 'data', {});
    write(carcosa, 'four', 'new in the third run\n');
    await this.#backUp(carcosa, 'data', {});
    write(purr, 'two', 'more of the other host\n');
    await this.#backUp(purr, 'data', { minFiles: 1000 });
    const place = this.place('purr', 'data', 2);
    const { payloadHash } = await new ManifestReader(this.#store, null).read(place);
    const accepted = { ...place, payload: payloadHash, because: 'it was looked at' };
    await writeAcceptance(this.#store, accepted, { key: this.operator, now: MADE });
  }

  async #backUp(host: FleetHost, set: string, expect: object): Promise<void> {
    this.clock.advance(HOUR);
    const paths = [join(host.folder, 'source')];
    const config = parseHostConfig(
      {
        host: host.name,
        store: 'file:///in-memory',
        recipients: ['unused'],
        identity: join(host.folder, 'identity'),
        state: join(host.folder, 'state'),
        sets: { [set]: { paths, expect } },
      },
      'config',
    );
    const [result] = await backupSets(
      { type: 'auto', sets: [set], job: null, node: host.name, dryRun: false, extraVerify: false },
      {
        config,
        recipients: [this.operator.publicKey],
        openStore: async () => this.#store,
        clock: this.clock,
        notice: () => undefined,
        onSet: () => undefined,
        onWarning: () => undefined,
        onProgress: () => undefined,
      },
    );
    if (result?.manifest == null) throw new Error(`no run: ${result?.error?.message}`);
    const name = `${host.name} ${set}`;
    this.runs.set(name, [...(this.runs.get(name) ?? []), result.manifest.run]);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export async function makeOperatorKey(): Promise<PrivateKey> {
  const made = await generateOperatorKey({ name: 'Jo', email: 'jo@example.org', now: MADE });
  return readPrivateKey(Buffer.from(made.privateArmored), 'operator');
}

const identityOf = (root: string, host: string) =>
  openIdentity(join(root, host, 'identity'), { prefix: host, host }, MADE, () => undefined);
