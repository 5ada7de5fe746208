/** Would anybody hear an alert? And does anybody outside of the account hear that audit is alive? */

import { problemKey } from '../../contract/problem.ts';
import type { Heartbeat } from '../ports/heartbeat.ts';
import { NobodyListens } from '../ports/notifier.ts';
import { planOf } from '../rules/telling.ts';
import type { Pass } from './pass.ts';
import { closeOfStack, readProblem, recordOfStack } from './problems.ts';
import { carryOut } from './tell.ts';

const KIND = 'no-subscriber';
const KEY = problemKey({ kind: KIND, host: null, set: null });

/**
 * Begins or ends the problem that nobody but phones has confirmed a subscription. Its beginning and its repeats go to the
 * topic for alarms. While it is open that is an error of every audit: it raises an alarm, and keeps the heartbeat out.
 */
export async function auditListeners(pass: Pass): Promise<{ somebodyListens: boolean; errors: unknown[] }> {
  try {
    if (await pass.notifier.hasListener('alerts')) {
      await closeOfStack(pass, KIND);
      return { somebodyListens: true, errors: [] };
    }
  } catch (error) {
    // Whoever publishes asks for itself.
    return { somebodyListens: true, errors: [error] };
  }
  const nobody = new NobodyListens('alerts');
  return { somebodyListens: false, errors: [nobody, ...(await tellOtherwise(pass, nobody.message))] };
}

async function tellOtherwise(pass: Pass, why: string): Promise<unknown[]> {
  try {
    await recordOfStack(pass, KIND, { code: KIND, text: `${why}: every alert waits until somebody has` });
    const problem = await readProblem(pass, KEY);
    if (problem === null) return [];
    const now = pass.clock.now();
    const plan = planOf([problem], {
      now,
      isRipe: () => true,
      deadlineOf: () => 0,
      isWatched: () => true,
      isWhole: true,
    });
    const errors = await carryOut(pass, plan, 'alarms');
    // Nobody hears of it in this way either: it stays untold.
    return errors.filter((error) => !(error instanceof NobodyListens));
  } catch (error) {
    return [error];
  }
}

/** Asks the fleet file's heartbeat URL. Returns why nobody took it, which is no fault of this stack's. */
export async function beatHeart(pass: Pass, heartbeat: Heartbeat | undefined): Promise<string[]> {
  const url = pass.history.rulings[0]?.fleet.heartbeat;
  if (url === undefined || heartbeat === undefined) return [];
  try {
    await heartbeat.beat(url);
    return [];
  } catch (error) {
    const { message, cause } = error instanceof Error ? error : new Error(String(error));
    const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
    // Whoever knows the rest of the URL may send heartbeats in the stack's name.
    return [`the heartbeat ${new URL(url).origin}/… was not taken: ${why}`];
  }
}
