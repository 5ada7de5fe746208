/** Full or incremental: what was asked, what is possible, and why it differs. */

import type { HostConfig } from '../../contract/host-config.ts';
import type { Promotion } from '../../contract/manifest.ts';
import type { State, StateFolder } from '../state/state.ts';
import type { Position } from './position.ts';

export type RunType = 'full' | 'incremental';

export interface RunPlan {
  readonly requested: RunType | 'auto';
  readonly actual: RunType;
  /** Why an incremental became a full; null where nothing did. `auto` without any base is no promotion. */
  readonly promoted: Promotion | null;
  /** What an incremental builds on. */
  readonly base: State | null;
  /** The base's figures for the gates, of a full too; null where no state knows them. */
  readonly compareWith: State | null;
}

/** Decides. Never throws: whatever is missing or too old only makes the run a full. */
export async function planRun(
  asked: { type: RunType | 'auto'; prefix: string; set: string; recipients: readonly string[]; now: Date },
  position: Position,
  ports: { states: StateFolder; config: HostConfig },
): Promise<RunPlan> {
  const state = await openBase(asked, position, ports.states);
  const full = (promoted: Promotion | null): RunPlan => ({
    requested: asked.type,
    actual: 'full',
    promoted,
    base: null,
    compareWith: state,
  });
  if (asked.type === 'full') return full(null);
  const obstacle = obstacleTo(asked, position, state, ports.config);
  if (obstacle === null && state !== null) {
    return { requested: asked.type, actual: 'incremental', promoted: null, base: state, compareWith: state };
  }
  return full(asked.type === 'auto' && obstacle === 'no-base' ? null : obstacle);
}

/** Below this a chain's size is no reason to begin anew: of a tiny set, indexes alone soon outgrow the full. */
const SMALL_CHAIN = 8 * 2 ** 20;

/** State of exactly the base that is named. */
async function openBase(
  of: { prefix: string; set: string },
  position: Position,
  states: StateFolder,
): Promise<State | null> {
  if (position.base === null) return null;
  const state = await states.open({ prefix: of.prefix, set: of.set, run: position.base.run });
  return state?.info.payload === position.base.payload ? state : null;
}

function obstacleTo(
  asked: { recipients: readonly string[]; now: Date },
  position: Position,
  state: State | null,
  config: HostConfig,
): Promotion | null {
  if (position.isForked) return 'fork';
  if (position.base === null) return 'no-base';
  if (state === null) return 'no-state';
  const { recipients, chainStarted, chainRuns, fullBytes, incrementalBytes } = state.info;
  if (recipients.join() !== asked.recipients.join()) return 'recipients-changed';
  // A clock that jumped makes a full too early or too late, never a backup that cannot be restored.
  if (asked.now.getTime() - Date.parse(chainStarted) > config.chain.maxAge) return 'chain-age';
  if (chainRuns >= config.chain.maxRuns) return 'chain-runs';
  if (incrementalBytes > Math.max(fullBytes, SMALL_CHAIN)) return 'chain-size';
  return null;
}
