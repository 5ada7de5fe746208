/**
 * A backup of one set, step by step (docs/format.md, "The order of a backup"):
 *
 *   pending manifest ► lock ► journal ► started ► splay ► stage ► plan ► store everything ► state ► manifest
 *
 * Guarantees: whatever instant it is killed at, every older run stays restorable, and running it again ends the work.
 * Given a job, it creates objects under its own prefix and does nothing else with the store.
 */

import { join } from 'node:path';
import { OffsiteError, toOffsiteError } from '../contract/errors.ts';
import type { SetConfig } from '../contract/host-config.ts';
import { instantText, randomRunId } from '../contract/ids.ts';
import { expiryNotice } from '../pgp/keys.ts';
import { secureRandom } from '../system/random.ts';
import { RunTally } from './engine/tally.ts';
import { registerKey } from './identity.ts';
import { type AgentPorts, type BackupOptions, publisherOf, setFolder } from './run/asked.ts';
import { beginAttempt, journalNameOf } from './run/attempt.ts';
import { skip, takeLock } from './run/lock.ts';
import { failedManifestOf, manifestOf, type RunHead } from './run/manifest.ts';
import { begin, reportAlive } from './run/notes.ts';
import type { RunResult } from './run/outcome.ts';
import { planRun, type RunPlan } from './run/plan.ts';
import { type Position, positionAlone, positionOfJob } from './run/position.ts';
import { commit, encodeManifest, journalManifest } from './run/publish.ts';
import { type StoredRun, storeRun } from './run/store-run.ts';
import { type StagedScript, stage } from './source/stage.ts';
import { makeFolder, removeFolder } from './state/files.ts';
import { readJournal } from './state/journal.ts';
import { RunMemory } from './state/ledger.ts';
import { StateFolder } from './state/state.ts';

/**
 * Makes one run of one set. A failure of the run is a result, not an exception; what is thrown are failures before it
 * could begin (`state-unwritable`, a store that does not take a pending manifest) and `interrupted`.
 */
export async function backupSet(options: BackupOptions, ports: AgentPorts): Promise<RunResult> {
  const { config } = ports;
  const set = config.sets[options.set];
  if (set === undefined) throw new OffsiteError('config-invalid', `no set ${options.set} in the config`);
  const started = ports.clock.now();
  const run = options.asked?.run ?? randomRunId(started, secureRandom(6));
  const folder = setFolder(config, options.set);
  makeFolder(folder);
  const memory = new RunMemory(folder, publisherOf(ports));
  const lock = await takeLock(options, run, started, ports);
  if ('by' in lock) return lock.by === run ? duplicate(options, run) : await skip(options, run, lock, ports);
  try {
    await putPending(memory, folder, ports);
    if (memory.isFinished(run) || !(await begin(options, run, started, memory, ports))) return duplicate(options, run);
    const alive = reportAlive(options, run, ports);
    try {
      return await makeRun({ options, set, run, started, folder, memory }, { ...ports, onProgress: alive.onProgress });
    } finally {
      alive.stop();
    }
  } finally {
    await lock.release();
  }
}

const duplicate = ({ set }: BackupOptions, run: string): RunResult => ({
  set,
  run,
  outcome: 'duplicate',
  manifest: null,
  error: null,
});

/** A manifest that an earlier agent signed and could not put comes before anything new. */
async function putPending(memory: RunMemory, folder: string, ports: AgentPorts): Promise<void> {
  await registerKey(ports.store, ports.identity);
  const pending = memory.pending();
  if (pending === null) return;
  await commit(pending, { store: ports.store, memory, folder });
  ports.notice(
    `the manifest of run ${pending.ledger.run} was on its way when an earlier agent ended: it is published now`,
  );
}

interface Making {
  readonly options: BackupOptions;
  readonly set: SetConfig;
  readonly run: string;
  readonly started: Date;
  readonly folder: string;
  readonly memory: RunMemory;
}

/** The run itself, from staging to the manifest in the store. */
async function makeRun(making: Making, ports: AgentPorts): Promise<RunResult> {
  const { options, run, started, folder, memory } = making;
  const { identity, host, agent } = ports;
  const recipients = ports.recipients.map(({ fingerprint }) => fingerprint).sort();
  const of = { prefix: identity.prefix, set: options.set };
  const position =
    options.asked === null
      ? await positionAlone(
          { store: ports.store, anchor: ports.recipients.slice(0, 1), signer: identity.signingKey.fingerprint },
          of,
          memory.ledger(),
        )
      : positionOfJob(options.asked.set, memory.ledger());
  const { policy = null, due = null } = options.asked ?? {};
  const head: RunHead = { name: host, ...of, run, policy, due, started, agent, recipients, config: making.set };
  noticeExpiry(ports);

  const scripts: StagedScript[] = [];
  let plan: RunPlan | null = null;
  try {
    const staging = await stageSet(making, scripts, ports);
    const states = new StateFolder(join(folder, 'states'));
    plan = await planRun({ ...of, type: options.type, recipients, now: started }, position, {
      states,
      config: ports.config,
    });
    const needed = [plan.compareWith?.info.run, memory.ledger()?.base?.run].filter((one) => one !== undefined);
    await states.prune([...new Set(needed)]);
    const manifest = await storeAndPublish(making, { head, plan, position, staging, scripts, states }, ports);
    return { set: options.set, run, outcome: manifest.outcome, manifest, error: null };
  } catch (error) {
    if (ports.signal?.aborted) throw new OffsiteError('interrupted', `run ${run} was stopped`, { cause: error });
    return await publishFailure(making, { head, plan, position, scripts }, toOffsiteError(error), ports);
  } finally {
    await removeFolder(stageFolder(making, ports));
  }
}

const stageFolder = ({ options }: Making, { config }: AgentPorts) => join(setFolder(config, options.set), 'stage');

/** The staging folder when the scripts have run; null where the set has none. */
async function stageSet(making: Making, scripts: StagedScript[], ports: AgentPorts): Promise<string | null> {
  const { set } = making;
  if (set.scripts === undefined && Object.keys(set.commands).length === 0) return null;
  const folder = stageFolder(making, ports);
  // With a job, AWS keeps what is printed: a script's own words are in it only if the config allows it.
  const showsOutput = making.options.asked === null || set.alertOutput;
  await stage(set, folder, { onEnd: (script) => scripts.push(script), showsOutput, signal: ports.signal });
  return folder;
}

function noticeExpiry({ recipients, clock, notice }: AgentPorts): void {
  for (const key of recipients) {
    const text = expiryNotice(key, clock.now());
    if (text !== null) notice(text);
  }
}

interface Placed {
  readonly head: RunHead;
  readonly plan: RunPlan;
  readonly position: Position;
  readonly staging: string | null;
  readonly scripts: readonly StagedScript[];
  readonly states: StateFolder;
}

async function storeAndPublish(making: Making, placed: Placed, ports: AgentPorts) {
  const { options, run, started, folder, memory } = making;
  const { head, plan, position, scripts, states } = placed;
  const { store, config, identity } = ports;
  const place = { prefix: identity.prefix, set: options.set, run };
  const tally = new RunTally(ports.onWarning);
  const attempt = await beginAttempt(
    { ...place, start: started, recipients: ports.recipients, extraVerify: options.extraVerify },
    plan,
    { store, folder, mayRead: options.asked === null },
  );
  try {
    const seed = await identity.seedOf(options.set);
    const never = [config.state, ...ports.never];
    const { onProgress, signal } = ports;
    const stored = await storeRun(
      {
        place,
        config,
        set: making.set,
        seed,
        stage: placed.staging,
        scripts,
        folder,
        never,
        plan,
        attempt,
        tally,
        extraVerify: options.extraVerify,
        onProgress,
        signal,
      },
      { store, states },
    );
    const finished = ports.clock.now();
    const { outcome, gates } = stored;
    const manifest = manifestOf(head, plan, position, stored.stored, { outcome, gates, scripts, tally, finished });
    const signed = await withState(stored, async () => {
      const encoded = encodeManifest(manifest);
      await finishState(stored, { head, plan, payload: encoded.payloadHash, started });
      return encoded;
    });
    const now = ports.clock.now();
    const of = { follows: position.follows, clears: attempt.journalName };
    const pending = await journalManifest(signed, { memory, key: identity.signingKey, now }, of);
    await attempt.journal.close();
    await commit(pending, { store, memory, folder });
    return manifest;
  } finally {
    await attempt.journal.close();
  }
}

/** Nothing is left of a state that could not be finished. */
async function withState<T>({ state }: StoredRun, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await state.abandon();
    throw error;
  }
}

/** The state is durable under the run's name before the manifest exists. */
async function finishState(
  run: StoredRun,
  of: { head: RunHead; plan: RunPlan; payload: string; started: Date },
): Promise<void> {
  const { stored, state, chunks } = run;
  const { head, plan, payload } = of;
  const base = plan.base?.info;
  const info = {
    prefix: head.prefix,
    set: head.set,
    run: head.run,
    chain: stored.chain,
    payload,
    sources: stored.sources,
    recipients: [...head.recipients],
    scanStart: String(run.scanStart),
    bytes: stored.counts.bytes,
    files: stored.counts.files,
    chainStarted: base?.chainStarted ?? instantText(of.started),
    chainRuns: (base?.chainRuns ?? 0) + 1,
    // Parts that earlier attempts put are in the full as well.
    fullBytes: base?.fullBytes ?? stored.objects.reduce((sum, [, size]) => sum + size, 0),
    incrementalBytes: base === undefined ? 0 : base.incrementalBytes + stored.counts.storedBytes,
    mounts: run.mounts,
  };
  await state.finish(info, run.listing, chunks?.records ?? null);
}

/** A failed run has a manifest too, best effort: it is in the ledger, and is never a backup. */
async function publishFailure(
  { options, run, folder, memory }: Making,
  known: { head: RunHead; plan: RunPlan | null; position: Position; scripts: readonly StagedScript[] },
  error: OffsiteError,
  ports: AgentPorts,
): Promise<RunResult> {
  const { store, identity, clock } = ports;
  const { head, plan, position, scripts } = known;
  const failed = { set: options.set, run, outcome: 'failed' as const, error };
  // Signed already: it will be published as what it is, by whoever comes next.
  if (memory.pending() !== null) return { ...failed, manifest: null };
  const journal = readJournal(join(folder, journalNameOf(plan?.actual ?? 'full')));
  const chain = plan?.base?.info.chain ?? journal?.chain ?? run;
  const failure = { error, scripts, finished: clock.now(), chain, requested: options.type };
  try {
    const signed = encodeManifest(failedManifestOf(head, plan, position, failure));
    const signing = { memory, key: identity.signingKey, now: clock.now() };
    const pending = await journalManifest(signed, signing, { follows: position.follows, clears: null });
    await commit(pending, { store, memory, folder });
    return { ...failed, manifest: signed.manifest };
  } catch (second) {
    ports.notice(`the failure could not be published yet: ${toOffsiteError(second).message}`);
    return { ...failed, manifest: null };
  }
}
