/** The telling of an audit: what it recorded itself, what others recorded and could not tell, ends, and repeats. */

import { instantText } from '../../contract/ids.ts';
import { ALL_ALERTS } from '../../contract/keys.ts';
import { type Problem, problemKey, problemPlace } from '../../contract/problem.ts';
import type { AuditState } from '../../contract/verdict.ts';
import { everyOf } from '../../repository/concurrent.ts';
import { isHeard } from '../rules/repeats.ts';
import { type Circumstances, planOf } from '../rules/telling.ts';
import { rulingAt } from './fleet-archive.ts';
import type { Pass } from './pass.ts';
import { readProblem } from './problems.ts';
import { carryOut, PROBLEMS_AT_ONCE } from './tell.ts';

/** Whoever recorded a problem has so long to tell it. */
const PATIENCE = 5 * 60_000;
/** How far the store's clock, which dates the documents, may be from ours. */
const CLOCKS_DIFFER = 60 * 60_000;
/** All problems are looked at once a day, whatever is known of them. */
const LOOK_EVERY = 24 * 60 * 60_000;
/** Of policies that no fleet file has any more. */
const DEFAULT_DEADLINE = 24 * 60 * 60_000;

export interface Told {
  /** Problems told that others had recorded. */
  readonly toldAnew: number;
  /** For audit's place. */
  readonly told: string;
  readonly nextLook: string | null;
  readonly errors: unknown[];
}

/**
 * Tells what is to be told now. It looks at every problem that was written since `state.told`, and at those that have to
 * do with them: marking a problem as told writes it, so whatever is older has been told. What is due to be repeated
 * nothing points to, so from `state.nextLook` on it looks at all of them. Both stay where they are as long as something
 * cannot be told.
 */
export async function tellUntold(pass: Pass, state: Pick<AuditState, 'told' | 'nextLook'>, now: Date): Promise<Told> {
  let isWhole = state.nextLook === null || +now >= Date.parse(state.nextLook);
  const look = async () => {
    const found = await concerned(pass, isWhole ? 0 : Date.parse(state.told) - CLOCKS_DIFFER);
    return { errors: found.errors, plan: planOf(found.problems, circumstances(pass, now, isWhole)) };
  };
  let { plan, errors } = await look();
  // What has been opened again may be due for a repeat at once.
  if (!isWhole && plan.lookAgain !== null && plan.lookAgain <= now) {
    isWhole = true;
    ({ plan, errors } = await look());
  }
  errors.push(...(await carryOut(pass, plan)));
  if (errors.length > 0) return { toldAnew: 0, told: state.told, nextLook: state.nextLook, errors };

  const isAnothers = (problem: Problem) => !pass.begun.has(problemKey(problem));
  const before = isWhole || state.nextLook === null ? Number.POSITIVE_INFINITY : Date.parse(state.nextLook);
  const nextLook = Math.min(before, +(plan.lookAgain ?? Number.POSITIVE_INFINITY), +now + LOOK_EVERY);
  return {
    toldAnew: plan.beginnings.flat().filter(isAnothers).length,
    told: instantText(plan.waitingSince ?? now),
    nextLook: instantText(new Date(nextLook)),
    errors,
  };
}

function circumstances({ begun, history }: Pass, now: Date, isWhole: boolean): Circumstances {
  return {
    now,
    isWhole,
    isRipe: (problem) => begun.has(problemKey(problem)) || Date.parse(problem.recorded) <= +now - PATIENCE,
    isWatched: ({ host, set, policy }) => {
      const fleet = history.rulings[0]?.fleet;
      if (fleet === undefined) return true;
      if (host === null) return policy === null || Object.hasOwn(fleet.policies, policy);
      return Object.hasOwn(fleet.hosts, host) && (set === null || fleet.hosts[host]?.sets.includes(set) === true);
    },
    deadlineOf: (policy, due) => {
      const policies = rulingAt(history, due)?.fleet.policies ?? {};
      return (Object.hasOwn(policies, policy) ? policies[policy]?.deadline : undefined) ?? DEFAULT_DEADLINE;
    },
  };
}

/** The problems written since then; where there may be something to tell, all of their hosts too, and what covers them. */
async function concerned(pass: Pass, since: number): Promise<{ problems: Problem[]; errors: unknown[] }> {
  const listed = new Map<string, { of: string; isRecent: boolean }>();
  for await (const { key, lastModified } of pass.store.list(ALL_ALERTS)) {
    const place = problemPlace(key);
    if (place === null) continue;
    const of = place.host ?? place.kind;
    listed.set(key, { of, isRecent: +lastModified >= since });
  }
  const found = new Map<string, Problem | null>();
  const errors: unknown[] = [];
  const read = async (keys: Iterable<string>) => {
    const missing = [...new Set(keys)].filter((key) => listed.has(key) && !found.has(key));
    const failed = await everyOf(missing, PROBLEMS_AT_ONCE, async (key) => {
      found.set(key, await readProblem(pass, key));
    });
    errors.push(...failed);
  };
  const problems = () => [...found.values()].filter((problem) => problem !== null);

  await read([...listed].filter(([, { isRecent }]) => isRecent).map(([key]) => key));
  // What covers one may be covered itself, and what covers that one has to be known as well.
  for (let before = -1; found.size > before; ) {
    before = found.size;
    // What was marked as told without a message covers nothing any more, and what it covered does not say so.
    const changing = problems().filter((problem) => !isHeard(problem) || problem.closed !== null);
    const owners = new Set(changing.map(({ host, kind }) => host ?? kind));
    await read([...listed].filter(([, { of }]) => owners.has(of)).map(([key]) => key));
    await read(problems().flatMap(({ under }) => under ?? []));
  }
  return { problems: problems(), errors };
}
