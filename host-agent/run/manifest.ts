/** From what a run knows to what its manifest and index say. */

import { type DocumentOf, FORMAT } from '../../contract/document.ts';
import type { OffsiteError } from '../../contract/errors.ts';
import { type SetConfig, setConfigHash } from '../../contract/host-config.ts';
import { instantText } from '../../contract/ids.ts';
import { parseObjectKey } from '../../contract/keys.ts';
import {
  CIPHER,
  type Counts,
  type Manifest,
  manifestKind,
  type Outcome,
  type Source,
} from '../../contract/manifest.ts';
import { encodePath, indexKind, type ListingChunk } from '../../contract/run-index.ts';
import type { RunTally } from '../engine/tally.ts';
import type { GateResult } from '../source/gates.ts';
import { ScriptError, type StagedScript } from '../source/stage.ts';
import type { RunPlan } from './plan.ts';
import type { Position } from './position.ts';

/** What is fixed when a run begins. */
export interface RunHead {
  readonly name: string;
  readonly prefix: string;
  readonly set: string;
  readonly run: string;
  readonly policy: string | null;
  readonly due: string | null;
  readonly started: Date;
  readonly agent: string;
  readonly recipients: readonly string[];
  readonly config: SetConfig;
}

type Common = Omit<
  Manifest,
  | 'chain'
  | 'sources'
  | 'keyObjects'
  | 'objects'
  | 'index'
  | 'counts'
  | 'outcome'
  | 'gates'
  | 'warnings'
  | 'error'
  | 'finished'
  | 'scripts'
>;

function common(head: RunHead, plan: RunPlan | null, position: Position, requested: RunPlan['requested']): Common {
  const { name, prefix, set, run, policy, due, started, agent, recipients } = head;
  const base = plan?.base?.info;
  return {
    type: manifestKind.type,
    format: FORMAT,
    name,
    prefix,
    set,
    run,
    sequence: position.sequence,
    previous: position.previous,
    base: base === undefined ? null : { run: base.run, payload: base.payload },
    requested,
    actual: plan?.actual ?? (requested === 'incremental' ? 'incremental' : 'full'),
    promoted: plan?.promoted ? { reason: plan.promoted } : null,
    policy,
    due,
    started: instantText(started),
    agent,
    cipher: CIPHER,
    recipients: [...recipients].sort(),
    configHash: setConfigHash(head.config),
    stateLost: position.stateLost || plan?.promoted === 'no-state',
    ledgerUnknown: position.ledgerUnknown,
  };
}

export interface Stored {
  readonly chain: string;
  readonly sources: Source[];
  readonly keyObjects: Manifest['keyObjects'];
  readonly objects: Manifest['objects'];
  readonly index: string;
  readonly counts: Counts;
}

/** The manifest of a run that stored a backup. */
export function manifestOf(
  head: RunHead,
  plan: RunPlan,
  position: Position,
  stored: Stored,
  found: {
    outcome: Outcome;
    gates: readonly GateResult[];
    scripts: readonly StagedScript[];
    tally: RunTally;
    finished: Date;
  },
): Manifest {
  return {
    ...common(head, plan, position, plan.requested),
    ...stored,
    objects: inOrder(stored.objects),
    finished: instantText(found.finished),
    outcome: found.outcome,
    gates: found.gates.map(({ gate, expected, found: number, ok }) => ({ gate, expected, found: number, ok })),
    scripts: found.scripts.map(inTheOpen),
    warnings: found.tally.warningCounts,
    error: null,
  };
}

/** The manifest of a run that failed: no index, never a base. */
export function failedManifestOf(
  head: RunHead,
  plan: RunPlan | null,
  position: Position,
  failure: {
    error: OffsiteError;
    scripts: readonly StagedScript[];
    finished: Date;
    chain: string;
    requested: RunPlan['requested'];
  },
): Manifest {
  const { error } = failure;
  return {
    ...common(head, plan, position, failure.requested),
    chain: failure.chain,
    sources: [],
    keyObjects: [],
    objects: [],
    index: null,
    counts: { files: 0, directories: 0, bytes: 0, changedFiles: 0, newBytes: 0, storedBytes: 0 },
    finished: instantText(failure.finished),
    outcome: 'failed',
    gates: [],
    scripts: failure.scripts.map(inTheOpen),
    warnings: [],
    error: error instanceof ScriptError ? { code: error.code, script: error.script.name } : { code: error.code },
  };
}

/** Data parts by number, then listing parts, then the index. */
function inOrder(objects: Manifest['objects']): Manifest['objects'] {
  const rank = (key: string) => {
    const place = parseObjectKey(key);
    return place !== null && 'number' in place ? [place.kind === 'data' ? 0 : 1, place.number] : [2, 0];
  };
  return [...objects].sort(([one], [other]) => {
    const [a = 0, b = 0] = rank(one);
    const [c = 0, d = 0] = rank(other);
    return a - c || b - d;
  });
}

const inTheOpen = ({ name, exitCode, seconds, lastLines }: StagedScript): Manifest['scripts'][number] => ({
  name,
  exitCode,
  seconds,
  ...(lastLines === undefined ? {} : { lastLines }),
});

/** The index document. */
export function indexOf(
  run: { run: string; chain: string; sources: Source[]; seed: Buffer },
  listing: ListingChunk[],
  found: { counts: Counts; scripts: readonly StagedScript[]; gates: readonly GateResult[]; tally: RunTally },
): DocumentOf<typeof indexKind> {
  return {
    type: indexKind.type,
    format: FORMAT,
    run: run.run,
    chain: run.chain,
    sources: run.sources,
    seed: run.seed.toString('base64'),
    listing,
    counts: found.counts,
    scripts: found.scripts.map(({ name, exitCode, seconds, output }) => ({ name, exitCode, seconds, output })),
    gates: found.gates.map(({ gate, about, expected, found: number, ok }) => ({
      gate,
      about,
      expected,
      found: number,
      ok,
    })),
    warnings: found.tally.warnings.map(({ code, path, detail }) => ({ code, path: encodePath(path), detail })),
    moreWarnings: found.tally.moreWarnings,
  };
}
