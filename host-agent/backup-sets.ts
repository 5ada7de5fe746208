/** A backup of several sets, one after the other: what a command or a job asks of this host. */

import { OffsiteError, toOffsiteError } from '../contract/errors.ts';
import type { HostConfig } from '../contract/host-config.ts';
import { runIdForSlot } from '../contract/ids.ts';
import type { Job } from '../contract/job.ts';
import { placesOfHost } from '../contract/keys.ts';
import { VERSION } from '../contract/version.ts';
import type { PublicKey } from '../pgp/keys.ts';
import type { ObjectStore } from '../store/port.ts';
import { putOnly } from '../store/put-only.ts';
import { parseStoreUrl } from '../store/url.ts';
import type { Clock } from '../system/clock.ts';
import { backupSet } from './backup.ts';
import { callerOf } from './caller.ts';
import { hostNameOf } from './config.ts';
import type { Warning } from './engine/tally.ts';
import { openIdentity } from './identity.ts';
import type { Asked } from './run/asked.ts';
import { dryRun } from './run/dry-run.ts';
import type { RunResult } from './run/outcome.ts';
import type { RunType } from './run/plan.ts';
import type { Progress } from './run/store-run.ts';

export interface BackupRequest {
  readonly type: RunType | 'auto';
  /** All of the config's where absent. */
  readonly sets?: readonly string[];
  readonly job: Job | null;
  /** The name by which a job knows this machine. */
  readonly node: string;
  readonly dryRun: boolean;
  readonly extraVerify: boolean;
}

export interface HostPorts {
  readonly config: HostConfig;
  readonly recipients: readonly PublicKey[];
  openStore(): Promise<ObjectStore>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly notice: (text: string) => void;
  readonly onSet: (set: string) => void;
  /** Not called with a job. */
  readonly onWarning: (warning: Warning) => void;
  readonly onProgress: (progress: Progress) => void;
}

/** Runs of all sets asked for; none where the job is not for this node. One set's failure does not keep the next from its run. */
export async function backupSets(request: BackupRequest, ports: HostPorts): Promise<RunResult[]> {
  const { config, clock } = ports;
  const asked = request.job === null ? null : askedOf(request.job, request.node);
  if (request.job !== null && asked === null) return [];
  const sets = asked === null ? (request.sets ?? Object.keys(config.sets)) : [...asked.keys()];
  const unknown = sets.find((set) => config.sets[set] === undefined);
  if (unknown !== undefined && asked === null) {
    throw new OffsiteError(
      'usage',
      `no set ${unknown} in the config; there are ${Object.keys(config.sets).join(', ')}`,
    );
  }
  const host = hostNameOf(config);
  const { prefix } = await callerOf(config.store, host, { node: asked === null ? null : request.node });
  const identity = await openIdentity(config.identity, { prefix, host }, clock.now(), ports.notice);
  const opened = await ports.openStore();
  // With a job nothing is read, listed or replaced; so a policy that allows no more is enough, and always tested.
  const store = asked === null ? opened : putOnly(opened, placesOfHost(prefix));
  const { notice, onProgress, signal, recipients } = ports;
  // Nor does a file's name leave the host but encrypted: with a job, AWS keeps what is printed.
  const onWarning = asked === null ? ports.onWarning : () => undefined;
  const location = parseStoreUrl(config.store);
  const never = location.kind === 'directory' ? [location.folder] : [];
  const agent = {
    store,
    clock,
    config,
    identity,
    host,
    recipients,
    agent: VERSION,
    never,
    notice,
    onWarning,
    onProgress,
    signal,
  };
  const results: RunResult[] = [];
  for (const set of sets) {
    ports.onSet(set);
    const options = {
      set,
      type: request.job?.type ?? request.type,
      asked: asked?.get(set) ?? null,
      extraVerify: request.extraVerify,
    };
    try {
      results.push(await (request.dryRun ? dryRun(options, agent) : backupSet(options, agent)));
    } catch (error) {
      if (signal?.aborted)
        throw new OffsiteError('interrupted', `the backup of set ${set} was stopped`, { cause: error });
      const failure = toOffsiteError(error);
      results.push({ set, run: options.asked?.run ?? null, outcome: 'failed', manifest: null, error: failure });
    }
  }
  return results;
}

/** A node's part of a job, by set; null where it has none. */
function askedOf(job: Job, node: string): Map<string, Asked> | null {
  const sets = job.hosts[node];
  if (sets === undefined) return null;
  const due = new Date(job.due);
  const { policy, splay } = job;
  const deadline = new Date(job.deadline);
  return new Map(
    Object.entries(sets).map(([set, known]) => [
      set,
      { run: runIdForSlot({ policy, due, node, set }), policy, due: job.due, deadline, splay, set: known },
    ]),
  );
}
