/** How a slot's hosts are cut into batches, and the job of a batch. Pure. */

import { instantText } from '../../contract/ids.ts';
import { encodeJob, type Job, MAX_JOB_BYTES, type SetJob } from '../../contract/job.ts';
import type { Expected, Latest } from '../../contract/verdict.ts';
import type { Slot } from './slots.ts';

export type Batch = Expected['batches'][number];

/** SendCommand takes 50 ids: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html */
const MAX_NODES = 50;

/**
 * The slot's hosts in batches of at most 50, each small enough for one job whatever base and head its sets will have.
 * A host with more sets than one job can hold is in several.
 */
export function batchesOf(slot: Slot): Batch[] {
  const batches: Batch[] = [];
  let size = 0;
  for (const { host, node, set } of slot.asked) {
    const batch = batches.at(-1);
    const last = batch?.at(-1);
    const isSameNode = last?.node === node;
    const added = sizeOfSet(set) + (isSameNode ? 0 : sizeOfNode(node));
    const isFull = encodedSize(size + added) > MAX_JOB_BYTES || (!isSameNode && batch?.length === MAX_NODES);
    if (batch === undefined || isFull) {
      batches.push([{ host, node, sets: [set] }]);
      size = emptySize(slot) + sizeOfNode(node) + sizeOfSet(set);
      continue;
    }
    size += added;
    if (isSameNode) last.sets.push(set);
    else batch.push({ host, node, sets: [set] });
  }
  return batches;
}

/** The job of a batch, base64url. `latestOf` is what the stack knows of a set; null where nothing. */
export function jobOf(
  expected: Expected,
  batch: Batch,
  latestOf: (host: string, set: string) => Latest | null,
): string {
  const hosts: Job['hosts'] = {};
  for (const { host, node, sets } of batch) {
    hosts[node] = Object.fromEntries(sets.map((set) => [set, setJob(latestOf(host, set))]));
  }
  const { policy, due, deadline, splay } = expected;
  return encodeJob({ v: 1, policy, due, type: expected.backup, deadline, splay, hosts });
}

function setJob(latest: Latest | null): SetJob {
  const base = latest?.base ?? null;
  const head = latest?.head ?? null;
  return {
    base: base === null ? null : { run: base.run, payload: base.payload },
    head: head === null ? null : { run: head.run, payload: head.payload, sequence: head.sequence },
  };
}

/** JSON bytes of the longest job of a set that there can be. */
const LONGEST_SET_JOB = JSON.stringify(
  setJob({
    base: { run: 'r'.repeat(29), payload: 'p'.repeat(64) },
    head: { run: 'r'.repeat(29), payload: 'p'.repeat(64), sequence: Number.MAX_SAFE_INTEGER },
  } as Latest),
).length;

const sizeOfSet = (set: string) => JSON.stringify(set).length + ':,'.length + LONGEST_SET_JOB;
const sizeOfNode = (node: string) => JSON.stringify(node).length + ':{},'.length;
const encodedSize = (bytes: number) => Math.ceil((bytes * 4) / 3);

function emptySize({ policy, due, type, deadline, splay }: Slot): number {
  const job: Job = { v: 1, policy, due: instantText(due), type, deadline: instantText(deadline), splay, hosts: {} };
  return JSON.stringify(job).length;
}
