/** From what a person calls a run to the run: an id, or `latest` of one host and set. */

import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { isRunId, runInstant } from '../contract/ids.ts';
import { objectKey } from '../contract/keys.ts';
import type { PublicKey } from '../pgp/keys.ts';
import type { ObjectStore } from '../store/port.ts';
import { ManifestReader, type SignedManifest } from './manifests.ts';
import {
  displayName,
  isAccepted,
  type KnownSet,
  listManifests,
  listSets,
  type RunRecord,
  readRun,
  readRuns,
} from './runs.ts';
import type { SignedTrust } from './trust.ts';

/** Runs that are told of one by one. */
const MAX_TOLD = 5;

export interface RunQuery {
  /** A run id or `latest`. */
  readonly run: string;
  readonly host?: string | undefined;
  readonly set?: string | undefined;
  /** Only runs that began (were due) at or before this instant; for `latest`. */
  readonly at?: Date | undefined;
}

export interface Believing {
  readonly store: ObjectStore;
  readonly trust: SignedTrust | null;
  readonly anchor: readonly PublicKey[];
  /** Fingerprints of host keys that are believed although trust.json does not certify them. */
  readonly alsoTrusted: readonly string[];
  /** Told of newer runs that `latest` passed over, and why. */
  readonly onPassedOver?: (text: string) => void;
}

/** True where the run may be restored: certified, or signed by a key that the caller named. */
export const isBelieved = (signed: SignedManifest, { alsoTrusted }: Pick<Believing, 'alsoTrusted'>): boolean =>
  signed.certification.state === 'certified' || alsoTrusted.includes(signed.signer);

/** The hosts and sets that a query may mean. */
export async function findSets(believing: Believing, query: Pick<RunQuery, 'host' | 'set'>): Promise<KnownSet[]> {
  const all = await listSets(believing.store, believing.trust?.trust ?? null);
  const matches = (known: KnownSet) =>
    (query.host === undefined || displayName(known) === query.host || known.prefix === query.host) &&
    (query.set === undefined || known.set === query.set);
  return all.filter(matches);
}

/**
 * The one run that is meant, its manifest validly signed by a believed key. Throws `run-not-found`, `run-ambiguous`,
 * `uncertified`, `run-failed`, or why the manifest of a run named by its id was refused.
 */
export async function selectRun(believing: Believing, query: RunQuery): Promise<SignedManifest> {
  const known = await findSets(believing, query);
  const record =
    query.run === 'latest' ? await latestRun(believing, query, known) : await runById(believing, query, known);
  if (record.signed === null)
    throw record.refused ?? new OffsiteError('run-not-found', `run ${query.run} cannot be read`);
  const { signed } = record;
  if (!isBelieved(signed, believing)) {
    const why = signed.certification.state === 'uncertified' ? signed.certification.why : '';
    throw new OffsiteError('uncertified', `run ${signed.manifest.run} is signed by ${signed.signer}: ${why}`);
  }
  if (signed.manifest.outcome === 'failed') {
    throw new OffsiteError('run-failed', `run ${signed.manifest.run} failed and holds no backup`);
  }
  return signed;
}

async function runById(believing: Believing, query: RunQuery, known: readonly KnownSet[]): Promise<RunRecord> {
  if (!isRunId(query.run)) {
    throw new OffsiteError('run-not-found', `${query.run} is no run id; give one of \`offsite runs\`, or latest`);
  }
  const found: RunRecord[] = [];
  for (const { prefix, set } of known) {
    const place = { prefix, set, run: query.run };
    if (await isThere(believing.store, objectKey({ kind: 'manifest', ...place }))) {
      found.push(await readRun({ ...believing, manifests: readerOf(believing) }, place));
    }
  }
  const [only, second] = found;
  if (only === undefined)
    throw new OffsiteError('run-not-found', `there is no run ${query.run} in ${believing.store.url}`);
  if (second !== undefined)
    throw new OffsiteError('run-ambiguous', `run ${query.run} is there for several hosts or sets`);
  return only;
}

const readerOf = ({ store, trust }: Believing) => new ManifestReader(store, trust?.trust ?? null);

async function isThere(store: ObjectStore, key: string): Promise<boolean> {
  try {
    await store.head(key);
    return true;
  } catch (error) {
    if (isOffsiteError(error, 'store-absent')) return false;
    throw error;
  }
}

async function latestRun(believing: Believing, query: RunQuery, known: readonly KnownSet[]): Promise<RunRecord> {
  const meant = new Set(known.map((one) => `${displayName(one)} ${one.set}`));
  if (meant.size > 1) {
    const list = [...meant].map((one) => one.replace(' ', ', set ')).join('; ');
    throw new OffsiteError('run-ambiguous', `latest of which host and set? There are: ${list}`);
  }
  let best: RunRecord | null = null;
  let unbelieved: RunRecord | null = null;
  const all: RunRecord[] = [];
  // A host that was registered anew has several prefixes; the newer ledger begins later.
  for (const { prefix, set } of known) {
    const places = (await listManifests(believing.store, { prefix, set })).filter(({ run }) => isInTime(run, query.at));
    const records = await readRuns({ ...believing, manifests: readerOf(believing) }, places);
    all.push(...records);
    const accepted = records.filter(isAccepted).sort(bySequence);
    unbelieved = accepted.at(-1) ?? unbelieved;
    const newest = accepted.findLast(({ signed }) => signed !== null && isBelieved(signed, believing));
    if (newest !== undefined && (best === null || newest.place.run > best.place.run)) best = newest;
  }
  // Where the newest one is only not certified, the error says so.
  if (best !== null || unbelieved === null) tellPassedOver(believing, all, best);
  const found = best ?? unbelieved;
  if (found !== null) return found;
  const of = [query.host, query.set].filter((one) => one !== undefined).join(', set ');
  throw new OffsiteError(
    'run-not-found',
    `there is no accepted run${of === '' ? '' : ` of ${of}`} in ${believing.store.url}`,
  );
}

/** Whoever gets an older run than the newest one must know: that is how a store hides one. */
function tellPassedOver(believing: Believing, records: readonly RunRecord[], best: RunRecord | null): void {
  if (believing.onPassedOver === undefined) return;
  const newer = records.filter((record) => best === null || isNewer(record, best));
  for (const record of newer.slice(-MAX_TOLD)) believing.onPassedOver(whyPassedOver(record, believing));
  if (newer.length > MAX_TOLD) believing.onPassedOver(`${newer.length - MAX_TOLD} more newer runs are passed over`);
}

/** By the ledger where both are of one, else by their ids. */
function isNewer(record: RunRecord, best: RunRecord): boolean {
  const [one, other] = [record.signed, best.signed];
  const isOneLedger = one !== null && other !== null && one.manifest.prefix === other.manifest.prefix;
  return isOneLedger ? one.manifest.sequence > other.manifest.sequence : record.place.run > best.place.run;
}

function whyPassedOver({ place, signed, refused }: RunRecord, believing: Believing): string {
  const passed = `run ${place.run} is passed over:`;
  if (signed === null) return `${passed} ${refused?.message ?? 'it cannot be read'}`;
  if (!isBelieved(signed, believing)) {
    const { certification, signer } = signed;
    return `${passed} it is signed by ${signer}: ${certification.state === 'uncertified' ? certification.why : ''}`;
  }
  const { outcome } = signed.manifest;
  return outcome === 'suspect'
    ? `${passed} it is suspect and not accepted; it can be named by its id`
    : `${passed} it is ${outcome}`;
}

const isInTime = (run: string, at: Date | undefined) => at === undefined || runInstant(run) <= at;

const bySequence = (one: RunRecord, other: RunRecord) =>
  (one.signed?.manifest.sequence ?? 0) - (other.signed?.manifest.sequence ?? 0);
