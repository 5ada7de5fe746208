/** What a digest is made of, read from the store: records of every set, open problems, and verdicts with notices. */

import { compactInstant } from '../../contract/ids.ts';
import {
  ALL_ALERTS,
  ALL_LATEST,
  ALL_SLOTS,
  ALL_UNASKED_VERDICTS,
  parseObjectKey,
  slotsOfDue,
} from '../../contract/keys.ts';
import { type Problem, problemKind } from '../../contract/problem.ts';
import { latestKind, verdictKind } from '../../contract/verdict.ts';
import { everyOf } from '../../repository/concurrent.ts';
import type { ListedObject } from '../../store/port.ts';
import type { NotedVerdict, SetRecord } from '../rules/digest.ts';
import { type Kind, readDocument } from './documents.ts';
import type { Pass } from './pass.ts';

export interface DigestFacts {
  readonly records: readonly SetRecord[];
  readonly open: readonly Problem[];
  /** Whatever was judged since that instant, and perhaps a little that was judged before. */
  readonly verdicts: readonly NotedVerdict[];
  /** Of what could not be read. */
  readonly errors: readonly unknown[];
}

/** Requests at once; S3 answers thousands a second. */
const AT_ONCE = 64;
const DAY = 86_400_000;
/** How far the store's clock, which dates the documents, may be from ours. */
const CLOCKS_DIFFER = 60 * 60_000;
/** A verdict comes at most so long after its slot's deadline, or after the start of a run that nobody asked for. */
const JUDGED_WITHIN = 9 * DAY;

/** Reads it all. What cannot be read is left out and reported, for a digest that lacks a line is better than none. */
export async function digestFacts(pass: Pass, since: Date): Promise<DigestFacts> {
  const errors: unknown[] = [];
  const records = await readAll(pass, await keysIn(pass, ALL_LATEST, 'latest'), latestKind, errors, (latest) => {
    const { host, set, head } = latest;
    return [{ host, set, head }];
  });
  const open = await readAll(pass, await keysIn(pass, ALL_ALERTS, 'alert'), problemKind, errors, (problem) =>
    problem.closed === null ? [problem] : [],
  );
  const judged = [...(await ofSlots(pass, since)), ...(await unasked(pass, since))];
  const verdicts = await readAll(pass, judged, verdictKind, errors, (verdict) => {
    const { host, set, notices, judged, witness, received } = verdict;
    return notices.length === 0 ? [] : [{ host, set, notices, judged, witness, received }];
  });
  return { records, open, verdicts, errors };
}

/** What `keep` takes of each document, in the order of the keys. */
async function readAll<T, R>(
  { store }: Pass,
  keys: readonly string[],
  kind: Kind<T>,
  errors: unknown[],
  keep: (document: T) => R[],
): Promise<R[]> {
  const found: R[][] = [];
  const failed = await everyOf(keys.entries(), AT_ONCE, async ([i, key]) => {
    const { document, fault } = await readDocument(store, key, kind);
    if (fault !== null) errors.push(fault);
    found[i] = document === null ? [] : keep(document);
  });
  errors.push(...failed);
  return found.flat();
}

async function keysIn({ store }: Pass, prefix: string, kind: 'latest' | 'alert'): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) if (parseObjectKey(key)?.kind === kind) keys.push(key);
  return keys;
}

/** Verdicts of slots, manual ones among them, that were written since. */
async function ofSlots({ store, history }: Pass, since: Date): Promise<string[]> {
  const deadlines = history.rulings.flatMap(({ fleet }) => Object.values(fleet.policies).map((one) => one.deadline));
  const oldest = new Date(+since - JUDGED_WITHIN - Math.max(DAY, ...deadlines));
  const keys: string[] = [];
  for await (const object of store.list(ALL_SLOTS, { after: slotsOfDue(oldest) })) {
    if (isSince(object, since) && parseObjectKey(object.key)?.kind === 'slot-verdict') keys.push(object.key);
  }
  return keys;
}

/** The same of runs that no slot asked for: they lie by host and set, in order of their start. */
async function unasked({ store }: Pass, since: Date): Promise<string[]> {
  const keys: string[] = [];
  const hosts: string[] = [];
  for await (const folder of store.listFolders(ALL_UNASKED_VERDICTS)) hosts.push(folder);
  const oldest = compactInstant(new Date(+since - JUDGED_WITHIN));
  const failed = await everyOf(hosts, AT_ONCE, async (host) => {
    for await (const set of store.listFolders(host)) {
      for await (const object of store.list(set, { after: `${set}${oldest}` })) {
        if (isSince(object, since) && parseObjectKey(object.key)?.kind === 'verdict') keys.push(object.key);
      }
    }
  });
  if (failed.length > 0) throw failed[0];
  return keys.sort();
}

const isSince = ({ lastModified }: ListedObject, since: Date) => +lastModified >= +since - CLOCKS_DIFFER;
