/** The operator's word that a suspect run is good: signed like trust.json, believed by the same anchor. */

import { canonicalJson, parseCanonical } from '../contract/canonical.ts';
import { FORMAT } from '../contract/document.ts';
import { decodeEnvelope, encodeEnvelope } from '../contract/envelope.ts';
import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { instantText } from '../contract/ids.ts';
import { objectKey } from '../contract/keys.ts';
import { type Acceptance, acceptanceKind } from '../contract/trust.ts';
import type { PrivateKey, PublicKey } from '../pgp/keys.ts';
import { signDetached, verifyDetached } from '../pgp/sign.ts';
import type { ObjectStore } from '../store/port.ts';
import type { RunPlace } from './manifests.ts';
import { putOnce } from './trust.ts';

/**
 * The acceptance of a run, or null where there is none. Throws `signature-invalid` where it is not signed by the
 * operator, and `document-invalid`, `document-too-large` or `format-unknown`, also where it is of another run.
 */
export async function readAcceptance(
  store: ObjectStore,
  anchor: readonly PublicKey[],
  place: RunPlace,
): Promise<Acceptance | null> {
  const key = acceptanceKey(place);
  const object = await store.get(key, { maxBytes: acceptanceKind.maxBytes * 2 }).catch((error: unknown) => {
    if (isOffsiteError(error, 'store-absent')) return null;
    throw error;
  });
  if (object === null) return null;
  const { payload, signatures } = decodeEnvelope(object.body, key);
  if ((await verifyDetached(payload, signatures, anchor)) === null) {
    throw new OffsiteError('signature-invalid', `${key} is not signed by the operator's key`);
  }
  const acceptance = acceptanceKind.parse(parseCanonical(payload, key), key);
  const isOfRun = acceptance.prefix === place.prefix && acceptance.set === place.set && acceptance.run === place.run;
  if (!isOfRun) throw new OffsiteError('document-invalid', `${key} is the acceptance of another run`);
  return acceptance;
}

/**
 * Signs and puts the acceptance of the manifest with this payload hash. Throws `store-exists` where there is one
 * already: the first word stands.
 */
export async function writeAcceptance(
  store: ObjectStore,
  accepted: RunPlace & { payload: string; because: string },
  signing: { key: PrivateKey; now: Date },
): Promise<Acceptance> {
  const { prefix, set, run, payload, because } = accepted;
  const key = acceptanceKey(accepted);
  const at = instantText(signing.now);
  const acceptance = acceptanceKind.parse(
    { type: acceptanceKind.type, format: FORMAT, prefix, set, run, payload, because, at },
    key,
  );
  const bytes = Buffer.from(canonicalJson(acceptance));
  const signatures = [await signDetached(bytes, signing.key, signing.now)];
  await putOnce(store, key, encodeEnvelope({ payload: bytes, signatures }), 'absent');
  return acceptance;
}

function acceptanceKey({ prefix, set, run }: RunPlace): string {
  return objectKey({ kind: 'accepted', prefix, set, run });
}
