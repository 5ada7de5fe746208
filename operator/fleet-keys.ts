/**
 * Which signing keys a fleet file lets the operator certify: the first key of each host that has registered one and has
 * none certified. A further key of a host, or one under a further prefix, is a matter for `offsite trust`, which shows it.
 */

import type { Fleet } from '../contract/fleet.ts';
import { prefixFinder } from '../functions/lib/node-prefixes.ts';
import { hostOfSigningKey } from '../pgp/keys.ts';
import { eachOf } from '../repository/concurrent.ts';
import { ManifestReader } from '../repository/manifests.ts';
import type { SignedTrust } from '../repository/trust.ts';
import type { ObjectStore } from '../store/port.ts';
import type { Candidate } from './trust.ts';

export interface HostKeys {
  /** To be certified, by host. */
  readonly candidates: readonly Candidate[];
  /** Hosts that have registered no key yet. */
  readonly unregistered: readonly string[];
  /** What is no reason to refuse, and has to be looked at. */
  readonly warnings: readonly string[];
  /** Pins that none of the keys that the host registered has: `field: why`. */
  readonly refused: readonly string[];
}

interface Registered {
  readonly prefix: string;
  readonly fingerprint: string;
  /** What the host calls itself; null where the key does not say. */
  readonly calls: string | null;
}

const AT_ONCE = 16;

/** `trust` is null where there is no trust.json yet. */
export async function hostKeys(store: ObjectStore, trust: SignedTrust | null, fleet: Fleet): Promise<HostKeys> {
  const prefixesOf = prefixFinder(store);
  const manifests = new ManifestReader(store, trust?.trust ?? null);
  const found = new Map<
    string,
    Partial<Record<'candidate', Candidate> & Record<'warning' | 'refused', string>> | null
  >();
  await eachOf(Object.entries(fleet.hosts), AT_ONCE, async ([host, { node, signingKey }]) => {
    const prefixes = await prefixesOf(node);
    const registered: Registered[] = [];
    for (const prefix of prefixes) {
      const keys = await manifests.keysOf(prefix);
      registered.push(...keys.map((key) => ({ prefix, fingerprint: key.fingerprint, calls: hostOfSigningKey(key) })));
    }
    found.set(host, registered.length === 0 ? null : judged(host, signingKey, registered, trust));
  });
  const names = Object.keys(fleet.hosts);
  const all = names.flatMap((name) => found.get(name) ?? []);
  return {
    candidates: all.flatMap(({ candidate }) => candidate ?? []),
    unregistered: names.filter((name) => found.get(name) === null),
    warnings: all.flatMap(({ warning }) => warning ?? []),
    refused: all.flatMap(({ refused }) => refused ?? []),
  };
}

function judged(
  host: string,
  pin: string | undefined,
  registered: readonly Registered[],
  trust: SignedTrust | null,
): Partial<Record<'candidate', Candidate> & Record<'warning' | 'refused', string>> {
  const all = registered.map(({ fingerprint }) => fingerprint).join(', ');
  if (pin !== undefined && !registered.some(({ fingerprint }) => fingerprint === pin)) {
    return { refused: `hosts.${host}.signingKey: ${pin} is none of the keys that the host has registered: ${all}` };
  }
  const wanted = registered.filter(({ fingerprint }) => pin === undefined || fingerprint === pin);
  const entries = wanted.map((one) => ({ ...one, entry: trust?.trust.hosts[one.prefix] }));
  const certified = entries.find(
    ({ entry, fingerprint }) => entry?.keys.some((key) => key.fingerprint === fingerprint) ?? false,
  );
  if (certified !== undefined) {
    const name = certified.entry?.name;
    if (name === undefined || name === host) return {};
    return {
      warning: `the key of ${host} is certified under the name ${name}; runs that say ${host} count as uncertified`,
    };
  }
  const [first, ...others] = entries;
  if (first === undefined) return {};
  if (first.entry !== undefined || others.length > 0) {
    const keys = wanted.map(({ fingerprint }) => fingerprint).join(', ');
    return {
      warning: `${host} has registered more than one key; certify one yourself (offsite trust ${host} --fingerprint …): ${keys}`,
    };
  }
  const { prefix, fingerprint, calls } = first;
  // Certified under another name than its manifests have, its runs would count as uncertified all the same.
  if (calls !== null && calls !== host) {
    return {
      warning: `the host at ${prefix} calls itself ${calls}, the fleet file ${host}: its key is not certified (give both one name)`,
    };
  }
  return { candidate: { host, prefix, fingerprint, from: 1, isCertified: false } };
}
