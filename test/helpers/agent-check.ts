/** What must hold of a store, whatever happened to the agents that wrote it; and trees to compare restores with. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseObjectKey } from '../../contract/keys.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { planRestore, type RestoreReport, restore } from '../../host-agent/restore.ts';
import type { PrivateKey } from '../../pgp/keys.ts';
import { ManifestReader, type SignedManifest } from '../../repository/manifests.ts';
import { RunReader } from '../../repository/run-reader.ts';
import { forkedRuns, listManifests, type RunRecord } from '../../repository/runs.ts';
import type { ObjectStore } from '../../store/port.ts';

/** Entries by path. */
export type Tree = Record<string, { what: string; mtime: bigint }>;

export function treeOf(top: string): Tree {
  const found: Tree = {};
  const walk = (folder: string, path: string) => {
    for (const name of readdirSync(folder).sort()) {
      const [full, own] = [join(folder, name), `${path}${name}`];
      const stat = lstatSync(full, { bigint: true });
      const mode = (Number(stat.mode) & 0o7777).toString(8);
      const entry = (what: string) => {
        found[own] = { what, mtime: stat.isSymbolicLink() ? 0n : stat.mtimeNs };
      };
      if (stat.isDirectory()) {
        entry(`directory ${mode}`);
        walk(full, `${own}/`);
      } else if (stat.isSymbolicLink()) entry(`link to ${readlinkSync(full)}`);
      else if (stat.isFile()) entry(`file ${mode} ${stat.size} ${hashOf(full)}`);
      else entry(stat.isFIFO() ? `fifo ${mode}` : 'special');
    }
  };
  walk(top, '');
  return found;
}

const hashOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);

/** Entries, content and modes are equal, and times as far as Node can set them: to a microsecond or two. */
export function assertSameTree(actual: Tree, expected: Tree, message?: string): void {
  const whats = (tree: Tree) => Object.fromEntries(Object.entries(tree).map(([path, { what }]) => [path, what]));
  assert.deepEqual(whats(actual), whats(expected), message);
  for (const [path, { mtime }] of Object.entries(expected)) {
    const off = (actual[path]?.mtime ?? 0n) - mtime;
    assert.ok(off > -2000n && off < 2000n, `${message ?? ''} mtime of ${path} is ${off} ns off`);
  }
}

export interface Place {
  readonly store: ObjectStore;
  readonly prefix: string;
  readonly set: string;
}

/** Every manifest, by sequence. One that is not valid, or signed by no registered key, is an error. */
export async function manifestsOf({ store, prefix, set }: Place): Promise<SignedManifest[]> {
  const reader = new ManifestReader(store, null);
  const signed: SignedManifest[] = [];
  for (const place of await listManifests(store, { prefix, set })) signed.push(await reader.read(place));
  return signed.sort((one, other) => one.manifest.sequence - other.manifest.sequence);
}

/** The runs whose manifest shares its predecessor with another one. */
export function forksIn(signed: readonly SignedManifest[]): Set<string> {
  const records = signed.map(
    (one): RunRecord => ({
      place: { prefix: one.manifest.prefix, set: one.manifest.set, run: one.manifest.run },
      signed: one,
      refused: null,
      acceptance: null,
    }),
  );
  return forkedRuns(records);
}

/**
 * The ledger goes up by one and names its predecessor; every object that a manifest names is there as it says; every
 * source is; a part number stands for one part, in a manifest and in a run's folder. Returns the manifests by sequence.
 */
export async function assertSound(place: Place, allow: { numbersTwice?: boolean } = {}): Promise<SignedManifest[]> {
  const signed = await manifestsOf(place);
  let previous: string | null = null;
  for (const [i, { manifest, payloadHash }] of signed.entries()) {
    assert.equal(manifest.sequence, i + 1, `sequences: ${signed.map((one) => one.manifest.sequence).join()}`);
    assert.equal(manifest.previous, previous, `${manifest.run} names its predecessor`);
    previous = payloadHash;
  }
  await assertObjects(place, signed);
  if (!allow.numbersTwice) await assertNumbersOnce(place);
  return signed;
}

export async function assertObjects({ store }: Place, signed: readonly SignedManifest[]): Promise<void> {
  const hashes = new Map(signed.map(({ manifest, payloadHash }) => [manifest.run, payloadHash]));
  for (const { manifest } of signed) {
    const named: [string, number, string][] = [
      ...manifest.objects.map(([key, size, sha]): [string, number, string] => [key, size, sha]),
      ...manifest.keyObjects.map(([, key, size, sha]): [string, number, string] => [key, size, sha]),
    ];
    for (const [key, size, sha256] of named) {
      const info = await store.head(key);
      assert.equal(info.size, size, key);
      assert.equal(info.sha256, sha256, key);
    }
    for (const [, run, payload] of manifest.sources) if (payload !== null) assert.equal(hashes.get(run), payload);
  }
}

/** Attempts of one run, and all that work on one full, draw each number once. */
async function assertNumbersOnce({ store, prefix, set }: Place): Promise<void> {
  const seen = new Map<string, string>();
  for (const kind of ['data', 'meta']) {
    for await (const { key } of store.list(`${kind}/${prefix}/${set}/`)) {
      const at = parseObjectKey(key);
      if (at === null || !('number' in at) || !('chain' in at)) continue;
      const name = `${at.chain} ${at.run} ${at.number}`;
      assert.equal(seen.get(name), undefined, `${key} and ${seen.get(name)} have one number`);
      seen.set(name, key);
    }
  }
}

/** Restores a run with the product into a folder of its own, and hands over the folder before it goes. */
export async function restored<T>(
  place: Place,
  run: string,
  key: PrivateKey,
  look: (folder: string, report: RestoreReport) => T,
): Promise<T> {
  const { store, prefix, set } = place;
  const manifests = new ManifestReader(store, null);
  const reader = new RunReader({ store, manifests, key }, await manifests.read({ prefix, set, run }));
  const target = mkdtempSync(join(tmpdir(), 'agent-restored-'));
  try {
    const plan = await planRestore(reader, []);
    return look(target, await restore({ reader, plan, target, workers: 0, setOwner: false }));
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

/** The objects of a manifest that another run than its own put. */
export function adoptedOf(manifest: Manifest): string[] {
  return manifest.objects.map(([key]) => key).filter((key) => !key.includes(`/${manifest.run}/`));
}
