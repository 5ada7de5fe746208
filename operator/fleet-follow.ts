/**
 * Following runs that were asked for by hand: from the store alone, as anybody may who can read it. What the host leaves
 * there (signs of life, parts, at last the manifest) says how far it is; the verdict is the stack's.
 */

import { runIdForSlot } from '../contract/ids.ts';
import { type Verdict, verdictKind } from '../contract/verdict.ts';
import { readDocument } from '../functions/lib/documents.ts';
import { prefixFinder } from '../functions/lib/node-prefixes.ts';
import { verdictKey } from '../functions/lib/subject.ts';
import { type Traces, tracesOf } from '../functions/lib/traces.ts';
import type { ObjectStore } from '../store/port.ts';
import type { Clock } from '../system/clock.ts';
import { UploadedSoFar } from './fleet-uploaded.ts';

/** Runs of one host and one due second. */
export interface AskedByHand {
  readonly host: string;
  readonly node: string;
  readonly policy: string;
  readonly due: Date;
  readonly deadline: Date;
  readonly sets: readonly string[];
}

export interface FollowedRun {
  readonly set: string;
  readonly run: string;
  /**
   * `asked`: no sign of life yet. `published`: its manifest is there and not yet judged. `skipped`: another run of the
   * set was under way. Else the outcome of its verdict.
   */
  readonly state: 'asked' | 'running' | 'published' | 'skipped' | Verdict['outcome'];
  readonly started: Date | null;
  /** The newest sign of life. */
  readonly alive: Date | null;
  /** Objects and bytes of it that lie in the store. */
  readonly objects: number;
  readonly bytes: number;
  readonly busyWith: Traces['skipped'];
  readonly verdict: Verdict | null;
}

export interface Followed {
  /** `ended`: each run did. `left`: not all did, and nothing more will come. `deadline`: it passed. `stopped`: by the signal. */
  readonly because: 'ended' | 'left' | 'deadline' | 'stopped';
  readonly runs: readonly FollowedRun[];
}

export interface FollowOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds between two looks. */
  readonly every: number;
  /** Called after each look. */
  readonly onLook?: (runs: readonly FollowedRun[]) => void;
  /** Asked before each look: whether it will be the last, because whoever makes the runs is known to have ended. */
  readonly isLast?: () => Promise<boolean>;
}

/** Milliseconds after the deadline in which what ended with it is still heard of: an agent that waited for its turn says so then. */
export const GRACE = 15_000;

/** The runs that a slot asks this host for, by set. */
export function runsAskedFor({ node, policy, due, sets }: AskedByHand): { set: string; run: string }[] {
  return sets.map((set) => ({ set, run: runIdForSlot({ policy, due, node, set }) }));
}

/** Looks until every run has ended, the deadline has passed or the signal is aborted; the runs themselves go on. */
export async function follow(store: ObjectStore, asked: AskedByHand, options: FollowOptions): Promise<Followed> {
  const { clock, signal, every, onLook, isLast } = options;
  const uploads = new Map(runsAskedFor(asked).map((one) => [one.run, new UploadedSoFar(store)]));
  const end = asked.deadline.getTime() + GRACE;
  for (;;) {
    const isLastLook = (await isLast?.()) ?? false;
    const isPast = clock.now().getTime() >= end;
    const runs = await look(store, asked, uploads);
    onLook?.(runs);
    if (runs.every(hasEnded)) return { because: 'ended', runs };
    if (isLastLook) return { because: 'left', runs };
    if (isPast) return { because: 'deadline', runs };
    if (signal.aborted) return { because: 'stopped', runs };
    const left = end - clock.now().getTime();
    await clock.sleep(Math.max(0, Math.min(every, left)), signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

export function hasEnded({ state }: FollowedRun): boolean {
  return state !== 'asked' && state !== 'running' && state !== 'published';
}

async function look(
  store: ObjectStore,
  asked: AskedByHand,
  uploads: ReadonlyMap<string, UploadedSoFar>,
): Promise<FollowedRun[]> {
  const prefixes = await prefixFinder(store)(asked.node);
  const runs = runsAskedFor(asked).map(async ({ set, run }): Promise<FollowedRun> => {
    const key = verdictKey({ host: asked.host, set, run }, asked);
    // Traces first: a manifest that comes in between must not look as if it had no verdict for good.
    const { manifests, started, alive, skipped } = await tracesOf(store, prefixes, { set, run });
    const { document: verdict } = await readDocument(store, key, verdictKind);
    const uploaded = started === null ? { objects: 0, bytes: 0 } : await uploads.get(run)?.look(prefixes, { set, run });
    const state =
      verdict?.outcome ??
      (manifests.length > 0 ? 'published' : skipped !== null ? 'skipped' : started !== null ? 'running' : 'asked');
    const { objects = 0, bytes = 0 } = uploaded ?? {};
    return { set, run, state, started, alive, objects, bytes, busyWith: skipped, verdict };
  });
  return Promise.all(runs);
}
