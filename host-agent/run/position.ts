/**
 * Where a run stands: its place in the ledger, and the base that it may build on. With a job, the stack says both and
 * nothing is read; standalone, the host's own memory and its own manifests in the store do.
 */

import { isOffsiteError } from '../../contract/errors.ts';
import type { SetJob } from '../../contract/job.ts';
import type { Trust } from '../../contract/trust.ts';
import type { PublicKey } from '../../pgp/keys.ts';
import { ManifestReader } from '../../repository/manifests.ts';
import {
  acceptanceOf,
  forkedRuns,
  isAccepted,
  isRefusal,
  listManifests,
  type RunRecord,
  readRuns,
} from '../../repository/runs.ts';
import { readTrust } from '../../repository/trust.ts';
import type { ObjectStore } from '../../store/port.ts';
import type { Ledger } from '../state/ledger.ts';

export interface RunAndPayload {
  readonly run: string;
  readonly payload: string;
}

export interface Position {
  /** The sequence of the run to be made. */
  readonly sequence: number;
  /** SHA-256 of the payload published last; null for the first. */
  readonly previous: string | null;
  /** The run published last; null for the first. */
  readonly follows: string | null;
  /** The newest accepted run; null where there is none, or a fork forbids it. */
  readonly base: RunAndPayload | null;
  readonly isForked: boolean;
  /** Earlier runs are known to exist, but this host does not remember them. */
  readonly stateLost: boolean;
  readonly ledgerUnknown: boolean;
}

const after = (head: { run: string; sequence: number; payload: string } | null) => ({
  sequence: (head?.sequence ?? 0) + 1,
  previous: head?.payload ?? null,
  follows: head?.run ?? null,
});

/** The higher of the host's own last sequence and the stack's head is continued; the base is the stack's. */
export function positionOfJob(job: SetJob, own: Ledger | null): Position {
  const head = own !== null && own.sequence > (job.head?.sequence ?? 0) ? own : job.head;
  const isForked = own !== null && job.head?.sequence === own.sequence && job.head.payload !== own.payload;
  return {
    ...after(head),
    base: isForked ? null : job.base,
    isForked,
    stateLost: own === null && job.head !== null,
    ledgerUnknown: false,
  };
}

/** Standalone. A store that may not be read leaves the host with its own memory. */
export async function positionAlone(
  ports: { store: ObjectStore; anchor: readonly PublicKey[]; signer: string },
  of: { prefix: string; set: string },
  own: Ledger | null,
): Promise<Position> {
  try {
    const since = await listManifests(ports.store, of, own?.follows ?? undefined);
    if (own !== null && since.length === 1 && since[0]?.run === own.run) return await positionOfMemory(ports, of, own);
    const places = own === null || own.follows === null ? since : await listManifests(ports.store, of);
    const trust = await trustIfAny(ports);
    const manifests = new ManifestReader(ports.store, trust);
    const records = await readRuns({ ...ports, manifests }, places);
    // Whoever may write beside this host's runs can register a key; only its own and certified ones say where it stands.
    const isOurs = ({ signed }: RunRecord) =>
      trust === null || signed?.signer === ports.signer || signed?.certification.state === 'certified';
    return positionOfRecords(records.filter(isOurs), own);
  } catch (error) {
    if (!isOffsiteError(error, 'store-denied')) throw error;
    if (own === null) return { ...after(null), base: null, isForked: false, stateLost: false, ledgerUnknown: true };
    return { ...after(own), base: own.base, isForked: false, stateLost: false, ledgerUnknown: false };
  }
}

/** trust.json as the first recipient signed it; null where there is none, or none that holds. */
async function trustIfAny({
  store,
  anchor,
}: {
  store: ObjectStore;
  anchor: readonly PublicKey[];
}): Promise<Trust | null> {
  try {
    return (await readTrust(store, anchor))?.trust ?? null;
  } catch (error) {
    if (isRefusal(error)) return null;
    throw error;
  }
}

/** The host's own last run is there, and nothing else since the one before it. Only an acceptance may have come. */
async function positionOfMemory(
  ports: { store: ObjectStore; anchor: readonly PublicKey[] },
  of: { prefix: string; set: string },
  own: Ledger,
): Promise<Position> {
  let { base } = own;
  if (own.outcome === 'suspect') {
    const place = { ...of, run: own.run };
    const acceptance = await acceptanceOf(ports, place, own.payload);
    if (acceptance !== null) base = { run: own.run, payload: own.payload };
  }
  return { ...after(own), base, isForked: false, stateLost: false, ledgerUnknown: false };
}

function positionOfRecords(records: readonly RunRecord[], own: Ledger | null): Position {
  const signed = records.flatMap((record) => (record.signed === null ? [] : [{ record, ...record.signed }]));
  const bySequence = signed.sort((one, other) => one.manifest.sequence - other.manifest.sequence);
  const forked = forkedRuns(records);
  const newest = bySequence.at(-1);
  const shown =
    newest === undefined
      ? null
      : { run: newest.manifest.run, sequence: newest.manifest.sequence, payload: newest.payloadHash };
  const head = own !== null && own.sequence > (shown?.sequence ?? 0) ? own : shown;
  const lastFork = bySequence.findLast(({ manifest }) => forked.has(manifest.run))?.manifest.sequence ?? 0;
  const accepted = bySequence.findLast(({ record }) => isAccepted(record));
  const isUsable = accepted !== undefined && accepted.manifest.sequence > lastFork;
  return {
    ...after(head),
    base: isUsable ? { run: accepted.manifest.run, payload: accepted.payloadHash } : null,
    isForked: accepted !== undefined && !isUsable,
    stateLost: own === null && shown !== null,
    ledgerUnknown: false,
  };
}
