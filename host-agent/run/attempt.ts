/**
 * One attempt at a run: the journal it continues or begins, the session key it draws, and what earlier attempts left.
 * The next full of a set continues the newest unfinished one, so that a full larger than any time limit ends one day.
 */

import { join } from 'node:path';
import { isOffsiteError } from '../../contract/errors.ts';
import { randomRunId, sha256Hex } from '../../contract/ids.ts';
import { objectKey, partsOfChain } from '../../contract/keys.ts';
import type { ObjectLine } from '../../contract/manifest.ts';
import type { PublicKey } from '../../pgp/keys.ts';
import { encryptMessage } from '../../pgp/messages.ts';
import { PartWriter } from '../../pgp/part-writer.ts';
import { formatSessionKey, newSessionKey, type SessionKey, sessionKeyPackets } from '../../pgp/session-key.ts';
import type { ObjectStore } from '../../store/port.ts';
import { secureRandom } from '../../system/random.ts';
import type { ChunkTable } from '../engine/chunk-table.ts';
import { acceptExisting } from '../engine/part-uploads.ts';
import { MAX_NUMBER, Sealer } from '../engine/parts.ts';
import { Journal, readJournal, type Unfinished } from '../state/journal.ts';
import type { RunPlan } from './plan.ts';

export interface Attempt {
  readonly chain: string;
  readonly number: number;
  readonly journal: Journal;
  /** The name of the journal's file in the state folder. */
  readonly journalName: string;
  readonly sealer: Sealer;
  /** What its parts are sealed with: 32 bytes, and the packets in front of each part. Never written down. */
  readonly sealing: { readonly sessionKey: Uint8Array; readonly packets: Uint8Array };
  /** Key objects of this attempt and of those whose parts are adopted. */
  readonly keyObjects: [attempt: number, key: string, size: number, sha256: string][];
  /** Data parts that earlier attempts put. */
  readonly adopted: Unfinished['parts'];
  /** Bytes of this attempt's key object. */
  readonly keyObjectSize: number;
}

export const journalNameOf = (type: RunPlan['actual']): string => `${type}.jsonl`;

/** Begins an attempt: the journal is durable and the key object is in the store when it returns. */
export async function beginAttempt(
  of: { prefix: string; set: string; run: string; start: Date; recipients: readonly PublicKey[]; extraVerify: boolean },
  plan: RunPlan,
  ports: { store: ObjectStore; folder: string; mayRead: boolean },
): Promise<Attempt> {
  const journalName = journalNameOf(plan.actual);
  const file = join(ports.folder, journalName);
  const recipients = of.recipients.map((key) => key.fingerprint).sort();
  const publisher = { prefix: of.prefix, store: ports.store.url };
  const before = usable(readJournal(file), { ...publisher, run: of.run }, plan, recipients);
  const unfinished = before === null || !ports.mayRead ? before : await confirmed(before, of, ports.store);
  const chain = plan.base?.info.chain ?? unfinished?.chain ?? randomRunId(of.start, secureRandom(6));
  const journal = await Journal.open(file, { ...publisher, chain, recipients }, unfinished);
  const number = (unfinished?.attempts ?? 0) + 1;
  try {
    await journal.attempt(of.run, number);
    const sessionKey = newSessionKey(secureRandom(32));
    const packets = await sessionKeyPackets(sessionKey, of.recipients);
    const keyObject = await putKeyObject({ ...of, chain, number, sessionKey }, ports.store);
    journal.keyObject(...keyObject);
    return {
      chain,
      number,
      journal,
      journalName,
      sealing: { sessionKey: Uint8Array.from(sessionKey.reveal()), packets },
      sealer: new Sealer(new PartWriter(sessionKey, packets), sessionKey, { verifyAll: of.extraVerify }),
      ...adoptedFrom(unfinished, keyObject),
      keyObjectSize: keyObject[2],
    };
  } catch (error) {
    await journal.close();
    throw error;
  }
}

type KeyObject = Unfinished['keyObjects'][number];

async function putKeyObject(
  of: {
    prefix: string;
    set: string;
    run: string;
    chain: string;
    number: number;
    sessionKey: SessionKey;
    recipients: readonly PublicKey[];
  },
  store: ObjectStore,
): Promise<KeyObject> {
  const { prefix, set, run, chain, number: attempt } = of;
  const text = JSON.stringify({ run, attempt, sessionKey: formatSessionKey(of.sessionKey) });
  const message = await encryptMessage(Buffer.from(text), of.recipients);
  const sha256 = sha256Hex(message);
  const key = objectKey({ kind: 'session-key', prefix, set, chain, run, attempt, sha: sha256.slice(0, 32) });
  await store.put(key, message, { condition: 'absent', sha256 }).catch(acceptExisting);
  return [attempt, key, message.length, sha256];
}

/**
 * Data parts of earlier attempts whose key object is known, and the key objects that all parts need. Listing parts of a
 * dead attempt are not adopted: a new listing is cheap, and differs.
 */
function adoptedFrom(unfinished: Unfinished | null, own: KeyObject): Pick<Attempt, 'adopted' | 'keyObjects'> {
  const earlier = new Map((unfinished?.keyObjects ?? []).map((one) => [one[0], one]));
  const adopted = (unfinished?.parts ?? []).filter(({ kind, line }) => kind === 'data' && earlier.has(line[3]));
  const needed = new Set(adopted.map(({ line }) => line[3]));
  return { adopted, keyObjects: [...[...earlier.values()].filter(([attempt]) => needed.has(attempt)), own] };
}

/**
 * A full continues any unfinished full to the same store and recipients; an incremental only its own earlier attempt.
 */
function usable(
  unfinished: Unfinished | null,
  of: { prefix: string; store: string; run: string },
  plan: RunPlan,
  recipients: readonly string[],
): Unfinished | null {
  if (unfinished === null || unfinished.prefix !== of.prefix || unfinished.store !== of.store) return null;
  if (unfinished.recipients.join() !== recipients.join()) return null;
  // So many parts leave no room for what is still to come.
  if (unfinished.nextNumber >= MAX_NUMBER) return null;
  if (plan.actual === 'full') return unfinished;
  return unfinished.runs.every((run) => run === of.run) && unfinished.chain === plan.base?.info.chain
    ? unfinished
    : null;
}

/** Only what the store still holds, where it may be asked: it may have been replaced by an empty one meanwhile. */
async function confirmed(
  unfinished: Unfinished,
  of: { prefix: string; set: string },
  store: ObjectStore,
): Promise<Unfinished> {
  const there = new Map<string, number>();
  try {
    for (const kind of ['data', 'meta'] as const) {
      const folder = partsOfChain(kind, { ...of, chain: unfinished.chain });
      for await (const { key, size } of store.list(folder)) there.set(key, size);
    }
  } catch (error) {
    if (isOffsiteError(error, 'store-denied')) return unfinished;
    throw error;
  }
  return {
    ...unfinished,
    keyObjects: unfinished.keyObjects.filter(([, key, size]) => there.get(key) === size),
    parts: unfinished.parts.filter(({ line: [key, size] }) => there.get(key) === size),
  };
}

/** Makes the chunks of adopted parts known, so that they are not stored again. `source`: this run's own place. */
export function adoptChunks(attempt: Attempt, known: ChunkTable, source: number): void {
  for (const { number, chunks } of attempt.adopted) {
    for (const [digest, frameOffset, frameLength, offset, length] of chunks) {
      const { chunk, isNew } = known.findOrAdd(Buffer.from(digest, 'base64').toString('latin1'), length);
      if (isNew) known.locate(chunk, { source, part: number, frameOffset, frameLength, offset, length });
    }
  }
}

/** The lines of adopted parts. */
export const adoptedLines = (attempt: Attempt): ObjectLine[] => attempt.adopted.map(({ line }) => line);
