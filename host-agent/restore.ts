/**
 * Restoring: the plan says what; here it is done.
 *
 *     directories, closed to others -> what is there already -> parts: fetch ► hash ► decrypt ► verify ► write
 *     -> what needs no part -> further names of files -> attributes of directories
 *
 * Whatever happens, nothing outside the target is touched, nothing is written that was not verified, no file has its
 * name before it is complete, and nothing that is there is replaced unless that was asked for. A damaged part costs the
 * files with content in it, and those alone.
 */

import { closeSync } from 'node:fs';
import type { RunReader } from '../repository/run-reader.ts';
import { Breath } from './restore/breath.ts';
import { DEFAULT_MEMORY, restoreBudget } from './restore/budget.ts';
import { ContentRestorer } from './restore/content.ts';
import { Directories } from './restore/directories.ts';
import { openTarget } from './restore/directory-handles.ts';
import { Existing } from './restore/existing.ts';
import { fetchParts } from './restore/fetch.ts';
import { Outcome, type RestoreReport } from './restore/outcome.ts';
import { type Accounts, foreignOwners, readAccounts } from './restore/owners.ts';
import { Placer } from './restore/placer.ts';
import type { RestorePlan } from './restore/plan.ts';
import { startPool } from './restore/pool.ts';
import type { ReadyThreads } from './restore/ready-threads.ts';
import { Staging } from './restore/staging.ts';
import { WithoutContent } from './restore/without-content.ts';

export { catFile } from './restore/cat.ts';
export type { RestoreReport } from './restore/outcome.ts';
export { type PlanSummary, planRestore, type RestorePlan } from './restore/plan.ts';

export { ReadyThreads } from './restore/ready-threads.ts';

export interface RestoreProgress {
  /** Files that are complete and bytes that are there, as far as can be told, of how many. */
  readonly files: number;
  readonly bytes: number;
  readonly ofFiles: number;
  readonly ofBytes: number;
}

export interface RestoreOptions {
  /** The run that the plan was made of. */
  readonly reader: RunReader;
  readonly plan: RestorePlan;
  /** The directory to restore into; made if it is missing. */
  readonly target: string;
  /** Replace files and links that differ; else they are kept, and reported. Directories are never replaced. */
  readonly overwrite?: boolean;
  /** False leaves everything to whoever restores. Without the rights for it, the same happens, and is reported. */
  readonly setOwner?: boolean;
  /** Bytes of memory for parts and their content; 112 MB if not given. */
  readonly memory?: number;
  /** Threads; 0 for none besides the present one. Decided by the plan if not given. */
  readonly workers?: number;
  /** Threads that have been started already; whoever made them ends those that are left. */
  readonly threads?: ReadyThreads;
  /** This machine's accounts; read from /etc if not given. */
  readonly accounts?: Accounts;
  readonly onProgress?: (progress: RestoreProgress) => void;
  /** Ends the restore after the parts in work: `interrupted`. The same call continues it. */
  readonly signal?: AbortSignal;
}

/**
 * Restores what the plan says and reports entry by entry what could not be. Throws only for what stops everything:
 * `target-unusable`, `interrupted`, `store-transient`, `store-throttled`. Also then, what is complete stays.
 */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const { reader, plan, target, overwrite = false, setOwner = true, signal } = options;
  const { table, summary } = plan;
  const { handle: root, isNew } = openTarget(target);
  const budget = restoreBudget(plan, options.memory ?? DEFAULT_MEMORY, options.workers);
  const outcome = new Outcome(plan);
  let partsDone = 0;
  const onStep = () => {
    const { files, bytes } = outcome.progress;
    // A large file is complete only with its last part; until then the parts say how far it is.
    const byParts = Math.floor(summary.bytes * Math.min(1, partsDone / Math.max(1, summary.parts)));
    options.onProgress?.({ files, bytes: Math.max(bytes, byParts), ofFiles: summary.files, ofBytes: summary.bytes });
  };
  const onPart = () => {
    partsDone++;
    onStep();
  };
  const breath = new Breath(signal, onStep);
  const placer = new Placer({ root, overwrite, setOwner });
  const staging = new Staging(plan, { placer, outcome });
  outcome.whenSettled((index) => staging.settled(index));
  const directories = new Directories(plan, { placer, outcome, staging });
  const existing = new Existing(table, { placer, outcome, staging, breath });
  const rest = new WithoutContent(table, { placer, outcome, staging, breath });
  const pool = startPool(budget.workers, { root, overwrite, setOwner }, options.threads);
  const consumer = new ContentRestorer(table, { placer, outcome, staging, pool, onPart });
  try {
    breath.check();
    try {
      directories.makeAll(isNew);
      await existing.survey(directories);
      const fetching = fetchParts({ reader, plan, consumer }, { budget, breath });
      // The threads come first: what this one does by itself takes turns with giving them parts.
      const others = Promise.race([pool.busy, fetching.catch(() => {})]).then(() => rest.placeAll());
      await all(fetching, others);
      await rest.linkAll(existing);
    } finally {
      consumer.discardAll();
      directories.finishAll();
    }
    onStep();
  } finally {
    await pool[Symbol.asyncDispose]();
    placer[Symbol.dispose]();
    closeSync(root);
  }
  outcome.notSet.addAll(placer.notSet.take());
  outcome.notSet.add('xattrs', table.withXattrs.size);
  if (setOwner) outcome.notSet.add('owner-name', foreignOwners(table, options.accounts ?? readAccounts()));
  return outcome.report();
}

/** Waits for all of them also when one fails, and then throws that failure. */
async function all(...jobs: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(jobs)) {
    if (result.status === 'rejected') throw result.reason;
  }
}
