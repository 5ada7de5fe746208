/** Verifying runs: the one that is meant, or everything a store holds, its ledgers included. */

import { type Verified, type VerifyReport, verifyRun } from '../host-agent/verify.ts';
import type { PrivateKey } from '../pgp/keys.ts';
import { ManifestReader, type SignedManifest } from '../repository/manifests.ts';
import { RunReader } from '../repository/run-reader.ts';
import { displayName, forkedRuns, listManifests, type RunRecord, readRuns } from '../repository/runs.ts';
import { type Believing, findSets, isBelieved } from '../repository/select-run.ts';

export interface VerifyDepth {
  /** Without it nothing is decrypted. */
  readonly key: PrivateKey | null;
  readonly readData: boolean;
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface VerifiedRun {
  readonly host: string;
  readonly set: string;
  readonly run: string;
  /** Null where the manifest was refused, or the run failed and holds nothing. */
  readonly report: VerifyReport | null;
  /** What is wrong beside what the report says. */
  readonly problems: readonly string[];
}

/** Verifies one believed run. `verified` carries over what runs of one chain share. */
export async function verifyOne(
  believing: Believing,
  signed: SignedManifest,
  depth: VerifyDepth,
  verified?: Verified,
): Promise<VerifyReport> {
  const { store, trust } = believing;
  const { key, readData, onProgress, signal } = depth;
  const manifests = new ManifestReader(store, trust?.trust ?? null);
  return verifyRun({
    store,
    manifests,
    signed,
    readData,
    ...(key === null ? {} : { reader: new RunReader({ store, manifests, key }, signed) }),
    ...(verified === undefined ? {} : { verified }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Verifies every run of the hosts and sets that are meant, and that no manifest is missing between them. */
export async function verifyAll(
  believing: Believing,
  of: { host?: string | undefined; set?: string | undefined },
  depth: VerifyDepth,
  newVerified: () => Verified,
): Promise<VerifiedRun[]> {
  const { store, trust, anchor } = believing;
  const manifests = new ManifestReader(store, trust?.trust ?? null);
  const results: VerifiedRun[] = [];
  for (const known of await findSets(believing, of)) {
    const records = await readRuns({ store, manifests, anchor }, await listManifests(store, known));
    const missing = missingBefore(records);
    const forked = forkedRuns(records);
    const verified = newVerified();
    for (const record of records) {
      const { set, run } = record.place;
      const problems = problemsOf(record, believing, missing, forked);
      const { signed } = record;
      const isReadable = signed !== null && isBelieved(signed, believing) && signed.manifest.outcome !== 'failed';
      const report = isReadable ? await verifyOne(believing, signed, depth, verified) : null;
      results.push({ host: displayName(known), set, run, report, problems });
    }
  }
  return results;
}

function problemsOf(
  { place, signed, refused }: RunRecord,
  believing: Believing,
  missing: ReadonlySet<string>,
  forked: ReadonlySet<string>,
): string[] {
  if (signed === null) return [`its manifest is refused: ${refused?.message ?? 'for no known reason'}`];
  const problems: string[] = [];
  const { certification, signer } = signed;
  if (!isBelieved(signed, believing)) {
    problems.push(`signed by ${signer}: ${certification.state === 'uncertified' ? certification.why : ''}`);
  }
  if (missing.has(place.run)) problems.push('the manifest that came before it in the ledger is not in the store');
  if (forked.has(place.run))
    problems.push('another run follows the same one: the host was restored from an image, or cloned');
  return problems;
}

/** Runs whose predecessor in the ledger is not there. */
function missingBefore(records: readonly RunRecord[]): Set<string> {
  const there = new Set(records.map(({ signed }) => signed?.payloadHash));
  const orphans = records.filter(({ signed }) => {
    const previous = signed?.manifest.previous ?? null;
    return previous !== null && !there.has(previous);
  });
  return new Set(orphans.map(({ place }) => place.run));
}
