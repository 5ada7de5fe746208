/** How `latest/<host>/<set>.json` follows from verdicts, in whatever order and however often they come. Pure. */

import { FORMAT } from '../../contract/document.ts';
import { type Latest, latestKind, type Verdict } from '../../contract/verdict.ts';
import { recentAfter } from './recent.ts';

const NO_LEDGER = { head: null, base: null, doubted: null };
/** What says that a run has other content than usual. */
const UNUSUAL = ['changed', 'compressibility'];
const isUnusual = ({ reasons }: Verdict) => reasons.some(({ code }) => UNUSUAL.includes(code));

/** The record after this verdict, or null where it changes nothing. Doing it twice is doing it once. */
export function latestAfter(latest: Latest | null, verdict: Verdict): Latest | null {
  const { prefix, payload, sequence, received, moves } = verdict;
  if (prefix === null || payload === null || sequence === null || received === null) return null;
  if (!moves.head && !moves.base && !moves.good && !verdict.accepted && moves.baseAbove === null) return null;
  const before = latest ?? emptyRecord(verdict, prefix);
  const isOtherLedger = before.prefix !== prefix;
  // Sequences of two ledgers cannot be compared; then the one that the store heard of last is the host's.
  if (isOtherLedger && !(moves.head && received > (before.head?.received ?? ''))) return null;
  const isNewer = (than: { sequence: number } | null) => than === null || sequence > than.sequence;
  const { head: oldHead, base: oldBase, doubted: oldDoubted } = isOtherLedger ? NO_LEDGER : before;
  const oldGood = before.good?.prefix === prefix ? before.good : null;

  const pointer = { run: verdict.run, payload, sequence, received };
  const measured = { ...pointer, bytes: verdict.bytes ?? 0, files: verdict.files ?? 0 };
  const { at } = verdict;
  const isHead = moves.head && isNewer(oldHead);
  const base = moves.base && isNewer(oldBase) ? measured : oldBase;
  const baseAbove = Math.max(isOtherLedger ? 0 : before.baseAbove, moves.baseAbove ?? 0);
  const after: Latest = {
    ...before,
    prefix,
    head: isHead ? pointer : oldHead,
    base: base !== null && base.sequence > baseAbove ? base : null,
    baseAbove,
    good: moves.good && isNewer(oldGood) ? { ...measured, prefix, at } : before.good,
    accepted: verdict.accepted && at > (before.accepted?.at ?? '') ? { run: verdict.run, at } : before.accepted,
    configHash: isHead ? verdict.configHash : before.configHash,
    recent: recentAfter(before.recent, verdict),
    doubted: isUnusual(verdict) && isNewer(oldDoubted) ? { run: verdict.run, sequence } : oldDoubted,
  };
  return latest !== null && JSON.stringify(after) === JSON.stringify(latest) ? null : after;
}

/** True where another run has this one's place in the ledger: two were judged at once, and neither saw the other. */
export function isTie(latest: Latest | null, verdict: Verdict): boolean {
  const head = latest?.head ?? null;
  if (!verdict.moves.head || verdict.moves.baseAbove !== null) return false;
  return (
    head !== null && latest?.prefix === verdict.prefix && head.sequence === verdict.sequence && head.run !== verdict.run
  );
}

function emptyRecord({ host, set }: Verdict, prefix: string): Latest {
  const nothing = {
    head: null,
    base: null,
    baseAbove: 0,
    good: null,
    accepted: null,
    configHash: null,
    recent: [],
    doubted: null,
  };
  return { type: latestKind.type, format: FORMAT, host, set, prefix, ...nothing };
}
