/** Small OpenPGP messages that are not parts: key objects, written and read with the library. */

import * as openpgp from 'openpgp';
import { OffsiteError } from '../contract/errors.ts';
import type { PrivateKey, PublicKey } from './key.ts';
import { asBuffer, EPOCH, NO_DATE, SETTINGS } from './library.ts';
import { assertRecipients, encryptionKeyId } from './recipients.ts';

/** What a message that gpg compressed may become. Ours are not compressed. */
const MAX_DECOMPRESSED = 64 * 2 ** 20;

/**
 * A binary message that GnuPG 2.2 opens: session-key packets, then SEIPD version 1 with AES-256 over one literal packet
 * without name and date, not compressed, not signed. Throws `recipient-unusable`.
 */
export async function encryptMessage(bytes: Uint8Array, recipients: readonly PublicKey[]): Promise<Buffer> {
  await assertRecipients(recipients);
  const sealed = await openpgp.encrypt({
    message: await openpgp.createMessage({ binary: bytes, date: EPOCH }),
    encryptionKeys: recipients.map((recipient) => recipient.openpgp),
    encryptionKeyIDs: await Promise.all(recipients.map(encryptionKeyId)),
    // Drawn for no key in particular: else the recipients' preferences could choose AES-128, or SEIPD version 2.
    sessionKey: await openpgp.generateSessionKey({ encryptionKeys: [], config: SETTINGS }),
    date: NO_DATE,
    format: 'binary',
    config: SETTINGS,
  });
  return asBuffer(sealed);
}

/**
 * The content of a binary message of ours or of gpg's (which may be compressed). Signatures in it are not looked at.
 * Throws `part-damaged` for every cause, the wrong key among them.
 */
export async function decryptMessage(bytes: Uint8Array, key: PrivateKey): Promise<Buffer> {
  try {
    const { data } = await openpgp.decrypt({
      message: await openpgp.readMessage({ binaryMessage: bytes, config: SETTINGS }),
      decryptionKeys: key.openpgp,
      date: NO_DATE,
      format: 'binary',
      config: { ...SETTINGS, maxDecompressedMessageSize: MAX_DECOMPRESSED },
    });
    return asBuffer(data as Uint8Array);
  } catch (cause) {
    throw new OffsiteError('part-damaged', 'an OpenPGP message cannot be decrypted with this key', { cause });
  }
}
