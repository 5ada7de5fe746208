/**
 * The envelope of every signed document: `{"payload": base64, "signatures": [armored detached signatures]}`. The
 * signatures are over the exact bytes that the base64 decodes to; those bytes are canonical JSON. By hand:
 * `jq -rj .payload | base64 -d`, then gpgv.
 */

import { decodeUtf8, parseJson } from './canonical.ts';
import { OffsiteError } from './errors.ts';

export interface Envelope {
  readonly payload: Buffer;
  /** Armored detached binary signatures, one to eight. */
  readonly signatures: string[];
}

const MAX_SIGNATURES = 8;
const MAX_SIGNATURE_LENGTH = 16_384;

/** The envelope's bytes. */
export function encodeEnvelope(envelope: Envelope): Buffer {
  const { payload, signatures } = envelope;
  return Buffer.from(`${JSON.stringify({ payload: payload.toString('base64'), signatures })}\n`);
}

/** Takes an envelope apart. Nothing in it is believed yet. Throws `document-invalid` naming `what`. */
export function decodeEnvelope(bytes: Uint8Array, what: string): Envelope {
  const refuse = (why: string): never => {
    throw new OffsiteError('document-invalid', `${what} is not a signed document: ${why}`);
  };
  const value = parseJson(decodeUtf8(bytes, what), what);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return refuse('not an object');
  const { payload, signatures } = value;
  if (typeof payload !== 'string') return refuse('no payload');
  const decoded = Buffer.from(payload, 'base64');
  if (decoded.toString('base64') !== payload) return refuse('the payload is not base64');
  if (!Array.isArray(signatures) || signatures.length === 0) return refuse('no signatures');
  if (signatures.length > MAX_SIGNATURES) return refuse('too many signatures');
  const texts = signatures.map((signature) =>
    typeof signature === 'string' && signature.length <= MAX_SIGNATURE_LENGTH
      ? signature
      : refuse('a signature is no text'),
  );
  return { payload: decoded, signatures: texts };
}
