/** Would anybody hear an alert? And does anybody outside of the account hear that audit is alive? */

import type { Heartbeat } from '../ports/heartbeat.ts';
import { NobodyListens } from '../ports/notifier.ts';
import type { Pass } from './pass.ts';
import { closeOfStack, recordOfStack } from './problems.ts';

/**
 * Begins or ends the problem that nobody but phones has confirmed a subscription. While it is open that is an error of
 * every audit: it raises an alarm, and keeps the heartbeat out.
 */
export async function auditListeners(pass: Pass): Promise<{ somebodyListens: boolean; errors: unknown[] }> {
  try {
    if (await pass.notifier.hasListener('alerts')) {
      await closeOfStack(pass, 'no-subscriber');
      return { somebodyListens: true, errors: [] };
    }
    const nobody = new NobodyListens('alerts');
    await recordOfStack(pass, 'no-subscriber', {
      code: 'no-subscriber',
      text: `${nobody.message}: every alert waits until somebody has`,
    });
    return { somebodyListens: false, errors: [nobody] };
  } catch (error) {
    // Whoever publishes asks for itself.
    return { somebodyListens: true, errors: [error] };
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
