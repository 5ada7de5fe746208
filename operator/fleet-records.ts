/** What the stack keeps of every set, of problems and of itself, read as it lies in the store. */

import * as z from 'zod';
import { field } from '../contract/document.ts';
import { decodeEnvelope } from '../contract/envelope.ts';
import { isOffsiteError } from '../contract/errors.ts';
import { runInstant, sha256Hex } from '../contract/ids.ts';
import { ALL_ALERTS, ALL_LATEST, objectKey, parseObjectKey } from '../contract/keys.ts';
import { manifestKind } from '../contract/manifest.ts';
import { type Problem, problemKind } from '../contract/problem.ts';
import { type AuditState, auditStateKind, type Latest, latestKind } from '../contract/verdict.ts';
import { type Kind, readDocument } from '../functions/lib/documents.ts';
import { eachOf } from '../repository/concurrent.ts';
import type { ObjectStore } from '../store/port.ts';

/** A full and what was built on it, up to the run that the next incremental builds on. */
export interface Chain {
  /** Its id, which begins with the instant at which the full did. */
  readonly chain: string;
  readonly ageSeconds: number;
  /** Runs that a restore of the newest one reads, itself among them. */
  readonly runs: number;
}

export interface Records {
  /** By `host/set`. */
  readonly latest: ReadonlyMap<string, Latest>;
  readonly chains: ReadonlyMap<string, Chain>;
  /** Open ones. */
  readonly problems: readonly Problem[];
  readonly audit: AuditState | null;
  /** Keys of what could not be read. */
  readonly unread: readonly string[];
}

/** Requests at once: S3 answers thousands a second, and a machine at home has a few sockets to spare. */
const AT_ONCE = 32;

/** `host` where one alone is asked about. */
export async function readRecords(
  store: ObjectStore,
  host: string | undefined,
  now: Date,
  { chains: withChains } = { chains: true },
): Promise<Records> {
  const unread: string[] = [];
  const latest = new Map<string, Latest>();
  const of = host === undefined ? ALL_LATEST : `${ALL_LATEST}${host}/`;
  await readEach(store, await keysIn(store, of, 'latest'), latestKind, unread, (one) => {
    latest.set(`${one.host}/${one.set}`, one);
  });
  const problems: Problem[] = [];
  await readEach(store, await keysIn(store, ALL_ALERTS, 'alert'), problemKind, unread, (one) => {
    if (one.closed === null) problems.push(one);
  });
  const key = objectKey({ kind: 'audit-state' });
  const { document: audit, fault } = await readDocument(store, key, auditStateKind);
  if (fault !== null) unread.push(key);
  const chains = new Map<string, Chain>();
  if (withChains) {
    await eachOf(latest.values(), AT_ONCE, async (one) => {
      const chain = await chainOf(store, one, now);
      if (chain !== null) chains.set(`${one.host}/${one.set}`, chain);
    });
  }
  return { latest, chains, problems, audit, unread: unread.sort() };
}

async function keysIn(store: ObjectStore, prefix: string, kind: 'latest' | 'alert'): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) if (parseObjectKey(key)?.kind === kind) keys.push(key);
  return keys;
}

async function readEach<T>(
  store: ObjectStore,
  keys: readonly string[],
  kind: Kind<T>,
  unread: string[],
  keep: (document: T) => void,
): Promise<void> {
  await eachOf(keys, AT_ONCE, async (key) => {
    try {
      const { document, fault } = await readDocument(store, key, kind);
      if (fault !== null) unread.push(key);
      if (document !== null) keep(document);
    } catch (error) {
      if (!isOffsiteError(error, 'format-unknown')) throw error;
      unread.push(key);
    }
  });
}

/** What is asked of a manifest here; the rest may be megabytes. */
const manifestPart = z.object({ chain: field.run, sources: z.array(z.unknown()) });

/** Of the run that is the base, if its manifest is the one that the stack has judged; null where there is no such thing. */
async function chainOf(store: ObjectStore, { prefix, set, base }: Latest, now: Date): Promise<Chain | null> {
  if (base === null) return null;
  const key = objectKey({ kind: 'manifest', prefix, set, run: base.run });
  try {
    const { body } = await store.get(key, { maxBytes: manifestKind.maxBytes * 2 });
    const { payload } = decodeEnvelope(body, key);
    if (sha256Hex(payload) !== base.payload) return null;
    const { chain, sources } = manifestPart.parse(JSON.parse(payload.toString('utf8')));
    const ageSeconds = Math.max(0, Math.round((+now - +runInstant(chain)) / 1000));
    return { chain, ageSeconds, runs: sources.length };
  } catch (error) {
    if (isOffsiteError(error, 'store-absent', 'document-invalid', 'document-too-large')) return null;
    throw error;
  }
}
