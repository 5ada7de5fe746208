/** Which runs a store holds, and which of them may be built upon or restored. */

import { isOffsiteError, type OffsiteError } from '../contract/errors.ts';
import { isPrefix, isSetName } from '../contract/ids.ts';
import { ALL_HOSTS, parseObjectKey, runsOfSet, setsOfPrefix } from '../contract/keys.ts';
import type { Acceptance, Trust } from '../contract/trust.ts';
import type { PublicKey } from '../pgp/keys.ts';
import type { ObjectStore } from '../store/port.ts';
import { readAcceptance } from './acceptance.ts';
import type { ManifestReader, RunPlace, SignedManifest } from './manifests.ts';

/** Manifests read at once. */
const CONCURRENCY = 8;

export interface RunRecord {
  readonly place: RunPlace;
  /** Null where the manifest was refused. */
  readonly signed: SignedManifest | null;
  /** Why it was refused; null where it was not. */
  readonly refused: OffsiteError | null;
  /** The operator's word on a suspect run. */
  readonly acceptance: Acceptance | null;
}

/** Complete or partial, or suspect and accepted by the operator. */
export function isAccepted(record: RunRecord): boolean {
  const outcome = record.signed?.manifest.outcome;
  return outcome === 'complete' || outcome === 'partial' || (outcome === 'suspect' && record.acceptance !== null);
}

/** The places of all manifests of one prefix and set, by run id; those behind the run `after` where it is given. */
export async function listManifests(
  store: ObjectStore,
  of: { prefix: string; set: string },
  after?: string,
): Promise<RunPlace[]> {
  const prefix = runsOfSet(of.prefix, of.set);
  const places: RunPlace[] = [];
  // '~' is behind every character of a key, so the run `after` itself is passed over.
  const options = after === undefined ? {} : { after: `${prefix}${after}/~` };
  for await (const { key } of store.list(prefix, options)) {
    const place = parseObjectKey(key);
    if (place?.kind === 'manifest') places.push({ prefix: place.prefix, set: place.set, run: place.run });
  }
  return places;
}

/** Reads manifests, several at once, in the order given; what is refused stands in its record. Other errors are thrown. */
export async function readRuns(
  ports: { store: ObjectStore; manifests: ManifestReader; anchor: readonly PublicKey[] },
  places: readonly RunPlace[],
): Promise<RunRecord[]> {
  const records: RunRecord[] = [];
  for (let i = 0; i < places.length; i += CONCURRENCY) {
    records.push(...(await Promise.all(places.slice(i, i + CONCURRENCY).map((place) => readRun(ports, place)))));
  }
  return records;
}

/** Reads one run; a manifest that is damaged, forged or unknown is refused in its record. Throws `store-absent`. */
export async function readRun(
  ports: { store: ObjectStore; manifests: ManifestReader; anchor: readonly PublicKey[] },
  place: RunPlace,
): Promise<RunRecord> {
  try {
    const signed = await ports.manifests.read(place);
    const isSuspect = signed.manifest.outcome === 'suspect';
    const acceptance = isSuspect ? await acceptanceOf(ports, place, signed.payloadHash) : null;
    return { place, signed, refused: null, acceptance };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { place, signed: null, refused: error, acceptance: null };
  }
}

/** The acceptance of exactly this manifest; one that is forged, damaged or of another manifest is none. */
export async function acceptanceOf(
  ports: { store: ObjectStore; anchor: readonly PublicKey[] },
  place: RunPlace,
  payloadHash: string,
): Promise<Acceptance | null> {
  try {
    const acceptance = await readAcceptance(ports.store, ports.anchor, place);
    return acceptance?.payload === payloadHash ? acceptance : null;
  } catch (error) {
    if (isRefusal(error)) return null;
    throw error;
  }
}

/** True for errors that say something about a document, and nothing about the store or the way to it. */
export function isRefusal(error: unknown): error is OffsiteError {
  return isOffsiteError(
    error,
    'signature-invalid',
    'document-invalid',
    'document-too-large',
    'format-unknown',
    'manifest-invalid',
    'object-key-invalid',
  );
}

/** A host and set that the store knows of. */
export interface KnownSet {
  readonly prefix: string;
  /** The name that trust.json certifies for the prefix; null where it certifies none. */
  readonly certifiedName: string | null;
  readonly set: string;
}

/** Every prefix that registered a key or is certified, with each of its sets. */
export async function listSets(store: ObjectStore, trust: Trust | null): Promise<KnownSet[]> {
  const prefixes = new Set(Object.keys(trust?.hosts ?? {}));
  for await (const folder of store.listFolders(ALL_HOSTS)) prefixes.add(folder.slice(ALL_HOSTS.length, -1));
  const known: KnownSet[] = [];
  for (const prefix of [...prefixes].sort()) {
    // Whoever may write under a prefix may make up names; what no host or set is called is nobody's.
    if (!isPrefix(prefix)) continue;
    const parent = setsOfPrefix(prefix);
    for await (const folder of store.listFolders(parent)) {
      const set = folder.slice(parent.length, -1);
      if (isSetName(set)) known.push({ prefix, certifiedName: trust?.hosts[prefix]?.name ?? null, set });
    }
  }
  return known;
}

/** The name by which people know a prefix: the certified one, else the part behind the last colon. */
export function displayName(known: { prefix: string; certifiedName: string | null }): string {
  return known.certifiedName ?? known.prefix.slice(known.prefix.lastIndexOf(':') + 1);
}

/** Manifests that share their predecessor with another one of the same prefix and set: a restored image, a clone. */
export function forkedRuns(records: readonly RunRecord[]): Set<string> {
  const byPrevious = new Map<string, string[]>();
  for (const { signed } of records) {
    if (signed === null) continue;
    const previous = signed.manifest.previous ?? '';
    byPrevious.set(previous, [...(byPrevious.get(previous) ?? []), signed.manifest.run]);
  }
  return new Set([...byPrevious.values()].filter((runs) => runs.length > 1).flat());
}
