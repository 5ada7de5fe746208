/**
 * Problems, recorded, told and closed. The order makes that none is lost: recorded with `told: null`, published, then
 * marked told. Whoever dies in between leaves an untold problem, which audit publishes anew; so a message comes twice
 * only where its publisher died between publishing and marking.
 */

import { objectKey } from '../../contract/keys.ts';
import { type Problem, type ProblemKind, problemKey, problemKind } from '../../contract/problem.ts';
import { type Latest, latestKind, type Reason, type Verdict } from '../../contract/verdict.ts';
import {
  ended,
  endedByVerdict,
  KINDS_OF_HOST,
  KINDS_OF_SET,
  marked,
  type Recovery,
  type Trouble,
  untold,
  withTrouble,
} from '../rules/alerts.ts';
import { bound } from '../rules/findings.ts';
import { type Message, renderProblem, renderRecovery, type View } from '../rules/render.ts';
import { changeDocument, readDocument } from './documents.ts';
import { nowText, type Pass } from './pass.ts';

/** Records the trouble; `announce` must follow where it returns a problem. Null where everybody concerned knows already. */
export async function record(pass: Pass, trouble: Trouble): Promise<Problem | null> {
  const recovery = await newestRecovery(pass, trouble);
  const change = (current: Problem | null) => withTrouble(current, trouble, recovery, nowText(pass));
  const { document, changed } = await changeDocument(pass.store, problemKey(trouble), problemKind, change);
  return changed && document !== null && untold(document) !== null ? document : null;
}

/** Closes what an accepted run ends, of these kinds; `announce` must follow. */
export async function close(
  pass: Pass,
  of: { host: string | null; set: string | null },
  recovery: Recovery,
  kinds: readonly ProblemKind[],
): Promise<Problem[]> {
  const closed = kinds.map(async (kind) => {
    const change = (current: Problem | null) => ended(current, recovery, nowText(pass));
    const { document, changed } = await changeDocument(pass.store, problemKey({ kind, ...of }), problemKind, change);
    return changed && document !== null ? [document] : [];
  });
  return (await Promise.all(closed)).flat();
}

const STACK = { host: null, set: null };

/** Records a problem of the whole stack, as `record` does; it lasts until `closeOfStack`. */
export async function recordOfStack(pass: Pass, kind: ProblemKind, why: Reason): Promise<Problem | null> {
  const incident = { policy: null, due: null, run: null, at: nowText(pass) };
  return record(pass, { kind, ...STACK, incident, reasons: [bound(why)] });
}

/** Ends a problem of the whole stack; nothing where there is none. */
export async function closeOfStack(pass: Pass, kind: ProblemKind): Promise<Problem[]> {
  return close(pass, STACK, { run: null, at: nowText(pass), good: true }, [kind]);
}

/** Closes all that this accepted run of a host's set ends. */
export async function closeByRun(pass: Pass, { host, set }: Verdict, recovery: Recovery): Promise<Problem[]> {
  const [ofSet, ofHost] = await Promise.all([
    close(pass, { host, set }, recovery, KINDS_OF_SET),
    close(pass, { host, set: null }, recovery, KINDS_OF_HOST),
  ]);
  return [...ofSet, ...ofHost];
}

/** Closes the notice that this run is late: now it has been judged. */
export async function closeLate(pass: Pass, verdict: Verdict): Promise<Problem[]> {
  const key = problemKey({ kind: 'late', host: verdict.host, set: verdict.set });
  const change = (current: Problem | null) => endedByVerdict(current, verdict, nowText(pass));
  const { document, changed } = await changeDocument(pass.store, key, problemKind, change);
  return changed && document !== null ? [document] : [];
}

/**
 * Publishes what has not been told of these problems, which are of one host, and marks it. All ends go into one notice.
 * Throws what the notifier throws, after it has tried them all; then they stay untold.
 */
export async function announce(pass: Pass, problems: readonly Problem[]): Promise<void> {
  const errors: unknown[] = [];
  const attempt = async (message: () => Message, about: readonly Problem[]) => {
    try {
      await pass.notifier.publish({ topic: 'alerts', ...message() });
      for (const problem of about) await markTold(pass, problem);
    } catch (error) {
      errors.push(error);
    }
  };
  for (const problem of problems) {
    if (untold(problem) === 'end' || untold(problem) === null) continue;
    const view = await viewOf(pass, problem);
    await attempt(() => renderProblem(problem, view), [problem]);
  }
  const [first, ...others] = problems.filter((problem) => untold(problem) === 'end');
  if (first !== undefined) {
    const view = await viewOf(pass, [first, ...others].find(({ set }) => set !== null) ?? first);
    await attempt(() => renderRecovery([first, ...others], view), [first, ...others]);
  }
  if (errors.length > 0) throw errors[0];
}

async function markTold(pass: Pass, problem: Problem): Promise<void> {
  await changeDocument(pass.store, problemKey(problem), problemKind, (current) =>
    marked(current, problem, nowText(pass)),
  );
}

/** The accepted run that counts as the end of such trouble, if it is not older. */
async function newestRecovery(pass: Pass, { kind, host, set }: Trouble): Promise<Recovery | null> {
  if (host === null) return null;
  const records = await Promise.all(setsOf(pass, host, set).map((one) => readLatest(pass, host, one)));
  let newest: Recovery | null = null;
  for (const latest of records) {
    const run = (kind === 'partial' ? latest?.good : latest?.accepted) ?? null;
    if (run !== null && run.at > (newest?.at ?? '')) newest = { run: run.run, at: run.at, good: kind === 'partial' };
  }
  return newest;
}

async function viewOf(pass: Pass, { host, set }: Problem): Promise<View> {
  const good: View['good'] =
    host === null
      ? []
      : await Promise.all(
          setsOf(pass, host, set).map(async (one) => ({
            set: one,
            run: (await readLatest(pass, host, one))?.good ?? null,
          })),
        );
  const store = pass.history.rulings[0]?.fleet.store ?? pass.store.url;
  return { now: pass.clock.now(), displayName: pass.notifier.displayName, store, good };
}

function setsOf(pass: Pass, host: string, set: string | null): readonly string[] {
  return set !== null ? [set] : (pass.history.rulings[0]?.fleet.hosts[host]?.sets ?? []);
}

/** What the stack knows of the newest runs of a set; a damaged record counts as none and is made anew. */
async function readLatest(pass: Pass, host: string, set: string): Promise<Latest | null> {
  return (await readDocument(pass.store, objectKey({ kind: 'latest', host, set }), latestKind)).document;
}
