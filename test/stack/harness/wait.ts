/** Waiting, never without a limit. */

import { setTimeout as sleep } from 'node:timers/promises';

/** Looks until there is something, for at most `limit` milliseconds; then throws, saying what did not come. */
export async function waitFor<Found>(
  what: string,
  look: () => Promise<Found | null> | Found | null,
  limit = 30_000,
): Promise<Found> {
  const until = performance.now() + limit;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() >= until) throw new Error(`waited ${limit / 1000} s in vain for ${what}`);
    await sleep(150);
  }
}

/** Until an instant by the machine's clock; `most` milliseconds at most. */
export async function sleepUntil(instant: Date, most = 150_000): Promise<void> {
  const wait = instant.getTime() - Date.now();
  if (wait > most) throw new Error(`${instant.toISOString()} is too far away to wait for`);
  if (wait > 0) await sleep(wait);
}
