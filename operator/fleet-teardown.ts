/**
 * `offsite fleet teardown`: what the stack made that CloudFormation does not know of, the rules of the schedules, is
 * taken away. Nothing here touches a bucket: backups stay, and so does what protects them.
 */

import { OffsiteError } from '../contract/errors.ts';
import { FleetArchive } from '../functions/lib/fleet-archive.ts';
import type { ObjectStore } from '../store/port.ts';

/** What the stack keeps beside its store: on AWS rules of EventBridge, in local/ files. */
export interface TeardownPort {
  /** Names of what would be removed; never of anything that another stack or a person made. */
  leftovers(): Promise<readonly string[]>;
  /** Removes all of that, present or not. */
  removeLeftovers(): Promise<void>;
  /** What stays, in words. */
  readonly stays: readonly string[];
  /** What to type next; empty where nothing is left to do. */
  readonly next: readonly string[];
}

/**
 * The name of the stack that is meant: the fleet file's, which `named` must be where both are there. Throws
 * `stack-mismatch` where they differ, and `usage` where neither is known.
 */
export async function stackToTearDown(
  store: ObjectStore | null,
  named: string | undefined,
  now: Date,
): Promise<string> {
  const fleet = store === null ? undefined : (await new FleetArchive(store).history(now)).rulings[0]?.fleet;
  if (fleet === undefined && named === undefined) {
    throw new OffsiteError('usage', 'there is no fleet file that names the stack: give --stack NAME');
  }
  if (fleet !== undefined && named !== undefined && fleet.stack !== named) {
    throw new OffsiteError('stack-mismatch', `the store belongs to the stack ${fleet.stack}, not to ${named}`);
  }
  return named ?? fleet?.stack ?? '';
}
