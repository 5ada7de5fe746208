/** The runs of a store, as people list them. */

import { isOffsiteError } from '../contract/errors.ts';
import { objectKey } from '../contract/keys.ts';
import type { Manifest } from '../contract/manifest.ts';
import { verdictKind } from '../contract/verdict.ts';
import { ManifestReader } from '../repository/manifests.ts';
import { displayName, isAccepted, listManifests, type RunRecord, readRuns } from '../repository/runs.ts';
import { type Believing, findSets, isBelieved } from '../repository/select-run.ts';
import type { ObjectStore } from '../store/port.ts';

export interface ListedRun {
  readonly host: string;
  readonly set: string;
  readonly run: string;
  /** Null where it was refused. */
  readonly manifest: Manifest | null;
  /** Outcome and whatever qualifies it. */
  readonly note: string;
  readonly json: object;
}

/** All runs of the hosts and sets that are meant, oldest first. */
export async function listRuns(believing: Believing, of: { host?: string; set?: string }): Promise<ListedRun[]> {
  const { store, trust, anchor } = believing;
  const manifests = new ManifestReader(store, trust?.trust ?? null);
  const listed: ListedRun[] = [];
  for (const known of await findSets(believing, of)) {
    const records = await readRuns({ store, manifests, anchor }, await listManifests(store, known));
    for (const record of records) listed.push(await describe(record, displayName(known), believing));
  }
  return listed.sort(inOrder);
}

/** By the second that run ids begin with; within it, runs of one host and set by their place in the ledger. */
function inOrder(one: ListedRun, other: ListedRun): number {
  const place = ({ run, host, set, manifest }: ListedRun) =>
    [run.slice(0, 16), host, set, String(manifest?.sequence ?? 0).padStart(16, '0'), run].join(' ');
  return place(one) < place(other) ? -1 : 1;
}

async function describe(record: RunRecord, host: string, believing: Believing): Promise<ListedRun> {
  const { place, signed, refused } = record;
  const { set, run } = place;
  if (signed === null) {
    const error = { code: refused?.code, message: refused?.message };
    return {
      host,
      set,
      run,
      manifest: null,
      note: `refused: ${refused?.code}`,
      json: { run, set, host, outcome: null, error },
    };
  }
  const { manifest } = signed;
  const verdict = await verdictOf(believing.store, host, manifest);
  const accepted = isAccepted(record);
  const isCertified = isBelieved(signed, believing);
  const notes = [
    manifest.outcome,
    ...(manifest.outcome === 'suspect' && accepted ? ['accepted'] : []),
    ...(isCertified ? [] : ['uncertified']),
    ...(verdict !== null && verdict !== manifest.outcome ? [`verdict ${verdict}`] : []),
  ];
  const json = {
    ...runJson(manifest),
    host,
    error: manifest.error,
    verdict,
    accepted,
    certified: signed.certification.state === 'certified',
    signer: signed.signer,
  };
  return { host, set, run, manifest, note: notes.join(', '), json };
}

/** A run as `--json` shows it, of `backup` and `runs` alike. */
export function runJson(manifest: Manifest): object {
  const { run, set, requested, actual, promoted, outcome, chain, base, sequence } = manifest;
  const { started, finished, counts, objects, warnings } = manifest;
  return {
    run,
    set,
    type: actual,
    requested,
    promoted,
    outcome,
    chain,
    base: base?.run ?? null,
    sequence,
    started,
    finished,
    ...counts,
    parts: objects.length,
    warnings,
  };
}

/** What the stack found about the run; null where it has not judged it, or may not be asked. */
async function verdictOf(
  store: ObjectStore,
  host: string,
  { set, run, policy, due }: Manifest,
): Promise<string | null> {
  const key =
    policy === null || due === null
      ? objectKey({ kind: 'verdict', host, set, run })
      : objectKey({ kind: 'slot-verdict', due: new Date(due), policy, host, set, run });
  try {
    const { body } = await store.get(key, { maxBytes: verdictKind.maxBytes });
    return verdictKind.parseBytes(body, key).outcome;
  } catch (error) {
    if (isOffsiteError(error, 'store-absent', 'store-denied', 'document-invalid', 'format-unknown')) return null;
    throw error;
  }
}
