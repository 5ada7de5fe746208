/**
 * Problems, recorded and closed. A problem is recorded with `told: null`, its message is published, and then it is marked
 * as told (lib/tell.ts). Whoever dies in between leaves an untold problem, which audit publishes anew; so none is lost,
 * and a message comes twice only where its publisher died between publishing and marking.
 */

import { objectKey } from '../../contract/keys.ts';
import { type Problem, type ProblemKind, type ProblemPlace, problemKey, problemKind } from '../../contract/problem.ts';
import { type Latest, latestKind, type Reason, type Verdict } from '../../contract/verdict.ts';
import {
  ended,
  endedByVerdict,
  KINDS_OF_HOST,
  KINDS_OF_RUN,
  KINDS_OF_SET,
  type Recovery,
  type Trouble,
  withTrouble,
} from '../rules/alerts.ts';
import { bound } from '../rules/findings.ts';
import { changeDocument, readDocument } from './documents.ts';
import { nowText, type Pass } from './pass.ts';

/** Records the trouble. Whoever runs the pass tells of it at the end: lib/announce.ts, or audit's lib/tell-untold.ts. */
export async function record(pass: Pass, trouble: Trouble): Promise<void> {
  const recovery = await newestRecovery(pass, trouble);
  await change(pass, trouble, (current) => withTrouble(current, trouble, recovery, nowText(pass)));
  // A run that was accepted meanwhile has found nothing to end.
  const meanwhile = await newestRecovery(pass, trouble);
  if (meanwhile !== null && meanwhile.at > (recovery?.at ?? '') && meanwhile.at >= trouble.incident.at) {
    await close(pass, trouble, meanwhile, [trouble.kind]);
  }
}

/** Closes what an accepted run ends, of these kinds. */
export async function close(
  pass: Pass,
  of: Omit<ProblemPlace, 'kind'>,
  recovery: Recovery,
  kinds: readonly ProblemKind[],
): Promise<void> {
  const closing = kinds.map((kind) =>
    change(pass, { ...of, kind }, (current) => ended(current, recovery, nowText(pass))),
  );
  await Promise.all(closing);
}

const STACK = { host: null, set: null };

/** Records a problem of the whole stack, as `record` does; it lasts until `closeOfStack`. */
export async function recordOfStack(pass: Pass, kind: ProblemKind, why: Reason): Promise<void> {
  const incident = { policy: null, due: null, run: null, at: nowText(pass) };
  await record(pass, { kind, ...STACK, incident, reasons: [bound(why)] });
}

/** Ends a problem of the whole stack; nothing where there is none. */
export async function closeOfStack(pass: Pass, kind: ProblemKind): Promise<void> {
  await close(pass, STACK, { run: null, at: nowText(pass), good: true }, [kind]);
}

/** Ends the problem that slots of a policy are not dispatched: the one of that due minute was. */
export async function closeNotDispatched(pass: Pass, policy: string, due: string): Promise<void> {
  const place = { kind: 'not-dispatched', host: null, set: null, policy } as const;
  if (mayBeThere(pass, place)) await close(pass, place, { run: null, at: due, good: true }, [place.kind]);
}

/** Ends the problem that audit alone judges manifests: those of that slot were judged before it came. */
export async function closeNotJudged(pass: Pass, due: string): Promise<void> {
  const place = { kind: 'not-judged', ...STACK } as const;
  if (mayBeThere(pass, place)) await close(pass, STACK, { run: null, at: due, good: true }, [place.kind]);
}

/**
 * Closes all that this accepted run of a host's set ends. `isFollowedUp` where the verdict was there before this pass, so
 * that whoever gave it has closed what came later than the pass's own look at `alerts/`.
 */
export async function closeByRun(
  pass: Pass,
  { host, set }: Verdict,
  recovery: Recovery,
  { isFollowedUp }: { isFollowedUp: boolean },
): Promise<void> {
  const concerned = (of: { host: string; set: string | null }, kinds: readonly ProblemKind[]) =>
    close(
      pass,
      of,
      recovery,
      kinds.filter((kind) => !isFollowedUp || mayBeThere(pass, { ...of, kind })),
    );
  await Promise.all([concerned({ host, set }, KINDS_OF_SET), concerned({ host, set: null }, KINDS_OF_HOST)]);
}

/** Closes what says that this run is late, or could not be judged: now it has been judged. */
export async function closeByVerdict(pass: Pass, verdict: Verdict): Promise<void> {
  const { host, set } = verdict;
  const closing = KINDS_OF_RUN.map((kind) => ({ kind, host, set }))
    .filter((place) => mayBeThere(pass, place))
    .map((place) => change(pass, place, (current) => endedByVerdict(current, verdict, nowText(pass))));
  await Promise.all(closing);
}

/** Reads a problem; null where there is none, and where it is damaged: what lasts is recorded anew. */
export async function readProblem({ store }: Pick<Pass, 'store'>, key: string): Promise<Problem | null> {
  return (await readDocument(store, key, problemKind)).document;
}

/** Changes a problem by compare-and-swap. */
async function change(
  pass: Pass,
  place: ProblemPlace,
  step: (current: Problem | null) => Problem | null,
): Promise<void> {
  const key = problemKey(place);
  let isBegun = false;
  const { document, changed } = await changeDocument(pass.store, key, problemKind, (current) => {
    const next = step(current);
    // Begun anew, or not covered any more by what it was told with.
    isBegun = next !== null && next.told === null && (next.began !== current?.began || next.under !== current.under);
    return next;
  });
  if (!changed || document === null) return;
  pass.written.add(key);
  if (isBegun || pass.begun.has(key)) pass.begun.set(key, document);
}

/** False where the pass knows that there is none. Of problems that audit alone records it knows that. */
function mayBeThere({ alerts, written }: Pass, place: ProblemPlace): boolean {
  const key = problemKey(place);
  return alerts === null || alerts.has(key) || written.has(key);
}

/** The accepted run that counts as the end of such trouble, if it is not older. */
async function newestRecovery(pass: Pass, { kind, host, set }: Trouble): Promise<Recovery | null> {
  if (host === null || isOfRun(kind)) return null;
  const records = await Promise.all(setsOf(pass, host, set).map((one) => readLatest(pass, host, one)));
  let newest: Recovery | null = null;
  for (const latest of records) {
    const run = (kind === 'partial' ? latest?.good : latest?.accepted) ?? null;
    if (run !== null && run.at > (newest?.at ?? '')) newest = { run: run.run, at: run.at, good: kind === 'partial' };
  }
  return newest;
}

/** These end with the verdict about their run, not with the success of another one. */
function isOfRun(kind: ProblemKind): boolean {
  return KINDS_OF_RUN.some((one) => one === kind);
}

/** The set that a problem is of, or all sets of its host. */
export function setsOf({ history }: Pass, host: string, set: string | null): readonly string[] {
  return set !== null ? [set] : (history.rulings[0]?.fleet.hosts[host]?.sets ?? []);
}

/** What the stack knows of the newest runs of a set; a damaged record counts as none and is made anew. */
export async function readLatest(pass: Pass, host: string, set: string): Promise<Latest | null> {
  return (await readDocument(pass.store, objectKey({ kind: 'latest', host, set }), latestKind)).document;
}
