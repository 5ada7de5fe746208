/** What a run is asked to be, and what the agent hands to it. */

import { join } from 'node:path';
import type { HostConfig } from '../../contract/host-config.ts';
import type { SetJob } from '../../contract/job.ts';
import type { PublicKey } from '../../pgp/keys.ts';
import type { ObjectStore } from '../../store/port.ts';
import type { Clock } from '../../system/clock.ts';
import type { Warning } from '../engine/tally.ts';
import type { Identity } from '../identity.ts';
import type { RunType } from './plan.ts';
import type { Progress } from './store-run.ts';

export interface AgentPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly config: HostConfig;
  readonly identity: Identity;
  /** The host's name in the fleet. */
  readonly host: string;
  readonly recipients: readonly PublicKey[];
  /** Version of the agent, for the manifest. */
  readonly agent: string;
  /** Folders that are never backed up, beside the state folder: a directory store. */
  readonly never: readonly string[];
  readonly notice: (text: string) => void;
  readonly onWarning: (warning: Warning) => void;
  readonly onProgress: (progress: Progress) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What a job says of one set; null for an unasked run. */
export interface Asked {
  readonly run: string;
  readonly policy: string;
  readonly due: string;
  readonly deadline: Date;
  /** Seconds to wait before the work begins. */
  readonly splay: number;
  readonly set: SetJob;
}

/** Where a set's state is; beside it the state folder may hold the identity. */
export const setFolder = (config: HostConfig, set: string): string => join(config.state, 'sets', set);

export interface BackupOptions {
  readonly set: string;
  readonly type: RunType | 'auto';
  readonly asked: Asked | null;
  readonly extraVerify: boolean;
}

export const publisherOf = ({ identity, store }: AgentPorts) => ({ prefix: identity.prefix, store: store.url });
