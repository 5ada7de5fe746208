/** The facts about a run that the judge is given: evidence from the store, and the stack's own records. */

import type { Manifest } from '../../contract/manifest.ts';
import type { Latest } from '../../contract/verdict.ts';
import type { ManifestEvidence, SourceEvidence, StoredAnswer } from '../../repository/evidence.ts';
import type { SignedManifest } from '../../repository/manifests.ts';
import type { Before } from '../rules/changes.ts';
import type { RunFacts } from '../rules/judge.ts';
import type { LedgerFacts } from '../rules/judge-ledger.ts';
import type { LedgerSearch } from './ledger.ts';
import type { Pass } from './pass.ts';
import { type Subject, storedVerdict } from './subject.ts';

export type PresentManifest = Exclude<ManifestEvidence, { state: 'absent' }>;

/** What lies in the store of the run. It is gathered once, however often the ledger has to be looked at again. */
export interface Content {
  readonly objects: ReadonlyMap<string, StoredAnswer>;
  readonly sources: ReadonlyMap<string, SourceEvidence>;
}

const NO_CONTENT: Content = { objects: new Map(), sources: new Map() };
const NO_LEDGER: LedgerFacts = { head: null, predecessor: null, rivals: [] };

/** Asks the store for everything that a valid manifest names; a failed run's is no backup, whatever it names. */
export async function contentOf({ evidence }: Pass, found: PresentManifest): Promise<Content> {
  if (found.state === 'invalid' || found.signed.manifest.outcome === 'failed') return NO_CONTENT;
  const { manifest } = found.signed;
  const [objects, sources] = await Promise.all([evidence.objects(manifest), evidence.sources(manifest)]);
  return { objects, sources };
}

/** All facts, with the record of the set as it is now. */
export async function factsOf(
  pass: Pass,
  subject: Subject,
  found: PresentManifest,
  around: { content: Content; latest: Latest | null; search: LedgerSearch },
): Promise<RunFacts> {
  const { owner, slot } = subject;
  const { latest, search, content } = around;
  const { noAnomalies } = owner;
  const mindsAnomalies = noAnomalies !== 'all' && !noAnomalies.includes(subject.place.set);
  const host = { name: owner.host, pin: owner.pin, recipients: owner.recipients, mindsAnomalies };
  const configHash = latest?.configHash ?? null;
  const common = {
    host,
    slot,
    before: newestAccepted(latest),
    recent: latest?.recent ?? [],
    doubted: doubtedIn(latest),
    configHash,
    ...content,
  };
  if (found.state === 'invalid') {
    return { ...common, manifest: found, ledger: NO_LEDGER, base: null };
  }
  const { manifest, signer, received, certification } = found.signed;
  const uncertified = certification.state === 'certified' ? null : certification.why;
  return {
    ...common,
    manifest: { state: 'valid', manifest, signer, received, uncertified },
    ledger: await search.facts(found.signed, latest),
    ...(await factsOfBase(pass, found.signed, latest, common.before)),
  };
}

/** What is accepted later is not doubted any more. */
function doubtedIn(latest: Latest | null): string | null {
  const doubted = latest?.doubted ?? null;
  return doubted === null || doubted.sequence <= (latest?.base?.sequence ?? 0) ? null : doubted.run;
}

/** By the record of the set; what is complete or accepted by the operator is good, and has no holes. */
function newestAccepted(latest: Latest | null): Before | null {
  const newest = latest?.base ?? latest?.good ?? null;
  if (newest === null) return null;
  const { run, files, bytes } = newest;
  return { run, files, bytes, isWhole: run === latest?.good?.run };
}

/** Was the run accepted that this one builds on? Then so was all that it builds on itself, and so on down the chain. */
async function factsOfBase(
  pass: Pass,
  { manifest }: SignedManifest,
  latest: Latest | null,
  newest: Before | null,
): Promise<Pick<RunFacts, 'base' | 'before'>> {
  if (!buildsOnOthers(manifest) || manifest.base === null) return { base: null, before: newest };
  const { run, payload } = manifest.base;
  if (latest?.base?.run === run && latest.base.payload === payload) return { base: 'accepted', before: newest };
  const verdict = await storedVerdict(pass, { prefix: manifest.prefix, set: manifest.set, run });
  if (verdict === null || verdict.payload !== payload) return { base: 'unknown', before: newest };
  if (!verdict.accepted) return { base: 'not-accepted', before: newest };
  const { files, bytes, outcome } = verdict;
  const before = files === null || bytes === null ? newest : { run, files, bytes, isWhole: outcome !== 'partial' };
  return { base: 'accepted', before };
}

/** A full may name a base too, only to compare sizes with. */
function buildsOnOthers({ sources }: Manifest): boolean {
  return sources.some(([, , payload]) => payload !== null);
}
