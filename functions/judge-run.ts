/**
 * Judging one run by its manifest, all the way: verdict, latest, alert, event. Complete and audit both walk it, for the
 * same run as often as they meet it. Every step is idempotent by itself and every walk takes them all, so it does not
 * matter where an earlier one died.
 */

import { objectKey } from '../contract/keys.ts';
import { type Latest, latestKind, type Verdict, verdictKind } from '../contract/verdict.ts';
import type { RunPlace, SignedManifest } from '../repository/manifests.ts';
import { changeDocument, putDocument, readDocument, untilUndisturbed } from './lib/documents.ts';
import { contentOf, factsOf, type PresentManifest } from './lib/facts.ts';
import { LedgerSearch } from './lib/ledger.ts';
import type { Pass } from './lib/pass.ts';
import { emit, settle } from './lib/settle.ts';
import { type Subject, storedVerdict, subjectOf } from './lib/subject.ts';
import { changeOf } from './rules/changes.ts';
import { acceptedByOperator, judge, type RunFacts } from './rules/judge.ts';
import { isTie, latestAfter } from './rules/latest.ts';
import { verdictOfManifest } from './rules/verdict-of.ts';
import { outranks } from './rules/verdicts.ts';

/** Why there is no verdict: no manifest lies there, or its prefix is of no host in the fleet file. */
export type Unjudged = 'absent' | 'unwatched';

/**
 * Judges the run; before it those that its ledger names and that have no verdict yet, the oldest first. Throws what says
 * nothing about the run (store, events out of order), after as many steps as could be taken.
 */
export async function judgeRun(pass: Pass, place: RunPlace): Promise<Verdict | Unjudged> {
  const subject = await subjectOf(pass, place);
  if (subject === null) return 'unwatched';
  const found = await pass.evidence.manifest(place);
  if (found.state === 'absent') return 'absent';
  const search = new LedgerSearch(pass, place);
  if (found.state === 'valid') {
    for (const ancestor of await unjudgedBefore(pass, subject, found.signed, search)) await judgeRun(pass, ancestor);
  }
  const verdict = await verdictAndLatest(pass, subject, found, search);
  await walkOn(pass, verdict, subject.verdictKey);
  return verdict;
}

/** The steps after verdict and latest. That a problem could not be recorded is no reason not to tell programs. */
async function walkOn(pass: Pass, verdict: Verdict, verdictKey: string): Promise<void> {
  const steps = await Promise.allSettled([settle(pass, verdict, verdictKey), emit(pass, verdict)]);
  for (const step of steps) if (step.status === 'rejected') throw step.reason;
}

/**
 * Puts a verdict that rests on less than a manifest, unless one stands that rests on as much, and walks on with what
 * stands then.
 */
export async function putAndWalk(pass: Pass, verdict: Verdict, key: string): Promise<Verdict> {
  const change = (current: Verdict | null) => (outranks(verdict, current) ? verdict : null);
  const standing = (await changeDocument(pass.store, key, verdictKind, change)).document ?? verdict;
  await walkOn(pass, standing, key);
  return standing;
}

/**
 * Takes the steps after a verdict that stands, whose giver may have died after it; the event aside, which says that a
 * run was judged.
 */
export async function followUp(pass: Pass, verdict: Verdict, key: string): Promise<void> {
  const { set, run, prefix } = verdict;
  const latest = await moveLatest(pass, verdict);
  if (prefix !== null && isTie(latest, verdict)) await judgeRun(pass, { prefix, set, run });
  else await settle(pass, verdict, key, { isFollowedUp: true });
}

/** Moves `latest` as a verdict that stands says: whoever gave it may have died before that. */
async function moveLatest(pass: Pass, verdict: Verdict): Promise<Latest | null> {
  const { host, set } = verdict;
  const key = objectKey({ kind: 'latest', host, set });
  return (await changeDocument(pass.store, key, latestKind, (latest) => latestAfter(latest, verdict))).document;
}

/**
 * Verdict and latest belong together: the ledger is judged against the very record that then moves. Who loses a race
 * for either judges again, against what the winner left. A verdict once given stands, so that a manifest seen again is
 * not held against a ledger that has moved on.
 */
async function verdictAndLatest(
  pass: Pass,
  subject: Subject,
  found: PresentManifest,
  search: LedgerSearch,
): Promise<Verdict> {
  let content: ReturnType<typeof contentOf> | undefined;
  return untilUndisturbed(async () => {
    const latest = await readDocument(pass.store, subject.latestKey, latestKind);
    const stored = await readDocument(pass.store, subject.verdictKey, verdictKind);
    const before = stored.document;
    let verdict = before;
    if (before === null || !restsOn(before, found) || isTie(latest.document, before)) {
      content ??= contentOf(pass, found);
      const around = { content: await content, latest: latest.document, search };
      const facts = await factsOf(pass, subject, found, around);
      const judged = verdictOfManifest(aboutOf(subject), judge(facts), receivedOf(found, facts), pass.clock.now());
      if (outranks(judged, before)) verdict = judged;
    }
    verdict = await withAcceptance(pass, subject, verdict as Verdict);
    if (verdict !== before) await putDocument(pass.store, subject.verdictKey, verdictKind, verdict, stored.condition);
    const after = latestAfter(latest.document, verdict);
    if (after !== null) await putDocument(pass.store, subject.latestKey, latestKind, after, latest.condition);
    return verdict;
  });
}

/** True where the verdict was given about this manifest as it can be believed now. */
function restsOn({ witness, payload }: Verdict, found: PresentManifest): boolean {
  if (witness === 'silence' || witness === 'command') return false;
  return found.state === 'invalid' || payload === found.signed.payloadHash;
}

/** The verdict after the operator's word, where there is one about this very manifest. */
async function withAcceptance(pass: Pass, { place }: Subject, verdict: Verdict): Promise<Verdict> {
  if (verdict.witness === 'acceptance' || verdict.payload === null) return verdict;
  if (acceptedByOperator(verdict) === verdict) return verdict;
  const found = await pass.evidence.acceptance(place);
  if (found.state !== 'valid' || found.acceptance.payload !== verdict.payload) return verdict;
  return { ...acceptedByOperator(verdict), witness: 'acceptance', recorded: null };
}

/** The runs that the ledger names before this one and that have no verdict, the oldest first. */
async function unjudgedBefore(
  pass: Pass,
  { place, latestKey }: Subject,
  { manifest }: SignedManifest,
  search: LedgerSearch,
): Promise<RunPlace[]> {
  const head = (await readDocument(pass.store, latestKey, latestKind)).document?.head;
  if (head?.run === place.run) return [];
  const line: RunPlace[] = [];
  for (let { previous } = manifest; previous !== null && previous !== head?.payload; ) {
    const before = await search.find(previous);
    if (before === null) break;
    const ancestor = { ...place, run: before.manifest.run };
    const stored = await storedVerdict(pass, ancestor);
    if (stored?.payload === before.payloadHash) {
      await moveLatest(pass, stored);
      break;
    }
    line.unshift(ancestor);
    previous = before.manifest.previous;
  }
  return line;
}

function aboutOf({ place, owner, slot }: Subject) {
  return { host: owner.host, set: place.set, run: place.run, slot };
}

function receivedOf(found: PresentManifest, { before }: RunFacts): Parameters<typeof verdictOfManifest>[2] {
  if (found.state === 'invalid') return { received: found.received, believed: null };
  const { manifest, payloadHash, received } = found.signed;
  return { received, believed: { manifest, payloadHash, change: changeOf(manifest, before) } };
}
