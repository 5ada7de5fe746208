/**
 * Session keys: the 32 bytes that all parts of one attempt of a run are encrypted with, and the packets that carry them
 * to the recipients.
 */

import * as openpgp from 'openpgp';
import { OffsiteError } from '../contract/errors.ts';
import type { PrivateKey, PublicKey } from './key.ts';
import { asBuffer, NO_DATE, SETTINGS } from './library.ts';
import { KEY_BYTES, sessionKeyPacketsLength } from './packets.ts';
import { assertRecipients, encryptionKeyId } from './recipients.ts';
import { SessionKey } from './session-key-value.ts';

export { formatSessionKey, newSessionKey, parseSessionKey, type SessionKey } from './session-key-value.ts';

/**
 * One session-key packet of version 3 for each recipient, in order, to the newest encryption subkey of each
 * (RFC 9580, 5.1.1). Throws `recipient-unusable`.
 */
export async function sessionKeyPackets(key: SessionKey, recipients: readonly PublicKey[]): Promise<Buffer> {
  await assertRecipients(recipients);
  const packets = await openpgp.encryptSessionKey({
    data: key.reveal(),
    algorithm: 'aes256',
    encryptionKeys: recipients.map((recipient) => recipient.openpgp),
    encryptionKeyIDs: await Promise.all(recipients.map(encryptionKeyId)),
    date: NO_DATE,
    format: 'binary',
    config: SETTINGS,
  });
  return asBuffer(packets);
}

/**
 * The session key from the packets at the beginning of a part; what follows them is not looked at. Throws
 * `part-damaged` where they are damaged, none is for this key, or they do not agree.
 */
export async function recoverSessionKey(part: Uint8Array, key: PrivateKey): Promise<SessionKey> {
  const length = sessionKeyPacketsLength(part);
  if (length === null || length === 0) throw notRecovered();
  let found: openpgp.DecryptedSessionKey[];
  try {
    const message = await openpgp.readMessage({ binaryMessage: part.subarray(0, length), config: SETTINGS });
    found = await openpgp.decryptSessionKeys({ message, decryptionKeys: key.openpgp, date: NO_DATE, config: SETTINGS });
  } catch (cause) {
    throw notRecovered(cause);
  }
  const [only] = found;
  if (found.length !== 1 || only?.algorithm !== 'aes256' || only.data.length !== KEY_BYTES) throw notRecovered();
  return new SessionKey(only.data);
}

function notRecovered(cause?: unknown): OffsiteError {
  return new OffsiteError('part-damaged', 'the session key of an encrypted part cannot be recovered with this key', {
    cause,
  });
}
