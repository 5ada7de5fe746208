/** Publishing what a plan says (rules/telling.ts), and marking it after that as told. */

import { type Problem, problemKey, problemKind } from '../../contract/problem.ts';
import { everyOf } from '../../repository/concurrent.ts';
import { NobodyListens, type Topic } from '../ports/notifier.ts';
import { covered, marked, repeated } from '../rules/alerts.ts';
import type { Message, View } from '../rules/render.ts';
import { renderBeginnings, renderEnds } from '../rules/render-groups.ts';
import { MAX_FULL, MAX_ROWS } from '../rules/render-parts.ts';
import { renderRepeat } from '../rules/render-repeat.ts';
import type { Plan } from '../rules/telling.ts';
import { changeDocument } from './documents.ts';
import { nowText, type Pass } from './pass.ts';
import { readLatest, setsOf } from './problems.ts';

/** Documents that are read or marked at a time. */
export const PROBLEMS_AT_ONCE = 64;

/**
 * Sends the plan's messages, each marked before the next; one that fails keeps no other from being sent, and leaves what
 * it tells of untold. Where nobody listens nothing is marked. Returns what went wrong.
 */
export async function carryOut(pass: Pass, plan: Plan, topic: Topic = 'alerts'): Promise<unknown[]> {
  const errors: unknown[] = [];
  const tell = async (message: Message, marks: readonly Mark[]) => {
    await pass.notifier.publish({ topic, ...message });
    errors.push(...(await makeMarks(pass, marks)));
  };
  const messages: (() => Promise<void>)[] = plan.beginnings.map((group) => async () => {
    await tell(
      renderBeginnings(group, await viewOf(pass, group.length > MAX_FULL ? [] : group)),
      group.map(asTold(pass)),
    );
  });
  if (plan.ends.length > 0) {
    const { ends } = plan;
    messages.push(async () => {
      await tell(renderEnds(ends, await viewOf(pass, ends.length > MAX_FULL ? [] : ends)), ends.map(asTold(pass)));
    });
  }
  if (plan.repeat !== null) {
    const { listed, counted } = plan.repeat;
    messages.push(async () => {
      const marks = counted.map(({ problem, repeats }) => ({
        problem,
        mark: (current: Problem | null) => repeated(current, problem, repeats, nowText(pass)),
      }));
      await tell(renderRepeat(listed, await viewOf(pass, listed.slice(0, MAX_ROWS))), marks);
    });
  }
  for (const send of messages) {
    try {
      await send();
    } catch (error) {
      errors.push(error);
      if (error instanceof NobodyListens) return errors;
    }
  }
  const silently = plan.silent.map(asTold(pass, { silently: true }));
  const under = plan.covered.map(({ problem, under }) => ({
    problem,
    mark: (current: Problem | null) => covered(current, problem, under),
  }));
  errors.push(...(await makeMarks(pass, [...silently, ...under])));
  return errors;
}

interface Mark {
  readonly problem: Problem;
  readonly mark: (current: Problem | null) => Problem | null;
}

function asTold(pass: Pass, how: { silently?: boolean } = {}): (problem: Problem) => Mark {
  return (problem) => ({ problem, mark: (current) => marked(current, problem, nowText(pass), how) });
}

async function makeMarks(pass: Pass, marks: readonly Mark[]): Promise<unknown[]> {
  return everyOf(marks, PROBLEMS_AT_ONCE, async ({ problem, mark }) => {
    await changeDocument(pass.store, problemKey(problem), problemKind, mark);
  });
}

/** What messages about these problems say beside them. */
async function viewOf(pass: Pass, problems: readonly Problem[]): Promise<View> {
  const good = new Map<string, ReturnType<View['goodOf']>>();
  const errors = await everyOf(problems, PROBLEMS_AT_ONCE, async (problem) => {
    const { host, set } = problem;
    if (host === null) return;
    const runs = setsOf(pass, host, set).map(async (one) => ({
      set: one,
      run: (await readLatest(pass, host, one))?.good ?? null,
    }));
    good.set(problemKey(problem), await Promise.all(runs));
  });
  if (errors.length > 0) throw errors[0];
  return {
    now: pass.clock.now(),
    displayName: pass.notifier.displayName,
    store: pass.history.rulings[0]?.fleet.store ?? pass.store.url,
    goodOf: (problem) => good.get(problemKey(problem)) ?? [],
  };
}
