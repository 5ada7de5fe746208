/**
 * From the staged set to everything but the manifest: scan, pipeline, listing, index. When it returns, every object is
 * in the store, and the state of the run waits to be finished with the manifest's hash.
 */

import { OffsiteError } from '../../contract/errors.ts';
import type { HostConfig, SetConfig } from '../../contract/host-config.ts';
import { objectKey } from '../../contract/keys.ts';
import type { Counts, ObjectLine, Outcome, Source } from '../../contract/manifest.ts';
import { indexKind } from '../../contract/run-index.ts';
import type { ObjectStore } from '../../store/port.ts';
import { breathe } from '../../system/clock.ts';
import { planBudget } from '../engine/budget.ts';
import { ChunkTable } from '../engine/chunk-table.ts';
import { ContentStore } from '../engine/content-store.ts';
import { Crew } from '../engine/crew.ts';
import { type CrewSettings, workPorts } from '../engine/crew-settings.ts';
import { compressFrame } from '../engine/frames.ts';
import { type FinishedListing, ListingWriter } from '../engine/listing.ts';
import type { BaseListing } from '../engine/listing-units.ts';
import { acceptExisting, PartUploads } from '../engine/part-uploads.ts';
import type { SealedPart } from '../engine/parts.ts';
import { runPipeline } from '../engine/pipeline.ts';
import type { RunTally } from '../engine/tally.ts';
import { Uploads } from '../engine/uploads.ts';
import { readNames } from '../source/attributes.ts';
import { type GateResult, Gates } from '../source/gates.ts';
import { scan } from '../source/scan.ts';
import type { StagedScript } from '../source/stage.ts';
import type { StateFolder } from '../state/state.ts';
import { StateWriter } from '../state/state-writer.ts';
import { type Attempt, adoptChunks, adoptedLines } from './attempt.ts';
import { indexOf, type Stored } from './manifest.ts';
import type { RunPlan } from './plan.ts';
import { fileSystemNow, mountPoints, rootsOf, scanOptions } from './sources.ts';

/** The event loop gets a turn after so many entries, for uploads and signals. */
const BREATHE_ENTRIES = 512;
const TWO_SECONDS_NS = 2_000_000_000n;

export interface Progress {
  readonly files: number;
  /** Content bytes gone by, changed or not. */
  readonly bytes: number;
  readonly newBytes: number;
  /** What the base had, to estimate the end; null where no base is known. */
  readonly expectedBytes: number | null;
}

export interface StoreRunOptions {
  readonly place: { prefix: string; set: string; run: string };
  readonly config: HostConfig;
  readonly set: SetConfig;
  readonly seed: Buffer;
  /** The staging folder; null where the set has no scripts and commands. */
  readonly stage: string | null;
  readonly scripts: readonly StagedScript[];
  /** The state folder of the set. */
  readonly folder: string;
  /** Folders that are never backed up. */
  readonly never: readonly string[];
  readonly plan: RunPlan;
  readonly attempt: Attempt;
  readonly tally: RunTally;
  /** Open and compare everything before it is uploaded. */
  readonly extraVerify: boolean;
  readonly onProgress: (progress: Progress) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface StoredRun {
  readonly stored: Stored;
  readonly outcome: Outcome;
  readonly gates: GateResult[];
  readonly listing: FinishedListing;
  readonly state: StateWriter;
  /** Null where the base's are all there are. */
  readonly chunks: ChunkTable | null;
  readonly scanStart: bigint;
  readonly mounts: string[];
}

/** Throws what the store throws, `source-missing`, or `state-unwritable`; unfinished state is removed then. */
export async function storeRun(
  options: StoreRunOptions,
  ports: { store: ObjectStore; states: StateFolder },
): Promise<StoredRun> {
  const { plan, set } = options;
  const mounts = mountPoints(set.paths);
  const unmounted = plan.compareWith?.info.mounts.find((path) => set.paths.includes(path) && !mounts.includes(path));
  if (unmounted !== undefined)
    throw new OffsiteError('source-missing', `${unmounted} is not mounted, as it was before`);
  const scanStart = await fileSystemNow(options.folder);
  const state = new StateWriter(ports.states.folderOf(options.place.run), plan.base);
  try {
    return { ...(await storeEntries(options, ports.store, state)), state, scanStart, mounts };
  } catch (error) {
    await state.abandon();
    throw error;
  }
}

async function storeEntries(
  options: StoreRunOptions,
  store: ObjectStore,
  state: StateWriter,
): Promise<Omit<StoredRun, 'state' | 'scanStart' | 'mounts'>> {
  const { plan, attempt, tally, config, place, seed, signal } = options;
  const { chain, journal, sealing } = attempt;
  const sources: Source[] = [...sourcesOfBase(plan), [chain, place.run, null]];
  const source = sources.length - 1;
  const budget = planBudget({ ...config, lastRunBytes: plan.compareWith?.info.bytes ?? 0 });
  const uploads = new Uploads(budget.uploads);
  const partPorts = { store, uploads, journal, place: { ...place, chain }, attempt: attempt.number };
  const frames = { level: config.compression, source, verifyAll: options.extraVerify };
  const numbers = new SharedArrayBuffer(4);
  new Int32Array(numbers)[0] = journal.firstNumber;

  const chunks = new ChunkTable();
  const settings: CrewSettings = {
    seed,
    chunks: chunks.shared,
    frames,
    partSizes: budget.partSizes,
    numbers,
    ...sealing,
  };
  // Where nothing changed the chunk table is never loaded.
  let isLoaded = false;
  const load = () => {
    isLoaded = true;
    if (plan.base !== null) chunks.fill(plan.base.chunks());
    adoptChunks(attempt, chunks, source);
    return settings;
  };
  const crew = new Crew(load, budget);
  const data = new PartUploads('data', partPorts, chunks);

  const listed = new ChunkTable();
  const meta = new PartUploads('meta', partPorts, listed);
  /** Of the listing, in memory: nothing bounds them but the pace of the scan, as threads are by what comes back. */
  let listingParts = 0;
  const metaPorts = {
    ...workPorts(settings),
    takeMemory: () => null,
    onSealed: (part: SealedPart) => {
      listingParts++;
      meta.start(part, () => {
        listingParts--;
      });
    },
  };
  const metaStore = new ContentStore(listed, metaPorts, frames);
  const listing = new ListingWriter(metaStore, listed, baseListingOf(plan));
  const gates = new Gates(options.set);
  let newBytes = 0;
  const report = () => options.onProgress(progressOf(options, newBytes));
  let finished: FinishedListing;

  try {
    await runPipeline({
      found: scan(rootsOf(options), scanOptions(options, tally)),
      base: plan.base?.entries() ?? null,
      settledBefore: BigInt(plan.base?.info.scanStart ?? 0) - TWO_SECONDS_NS,
      names: readNames(),
      crew,
      parts: data,
      uploads,
      chunks,
      listing,
      state,
      gates,
      tally,
      signal,
      pace: pacer(report, () => (listingParts >= budget.uploads ? uploads.room() : breathe())),
      onRead: (bytes, stored) => {
        tally.readBytes += bytes;
        newBytes += stored;
        report();
      },
    });
    finished = listing.finish();
    metaStore.flush();
    await uploads.settled();
    await journal.written();
  } finally {
    await crew[Symbol.asyncDispose]();
    plan.base?.close();
    // Nothing of this run may still be on its way when it is said to have failed.
    await uploads.ended();
  }

  const put = [...data.objects, ...meta.objects];
  const counts: Counts = {
    files: tally.files,
    directories: tally.directories,
    bytes: tally.bytes,
    changedFiles: tally.changedFiles,
    newBytes,
    storedBytes: put.reduce((sum, [, size]) => sum + size, 0) + attempt.keyObjectSize,
  };
  const results = gates.results(counts, plan.compareWith?.info ?? null);
  const document = indexOf({ run: place.run, chain, sources, seed }, finished.chunks, {
    ...options,
    counts,
    gates: results,
  });
  const index = await putIndex(document, options, store);
  const stored: Stored = {
    chain,
    sources,
    keyObjects: attempt.keyObjects,
    objects: [...adoptedLines(attempt), ...put, index],
    index: index[0],
    counts: { ...counts, storedBytes: counts.storedBytes + index[1] },
  };
  const outcome = results.some(({ ok }) => !ok) ? 'suspect' : tally.isPartial ? 'partial' : 'complete';
  return { stored, outcome, gates: results, listing: finished, chunks: isLoaded ? chunks : null };
}

function baseListingOf({ base }: RunPlan): BaseListing | null {
  return base === null ? null : { ...base.listing, lines: (from, to) => base.lines(from, to) };
}

function sourcesOfBase(plan: RunPlan): Source[] {
  if (plan.base === null) return [];
  const { sources, payload } = plan.base.info;
  return sources.map(([chain, run, hash]) => [chain, run, hash ?? payload]);
}

function pacer(report: () => void, rest: () => Promise<void>): () => Promise<void> | undefined {
  let entries = 0;
  return () => {
    if (++entries < BREATHE_ENTRIES) return undefined;
    entries = 0;
    report();
    return rest();
  };
}

function progressOf({ tally, plan }: StoreRunOptions, newBytes: number): Progress {
  return {
    files: tally.files,
    bytes: tally.readBytes + tally.unchangedBytes,
    newBytes,
    expectedBytes: plan.compareWith?.info.bytes ?? null,
  };
}

async function putIndex(
  document: ReturnType<typeof indexOf>,
  { attempt, place, config }: StoreRunOptions,
  store: ObjectStore,
): Promise<ObjectLine> {
  const text = Buffer.from(JSON.stringify(document));
  // Nothing is published that a reader would refuse.
  indexKind.parseBytes(text, 'the index');
  const frame = compressFrame(text, config.compression);
  const { bytes, sha256 } = attempt.sealer.seal(frame);
  const key = objectKey({ kind: 'index', ...place, chain: attempt.chain, sha: sha256.slice(0, 32) });
  await store.put(key, bytes, { condition: 'absent', sha256 }).catch(acceptExisting);
  return [key, bytes.length, sha256, attempt.number];
}
