/** Certifying hosts' signing keys. The operator's key signs trust.json; nothing a host does can. */

import { OffsiteError } from '../contract/errors.ts';
import { isPrefixOfNode } from '../contract/ids.ts';
import { ALL_HOSTS } from '../contract/keys.ts';
import type { Trust } from '../contract/trust.ts';
import { FleetArchive } from '../functions/lib/fleet-archive.ts';
import type { PrivateKey } from '../pgp/keys.ts';
import { ManifestReader } from '../repository/manifests.ts';
import { listManifests, listSets, readRuns } from '../repository/runs.ts';
import type { Believing } from '../repository/select-run.ts';
import { writeTrust } from '../repository/trust.ts';
import { systemClock } from '../system/clock.ts';

export interface Candidate {
  readonly host: string;
  readonly prefix: string;
  readonly fingerprint: string;
  /** The first sequence that it is certified for. */
  readonly from: number;
  /** The last sequence of the key before it; where there is one. */
  readonly oldUntil?: number;
  readonly isCertified: boolean;
}

/**
 * The key to certify for a host: the only one that its prefix registered, or the one that is named. Throws
 * `host-unknown`, or `usage` where the choice is not clear or a first key is there already.
 */
export async function findCandidates(believing: Believing, host: string, fingerprint?: string): Promise<Candidate> {
  const trust = believing.trust?.trust ?? null;
  const prefix = await prefixOf(believing, host);
  const manifests = new ManifestReader(believing.store, trust);
  const registered = (await manifests.keysOf(prefix)).map((key) => key.fingerprint);
  const wanted = fingerprint?.replaceAll(/\s/g, '').toUpperCase();
  const known = trust?.hosts[prefix]?.keys ?? [];
  if (wanted === undefined && known.length > 0) {
    const [current] = known.filter(({ until }) => until === null);
    const others = registered.filter((one) => !known.some((key) => key.fingerprint === one));
    if (current !== undefined && others.length === 0) {
      return { host, prefix, fingerprint: current.fingerprint, from: current.from, isCertified: true };
    }
    throw new OffsiteError(
      'usage',
      `${host} has a certified key; certify a further one by --fingerprint: ${others.join(', ')}`,
    );
  }
  const chosen = wanted ?? registered[0];
  if (chosen === undefined || !registered.includes(chosen)) {
    throw new OffsiteError('host-unknown', `${host} has registered no key${wanted === undefined ? '' : ` ${wanted}`}`);
  }
  if (wanted === undefined && registered.length > 1) {
    throw new OffsiteError(
      'usage',
      `${host} has registered several keys; choose by --fingerprint: ${registered.join(', ')}`,
    );
  }
  const already = known.find((key) => key.fingerprint === chosen && key.until === null);
  if (already !== undefined) return { host, prefix, fingerprint: chosen, from: already.from, isCertified: true };
  // A first key vouches for the host's whole history; a further one for what comes after the head. Every set has a
  // ledger of its own, so the new key begins behind the lowest head, and the old one ends with the highest.
  const heads = known.length === 0 ? [] : await headSequences(believing, prefix);
  const from = heads.length === 0 ? 1 : Math.min(...heads) + 1;
  return { host, prefix, fingerprint: chosen, from, oldUntil: Math.max(1, ...heads), isCertified: false };
}

/** By the name that is certified, by the node that the fleet file gives the host, or by the name itself. */
async function prefixOf({ store, trust }: Believing, host: string): Promise<string> {
  const { rulings } = await new FleetArchive(store).history(systemClock.now());
  const node = rulings[0]?.fleet.hosts[host]?.node ?? host;
  const certified = Object.entries(trust?.trust.hosts ?? {}).filter(([, entry]) => entry.name === host);
  const matching = new Set(certified.map(([prefix]) => prefix));
  for await (const folder of store.listFolders(ALL_HOSTS)) {
    const prefix = folder.slice(ALL_HOSTS.length, -1);
    if (isPrefixOfNode(prefix, host) || isPrefixOfNode(prefix, node)) matching.add(prefix);
  }
  const [only, second] = [...matching].sort();
  if (only === undefined)
    throw new OffsiteError('host-unknown', `no host ${host} has registered a key in ${store.url}`);
  if (second !== undefined)
    throw new OffsiteError('usage', `${host} may be any of ${[...matching].join(', ')}: name the prefix`);
  return only;
}

/** The highest certified sequence of each set that the prefix has published. */
async function headSequences({ store, trust, anchor }: Believing, prefix: string): Promise<number[]> {
  const manifests = new ManifestReader(store, trust?.trust ?? null);
  const heads: number[] = [];
  for (const { set } of (await listSets(store, trust?.trust ?? null)).filter((one) => one.prefix === prefix)) {
    const records = await readRuns({ store, manifests, anchor }, await listManifests(store, { prefix, set }));
    const certified = records.flatMap(({ signed }) => (signed?.certification.state === 'certified' ? [signed] : []));
    // A set without any run of the old key has no place for it to end.
    if (certified.length > 0) heads.push(Math.max(...certified.map(({ manifest }) => manifest.sequence)));
  }
  return heads;
}

/** Adds the keys to trust.json, which is read, signed and swapped as one; the new serial. */
export async function certify(
  { store, trust }: Believing,
  candidates: readonly Candidate[],
  signing: { key: PrivateKey; now: Date },
): Promise<number> {
  const hosts: Trust['hosts'] = structuredClone(trust?.trust.hosts ?? {});
  for (const { host, prefix, fingerprint, from, oldUntil } of candidates) {
    const before = hosts[prefix]?.keys ?? [];
    const ended = before.map((key) => ({ ...key, until: key.until ?? oldUntil ?? null }));
    hosts[prefix] = { name: host, keys: [...ended, { fingerprint, from, until: null }] };
  }
  return (await writeTrust(store, hosts, trust, signing)).serial;
}
