/**
 * trust.json: the second step of the chain of trust. The anchor (the operator's public keys) comes from outside the
 * store; whatever the store says is believed only as far as this file, signed by the anchor, goes.
 */

import { canonicalJson, parseCanonical } from '../contract/canonical.ts';
import { decodeEnvelope, encodeEnvelope } from '../contract/envelope.ts';
import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { objectKey } from '../contract/keys.ts';
import { type Trust, type TrustedKey, trustKind } from '../contract/trust.ts';
import type { PrivateKey, PublicKey } from '../pgp/keys.ts';
import { signDetached, verifyDetached } from '../pgp/sign.ts';
import type { ObjectStore, PutOptions } from '../store/port.ts';

export const TRUST_KEY = objectKey({ kind: 'trust' });

export interface SignedTrust {
  readonly trust: Trust;
  /** For compare-and-swap. */
  readonly etag: string;
}

/**
 * Reads trust.json and checks the operator's signature before anything else. Null where there is none yet. Throws
 * `signature-invalid`, `document-invalid` or `format-unknown`.
 */
export async function readTrust(store: ObjectStore, anchor: readonly PublicKey[]): Promise<SignedTrust | null> {
  const object = await store.get(TRUST_KEY, { maxBytes: trustKind.maxBytes * 2 }).catch((error: unknown) => {
    if (isOffsiteError(error, 'store-absent')) return null;
    throw error;
  });
  if (object === null) return null;
  const { payload, signatures } = decodeEnvelope(object.body, TRUST_KEY);
  if ((await verifyDetached(payload, signatures, [...anchor])) === null) {
    throw new OffsiteError('signature-invalid', `${TRUST_KEY} is not signed by the operator's key`);
  }
  return { trust: trustKind.parse(parseCanonical(payload, TRUST_KEY), TRUST_KEY), etag: object.etag };
}

/** Signs and puts trust.json with the next serial; `store-changed` or `store-exists` where somebody was faster. */
export async function writeTrust(
  store: ObjectStore,
  hosts: Trust['hosts'],
  before: SignedTrust | null,
  signing: { key: PrivateKey; now: Date },
): Promise<Trust> {
  const serial = (before?.trust.serial ?? 0) + 1;
  const trust = trustKind.parse({ type: trustKind.type, format: 1, serial, hosts }, TRUST_KEY);
  const payload = Buffer.from(canonicalJson(trust));
  const signatures = [await signDetached(payload, signing.key, signing.now)];
  const condition = before === null ? ('absent' as const) : { etag: before.etag };
  await putOnce(store, TRUST_KEY, encodeEnvelope({ payload, signatures }), condition);
  return trust;
}

/** Puts a document that is signed here; where the answer of an earlier try was lost, what it wrote is there already. */
export async function putOnce(
  store: ObjectStore,
  key: string,
  bytes: Buffer,
  condition: PutOptions['condition'],
): Promise<void> {
  try {
    await store.put(key, bytes, { condition });
  } catch (error) {
    if (!isOffsiteError(error, 'store-exists', 'store-changed')) throw error;
    const present = await store.get(key, { maxBytes: bytes.length }).catch(() => null);
    if (present === null || !present.body.equals(bytes)) throw error;
  }
}

export type Certification = { state: 'certified' } | { state: 'uncertified'; why: string };

/** Whether trust.json lets this key sign this sequence under this prefix for a host of this name. */
export function certificationOf(
  trust: Trust | null,
  signed: { prefix: string; name: string; fingerprint: string; sequence: number },
): Certification {
  const uncertified = (why: string): Certification => ({ state: 'uncertified', why });
  const host = trust?.hosts[signed.prefix];
  if (trust === null || host === undefined) return uncertified(`no key of ${signed.prefix} is certified`);
  if (host.name !== signed.name)
    return uncertified(`${signed.prefix} is certified as ${host.name}, not as ${signed.name}`);
  const covers = (key: TrustedKey) =>
    key.fingerprint === signed.fingerprint &&
    key.from <= signed.sequence &&
    (key.until === null || signed.sequence <= key.until);
  if (host.keys.some(covers)) return { state: 'certified' };
  const known = host.keys.some((key) => key.fingerprint === signed.fingerprint);
  return uncertified(
    known
      ? `key ${signed.fingerprint} is not certified for sequence ${signed.sequence} of ${host.name}`
      : `key ${signed.fingerprint} is not certified for ${host.name}`,
  );
}
