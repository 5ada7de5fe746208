/** One run of a set at a time on this machine. */

import { join } from 'node:path';
import { OffsiteError } from '../../contract/errors.ts';
import { instantText } from '../../contract/ids.ts';
import { skippedKind } from '../../contract/run-notes.ts';
import { tryLock } from '../../system/lock-file.ts';
import type { AgentPorts, BackupOptions } from './asked.ts';
import { putNote } from './notes.ts';
import type { RunResult } from './outcome.ts';

/** How often a lock that another run holds is tried again, while the deadline allows. */
const LOCK_POLL = 1000;

/** The run that holds a set, and since when. */
export type Held = { by: string; since: string };

/** Takes the set's lock; while another run holds it, waits as long as a job's deadline allows, else not at all. */
export async function takeLock(
  { set, asked }: BackupOptions,
  run: string,
  now: Date,
  ports: AgentPorts,
): Promise<{ release(): Promise<void> } | Held> {
  const file = join(ports.identity.locks, `${set}.lock`);
  for (;;) {
    const attempt = await tryLock(file, `${run} ${instantText(now)}`);
    if (attempt.acquired) {
      if (attempt.broke !== null)
        ports.notice(`an earlier agent died while it held set ${set}: its lock was taken over`);
      return attempt;
    }
    const [by = '', since = ''] = attempt.owner.note.split(' ');
    if (by === run || asked === null || ports.clock.now() >= asked.deadline) return { by, since };
    await ports.clock.sleep(LOCK_POLL, ports.signal);
  }
}

/** The deadline passed while another run held the set. */
export async function skip(
  { set, asked }: BackupOptions,
  run: string,
  held: Held,
  ports: AgentPorts,
): Promise<RunResult> {
  const error = new OffsiteError('busy', `run ${held.by} of set ${set} is under way since ${held.since}`);
  if (asked !== null) {
    const at = instantText(ports.clock.now());
    const note = { type: skippedKind.type, format: 1, run, at, by: held.by, since: held.since };
    await putNote('skipped', set, run, note, ports);
  }
  return { set, run, outcome: 'skipped', manifest: null, error };
}
