/**
 * Verifying a run, in the order in which it would be believed. The manifest's signature held before this begins.
 *
 * - Without the private key: the manifests of all sources, and presence, size and SHA-256 of every object that they and
 *   the run name. That is all that restoring could ever fetch, and more than it needs.
 * - With the key: index and listing are read, and of other sources' objects only those that the listing names count;
 *   errors say which files are hurt.
 * - With the key and `readData`: every object is opened, and every chunk of every file is held against its digest.
 */

import { objectKey } from '../contract/keys.ts';
import type { Manifest, ObjectLine } from '../contract/manifest.ts';
import type { ManifestReader, SignedManifest } from '../repository/manifests.ts';
import { isDamage } from '../repository/objects.ts';
import { type RunReader, readSource } from '../repository/run-reader.ts';
import type { ObjectStore } from '../store/port.ts';
import { Breath } from './restore/breath.ts';
import { DEFAULT_MEMORY, restoreBudget } from './restore/budget.ts';
import { fetchParts } from './restore/fetch.ts';
import { FileNames } from './restore/file-names.ts';
import { planRestore, type RestorePlan } from './restore/plan.ts';
import { startPool } from './restore/pool.ts';
import type { Failure } from './restore/report.ts';
import { ContentVerifier } from './restore/verify-content.ts';
import { linesOf, Verified, verifyObjects } from './restore/verify-objects.ts';
import { type VerifyError, VerifyErrors } from './restore/verify-report.ts';

export { Verified } from './restore/verify-objects.ts';
export type { VerifyError } from './restore/verify-report.ts';

export interface VerifyOptions {
  readonly store: ObjectStore;
  readonly manifests: ManifestReader;
  readonly signed: SignedManifest;
  /** Reads the same run with the private key; without it nothing is decrypted. */
  readonly reader?: RunReader;
  /** Needs the reader. */
  readonly readData?: boolean;
  /** What earlier calls found out, for the runs of one chain. */
  readonly verified?: Verified;
  /** Bytes of memory for parts and their content; 112 MB if not given. */
  readonly memory?: number;
  readonly workers?: number;
  /** Told the bytes of each object that was checked. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface VerifyReport {
  readonly run: string;
  /** How far it went: `objects`, `listing` or `content`. */
  readonly level: 'objects' | 'listing' | 'content';
  /** Objects that the run needs, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Files of the run; null where the listing was not read. */
  readonly files: number | null;
  /** Files that the host could not read or not this time: no error of the store. */
  readonly unread: number | null;
  readonly verified: boolean;
  readonly errors: readonly VerifyError[];
}

/** Verifies a run. Throws only for what stops everything: a store that fails, `interrupted`. */
export async function verifyRun(options: VerifyOptions): Promise<VerifyReport> {
  const { store, signed, onProgress, memory = DEFAULT_MEMORY, verified = new Verified() } = options;
  const errors = new VerifyErrors();
  const breath = new Breath(options.signal);
  const onObject = onProgress ?? (() => {});
  const plan = await readPlan(options, errors);
  const lines = plan === null ? await allLines(options, errors) : await neededLines(options, plan);
  if (plan !== null && options.reader !== undefined && options.readData) {
    const reader = options.reader;
    await verifyContent({ ...options, reader }, { plan, errors, verified, breath, onPart: onObject });
    await openRest(reader, { plan, errors, breath });
  } else {
    await verifyObjects(lines, { store, verified, breath, onObject }, memory);
    for (const [key] of lines) {
      const damage = verified.objects.get(key);
      if (damage) errors.add(key, damage);
    }
    if (plan !== null) nameFiles(plan, (key) => verified.objects.get(key ?? '') ?? null, errors);
  }
  const found = errors.list();
  return {
    run: signed.manifest.run,
    level: plan === null ? 'objects' : options.readData ? 'content' : 'listing',
    objects: lines.length,
    bytes: lines.reduce((sum, [, size]) => sum + size, 0),
    files: plan?.summary.files ?? null,
    unread: plan?.problems.filter(({ code }) => code === 'restore-incomplete').length ?? null,
    verified: found.length === 0,
    errors: found,
  };
}

/** The plan of restoring everything, with what is wrong in the listing; null without a key or a readable index. */
async function readPlan({ reader, signed }: VerifyOptions, errors: VerifyErrors): Promise<RestorePlan | null> {
  if (reader === undefined || signed.manifest.outcome === 'failed') return null;
  let plan: RestorePlan;
  try {
    plan = await planRestore(reader);
  } catch (error) {
    if (!isDamage(error)) throw error;
    errors.add(signed.manifest.index, error);
    return null;
  }
  for (const problem of plan.problems) {
    if (problem.code !== 'restore-incomplete') errors.add(null, problem, [problem.path]);
  }
  nameFiles(plan, (_, problem) => problem, errors);
  return plan;
}

/** Everything that the run and its sources name. */
async function allLines({ manifests, signed }: VerifyOptions, errors: VerifyErrors): Promise<ObjectLine[]> {
  const own = signed.manifest;
  const lines = new Map<string, ObjectLine>(linesOf(own).map((line) => [line[0], line]));
  for (const [number, [, run]] of own.sources.entries()) {
    let manifest: Manifest;
    try {
      manifest = await readSource(manifests, own, number);
    } catch (error) {
      if (!isDamage(error)) throw error;
      errors.add(objectKey({ kind: 'manifest', prefix: own.prefix, set: own.set, run }), error);
      continue;
    }
    for (const line of linesOf(manifest)) lines.set(line[0], line);
  }
  return [...lines.values()];
}

/** The run's own objects, and of its sources those that its entries need. */
async function neededLines({ signed, reader }: VerifyOptions, plan: RestorePlan): Promise<ObjectLine[]> {
  const lines = new Map<string, ObjectLine>(linesOf(signed.manifest).map((line) => [line[0], line]));
  for (const { source, number, key } of plan.parts) {
    if (key === null || reader === undefined) continue;
    const { line } = await reader.dataPart(source, number);
    lines.set(key, line);
  }
  return [...lines.values()];
}

interface ContentPorts {
  readonly plan: RestorePlan;
  readonly errors: VerifyErrors;
  readonly breath: Breath;
}

async function verifyContent(
  options: VerifyOptions & { reader: RunReader },
  ports: ContentPorts & { verified: Verified; onPart: (size: number) => void },
): Promise<void> {
  const { plan, breath } = ports;
  const budget = restoreBudget(plan, options.memory ?? DEFAULT_MEMORY, options.workers);
  await using pool = startPool(budget.workers, null);
  const consumer = new ContentVerifier(plan, { ...ports, pool });
  await fetchParts({ reader: options.reader, plan, consumer }, { budget, breath });
}

/** Opens what no entry needs: the run's other objects, and its key objects, whose key must be that of the parts. */
async function openRest(reader: RunReader, { plan, errors, breath }: ContentPorts): Promise<void> {
  const { manifest } = reader.signed;
  const done = new Set(plan.parts.map(({ key }) => key));
  for (const line of manifest.objects) {
    breath.check();
    if (!done.has(line[0])) await noting(errors, line[0], () => reader.open(manifest, line));
  }
  for (const keyObject of manifest.keyObjects) {
    const [attempt, key] = keyObject;
    await noting(errors, key, async () => {
      const sealed = manifest.objects.filter((line) => line[3] === attempt).sort((one, other) => one[1] - other[1])[0];
      const inObject = await reader.openKeyObject(keyObject);
      if (sealed === undefined) return;
      const { sessionKey } = await reader.fetch(manifest, sealed);
      if (!sessionKey.reveal().equals(inObject.reveal())) {
        errors.add(key, { code: 'part-damaged', message: `${key} does not hold the key of its parts` });
      }
    });
  }
}

async function noting(errors: VerifyErrors, key: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isDamage(error)) throw error;
    errors.add(key, error);
  }
}

/** Adds the files with content in each damaged part. */
function nameFiles(
  plan: RestorePlan,
  damageOf: (key: string | null, problem: Failure | null) => Failure | null,
  errors: VerifyErrors,
): void {
  const names = new FileNames(plan.table);
  const damages = plan.parts.map(({ key, problem }) => ({ key, damage: damageOf(key, problem) }));
  for (const [chunk, part] of plan.table.chunkParts.entries()) {
    const { key = null, damage = null } = damages[part] ?? {};
    if (damage !== null) errors.add(key, damage, names.ofChunk(chunk));
  }
}
