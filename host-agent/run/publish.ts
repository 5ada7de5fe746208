/**
 * Publishing: the signed manifest is journalled and synced before it is put, and only those bytes are ever put under
 * this run. So a crash or a lost reply at any point leads to the same manifest, or to none.
 */

import { join } from 'node:path';
import { canonicalJson } from '../../contract/canonical.ts';
import { encodeEnvelope } from '../../contract/envelope.ts';
import { sha256Hex } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { type Manifest, parseManifest } from '../../contract/manifest.ts';
import type { PrivateKey } from '../../pgp/keys.ts';
import { signDetached } from '../../pgp/sign.ts';
import type { ObjectStore } from '../../store/port.ts';
import { acceptExisting } from '../engine/part-uploads.ts';
import { removeDurably } from '../state/files.ts';
import type { Ledger, Pending, RunMemory } from '../state/ledger.ts';

export interface SignedPayload {
  readonly key: string;
  readonly manifest: Manifest;
  readonly payload: Buffer;
  readonly payloadHash: string;
}

/** The manifest's canonical bytes, checked as a reader will check them. */
export function encodeManifest(manifest: Manifest): SignedPayload {
  const { prefix, set, run } = manifest;
  const key = objectKey({ kind: 'manifest', prefix, set, run });
  const payload = Buffer.from(canonicalJson(manifest));
  parseManifest(payload, key);
  return { key, manifest, payload, payloadHash: sha256Hex(payload) };
}

/** Signs and journals. From here on the run is as good as published: the next agent to run puts it, if this one dies. */
export async function journalManifest(
  signed: SignedPayload,
  ports: { memory: RunMemory; key: PrivateKey; now: Date },
  of: { follows: string | null; clears: string | null },
): Promise<Pending> {
  const { manifest, payload, payloadHash } = signed;
  const signatures = [await signDetached(payload, ports.key, ports.now)];
  const isAccepted = manifest.outcome === 'complete' || manifest.outcome === 'partial';
  const ledger: Ledger = {
    ...ports.memory.publisher,
    run: manifest.run,
    follows: of.follows,
    sequence: manifest.sequence,
    payload: payloadHash,
    outcome: manifest.outcome,
    base: isAccepted ? { run: manifest.run, payload: payloadHash } : (ports.memory.ledger()?.base ?? null),
  };
  const envelope = encodeEnvelope({ payload, signatures }).toString('base64');
  const pending: Pending = { key: signed.key, envelope, ledger, clears: of.clears };
  await ports.memory.writePending(pending);
  return pending;
}

/** Puts a journalled manifest and notes everything that follows from it. Every step may be done twice. */
export async function commit(
  pending: Pending,
  ports: { store: ObjectStore; memory: RunMemory; folder: string },
): Promise<void> {
  const { store, memory, folder } = ports;
  await store.put(pending.key, Buffer.from(pending.envelope, 'base64'), { condition: 'absent' }).catch(acceptExisting);
  await memory.writeLedger(pending.ledger);
  await memory.addFinished(pending.ledger.run);
  if (pending.clears !== null) await removeDurably(join(folder, pending.clears));
  if (memory.current()?.run === pending.ledger.run) await memory.removeCurrent();
  await memory.removePending();
}
