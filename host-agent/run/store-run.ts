/**
 * From the staged set to everything but the manifest: scan, pipeline, listing, index. When it returns, every object is
 * in the store, and the state of the run waits to be finished with the manifest's hash.
 */

import { lstatSync, statSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BytePath } from '../../contract/byte-path.ts';
import { OffsiteError } from '../../contract/errors.ts';
import type { HostConfig, SetConfig } from '../../contract/host-config.ts';
import { objectKey } from '../../contract/keys.ts';
import type { Counts, ObjectLine, Outcome, Source } from '../../contract/manifest.ts';
import { indexKind, type ListingChunk } from '../../contract/run-index.ts';
import type { ObjectStore } from '../../store/port.ts';
import { breathe } from '../../system/clock.ts';
import { planBudget } from '../engine/budget.ts';
import { Chunker } from '../engine/chunker.ts';
import { acceptExisting, ContentStore } from '../engine/content-store.ts';
import { DedupTable } from '../engine/dedup.ts';
import { FileContentReader } from '../engine/file-content.ts';
import { compressFrame } from '../engine/frames.ts';
import { ListingWriter } from '../engine/listing.ts';
import { runPipeline } from '../engine/pipeline.ts';
import type { RunTally } from '../engine/tally.ts';
import { Uploads } from '../engine/uploads.ts';
import { readNames } from '../source/attributes.ts';
import { compileExcludes } from '../source/exclude.ts';
import { type GateResult, Gates } from '../source/gates.ts';
import {
  errnoOf,
  type Found,
  isGone,
  rootOfPath,
  type ScanOptions,
  type ScanRoot,
  scan,
  type Unseen,
} from '../source/scan.ts';
import type { StagedScript } from '../source/stage.ts';
import { asStateError } from '../state/files.ts';
import type { StateFolder, StateWriter } from '../state/state.ts';
import { type Attempt, adoptChunks, adoptedLines } from './attempt.ts';
import { indexOf, type Stored } from './manifest.ts';
import type { RunPlan } from './plan.ts';

/** The event loop gets a turn after so much content, for uploads and signals. */
const BREATHE_BYTES = 8 * 2 ** 20;
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
  readonly listing: ListingChunk[];
  readonly state: StateWriter;
  readonly known: DedupTable | null;
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
  const state = ports.states.begin(options.place.run);
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
  const { plan, attempt, tally, config, place, seed } = options;
  const { chain, journal, sealer } = attempt;
  const sources: Source[] = [...sourcesOfBase(plan), [chain, place.run, null]];
  const source = sources.length - 1;
  const budget = planBudget({ ...config, lastRunBytes: plan.compareWith?.info.bytes ?? 0 });
  const uploads = new Uploads(budget.uploads);
  const partPorts = { store, uploads, sealer, journal, place: { ...place, chain }, attempt: attempt.number };
  const partOptions = {
    partSizeOf: budget.partSizeOf,
    level: config.compression,
    source,
    verifyAll: options.extraVerify,
  };
  const content = new ContentStore('data', partPorts, partOptions);
  const meta = new ContentStore('meta', partPorts, partOptions);
  // Where nothing changed the chunk table is never loaded.
  let known: DedupTable | null = null;
  const loadKnown = () => {
    if (known === null) {
      known = plan.base?.chunks() ?? new DedupTable();
      adoptChunks(attempt, known, source);
    }
    return known;
  };
  const pace = pacer(uploads, tally, () => {
    options.signal?.throwIfAborted();
    options.onProgress(progressOf(options, content));
  });
  const listing = new ListingWriter(meta, plan.base?.listing ?? []);
  const gates = new Gates(options.set);
  let chunks: ListingChunk[];

  try {
    await runPipeline({
      found: scan(rootsOf(options), scanOptions(options)),
      base: plan.base?.entries() ?? null,
      settledBefore: BigInt(plan.base?.info.scanStart ?? 0) - TWO_SECONDS_NS,
      lstatAgain,
      names: readNames(),
      content,
      reader: new FileContentReader({ chunker: new Chunker(seed), store: content, known: loadKnown, pace }),
      listing,
      state,
      gates,
      tally,
      signal: options.signal,
      pace,
    });
    content.flush();
    chunks = listing.finish();
    meta.flush();
    await uploads.settled();
  } finally {
    // Nothing of this run may still be on its way when it is said to have failed.
    await uploads.ended();
  }

  const put = [...content.objects, ...meta.objects];
  const counts: Counts = {
    files: tally.files,
    directories: tally.directories,
    bytes: tally.bytes,
    changedFiles: tally.changedFiles,
    newBytes: content.newBytes,
    storedBytes: put.reduce((sum, [, size]) => sum + size, 0) + attempt.keyObjectSize,
  };
  const results = gates.results(counts, plan.compareWith?.info ?? null);
  const document = indexOf({ run: place.run, chain, sources, seed }, chunks, { ...options, counts, gates: results });
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
  return { stored, outcome, gates: results, listing: chunks, known };
}

function sourcesOfBase(plan: RunPlan): Source[] {
  if (plan.base === null) return [];
  const { sources, payload } = plan.base.info;
  return sources.map(([chain, run, hash]) => [chain, run, hash ?? payload]);
}

function rootsOf({ set, stage }: StoreRunOptions): ScanRoot[] {
  const staged: ScanRoot[] =
    stage === null ? [] : [{ path: '.stage' as BytePath, at: stage as BytePath, root: '.stage' }];
  return [...staged, ...set.paths.map(rootOfPath)];
}

function scanOptions(options: StoreRunOptions): ScanOptions {
  const { tally, set } = options;
  return {
    oneFileSystem: set.oneFileSystem,
    never: new Set(options.never.flatMap(identityOf)),
    isExcluded: compileExcludes(
      set.exclude,
      set.paths.map((path) => rootOfPath(path).path),
    ),
    onVanished: (path) => tally.warn('vanished', path, 'gone between listing and lstat'),
  };
}

function identityOf(folder: string): string[] {
  const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? [] : [`${stat.dev}:${stat.ino}`];
}

function lstatAgain(found: Found): Found | Unseen | null {
  try {
    return { ...found, stat: lstatSync(found.file, { bigint: true }) };
  } catch (cause) {
    const error = errnoOf(cause);
    return isGone(error) ? null : { path: found.path, root: found.root, stat: null, error };
  }
}

/** Configured paths that are mount points now. */
function mountPoints(paths: readonly string[]): string[] {
  const deviceOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.dev;
  return paths.filter((path) => deviceOf(path) !== undefined && deviceOf(path) !== deviceOf(dirname(path)));
}

/** The time by the clock that stamps ctimes: of a file made just now. Nanoseconds since 1970. */
async function fileSystemNow(folder: string): Promise<bigint> {
  const file = join(folder, 'scan-start');
  return asStateError(file, async () => {
    const handle = await open(file, 'w', 0o600);
    try {
      await handle.writeFile('.');
      return (await handle.stat({ bigint: true })).ctimeNs;
    } finally {
      await handle.close();
      await unlink(file);
    }
  });
}

function pacer(uploads: Uploads, tally: RunTally, report: () => void): (bytes: number) => Promise<void> | undefined {
  let bytes = 0;
  let entries = 0;
  return (more) => {
    bytes += more;
    tally.readBytes += more;
    entries += more === 0 ? 1 : 0;
    if (!uploads.isFull && bytes < BREATHE_BYTES && entries < BREATHE_ENTRIES) return undefined;
    bytes = 0;
    entries = 0;
    report();
    return breathe().then(() => uploads.room());
  };
}

function progressOf({ tally, plan }: StoreRunOptions, content: ContentStore): Progress {
  return {
    files: tally.files,
    bytes: tally.readBytes + tally.unchangedBytes,
    newBytes: content.newBytes,
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
