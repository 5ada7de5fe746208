/**
 * Complete: a reason to look at a run. A manifest was put, an acceptance was put, a command ended; the events come late,
 * twice, in any order, or not at all, so they say only where to look. What is found decides:
 *
 * - a manifest is judged, and outweighs whatever its command says (exit codes 3 and 75 are "Failed" for SSM);
 * - a command that failed and left no manifest is a failed run, unless the run may still be under way.
 *
 * What begins by it is told at once, unless it is one of many. That something has ended is audit's to tell, for only then
 * it is known what else is wrong with the host.
 */

import { runInstant } from '../contract/ids.ts';
import { parseObjectKey } from '../contract/keys.ts';
import type { Verdict } from '../contract/verdict.ts';
import { everyOf } from '../repository/concurrent.ts';
import { judgeRun, putAndWalk, type Unjudged } from './judge-run.ts';
import { announce } from './lib/announce.ts';
import { type AskedSlot, askedSlot } from './lib/asked.ts';
import { beginPass, type Pass } from './lib/pass.ts';
import { verdictKey } from './lib/subject.ts';
import { tracesOf } from './lib/traces.ts';
import type { AskedRun } from './rules/slots.ts';
import { commandFailed } from './rules/trouble.ts';
import { verdictWithoutManifest } from './rules/verdict-of.ts';
import type { Stack } from './stack.ts';

/** An object was created under this key. */
export interface ObjectCreated {
  readonly kind: 'object';
  readonly key: string;
}

/** The command of a slot ended on a node. */
export interface CommandEnded {
  readonly kind: 'command';
  readonly node: string;
  /** From the command's comment; see parseSlotComment. */
  readonly policy: string;
  readonly due: Date;
  /** The agent's exit code; -1 where it was never run, null where nobody knows. */
  readonly responseCode: number | null;
}

export interface Completed {
  /** Every run that was looked at and has a verdict now, or why it has none. */
  readonly runs: readonly { readonly run: string; readonly verdict: Verdict | Unjudged | 'waiting' }[];
  /** What went wrong. Whoever runs this must fail where there is any, so that it is run again. */
  readonly errors: readonly unknown[];
}

/** Exit codes with which the agent says that a manifest, or a note that another run is busy, is there or on its way. */
const NOT_FAILED = [0, 3, 75];

/** Looks at what an event is about. Safe to be called for any event, however often. */
export async function complete(stack: Stack, event: ObjectCreated | CommandEnded): Promise<Completed> {
  return event.kind === 'object' ? completeObject(stack, event.key) : completeCommand(stack, event);
}

async function completeObject(stack: Stack, key: string): Promise<Completed> {
  const place = parseObjectKey(key);
  if (place?.kind !== 'manifest' && place?.kind !== 'accepted') return { runs: [], errors: [] };
  const { prefix, set, run } = place;
  try {
    const pass = await beginPass(stack, runInstant(run));
    const runs: Completed['runs'][number][] = [];
    const errors = await everyOf([{ prefix, set, run }], 1, async (one) => {
      runs.push({ run, verdict: await judgeRun(pass, one) });
    });
    return { runs, errors: [...errors, ...(await announce(pass))] };
  } catch (error) {
    return { runs: [], errors: [error] };
  }
}

async function completeCommand(stack: Stack, ended: CommandEnded): Promise<Completed> {
  const pass = await beginPass(stack, ended.due);
  const slot = await askedSlot(pass, ended.policy, ended.due);
  const ofNode = slot?.asked.filter(({ node }) => node === ended.node) ?? [];
  const runs: Completed['runs'][number][] = [];
  const errors = await everyOf(ofNode, 1, async (asked) => {
    if (slot !== null) runs.push({ run: asked.run, verdict: await completeAsked(pass, slot, asked, ended) });
  });
  return { runs, errors: [...errors, ...(await announce(pass))] };
}

async function completeAsked(
  pass: Pass,
  slot: AskedSlot,
  asked: AskedRun,
  { responseCode }: CommandEnded,
): Promise<Verdict | Unjudged | 'waiting'> {
  const { manifests, started } = await tracesOf(pass.store, await pass.prefixesOf(asked.node), asked);
  const judged: (Verdict | Unjudged)[] = [];
  for (const place of manifests) judged.push(await judgeRun(pass, place));
  if (judged[0] !== undefined) return judged[0];
  if (responseCode === null || responseCode < 0 || NOT_FAILED.includes(responseCode)) return 'waiting';
  // Another delivery of the same command may be at work, and a manifest on its way.
  if (started !== null && pass.clock.now() < slot.deadline) return 'waiting';

  const verdict = verdictWithoutManifest({ ...asked, slot }, 'command', commandFailed(responseCode), pass.clock.now());
  return putAndWalk(pass, verdict, verdictKey(asked, slot));
}
