/** Which keys backups may be encrypted to, and to which of their subkeys. */

import type * as openpgp from 'openpgp';
import { OffsiteError } from '../contract/errors.ts';
import { describeKey, type PublicKey } from './key.ts';
import { reasonOf, SETTINGS } from './library.ts';
import { MAX_RECIPIENTS } from './packets.ts';

/** Curves that both the library and GnuPG 2.2 do ECDH on. */
const CURVES: ReadonlySet<string | undefined> = new Set(['curve25519Legacy', 'nistP256', 'nistP384', 'nistP521']);

/**
 * Resolves if there is at least one key and each can be encrypted to by us and read by GnuPG 2.2; else throws
 * `recipient-unusable` naming the key and why. Expired keys pass (see expiryNotice), revoked ones do not.
 */
export async function assertRecipients(keys: readonly PublicKey[]): Promise<void> {
  if (keys.length === 0) throw new OffsiteError('recipient-unusable', 'no recipient: nobody could read the backups');
  if (keys.length > MAX_RECIPIENTS) {
    throw new OffsiteError('recipient-unusable', `${keys.length} recipients are too many; ${MAX_RECIPIENTS} may be`);
  }
  for (const key of keys) await encryptionKeyId(key);
}

/** A notice for people where the key has expired by `now`, else null. It is no reason not to use the key. */
export function expiryNotice(key: PublicKey, now: Date): string | null {
  if (key.expires === null || key.expires > now) return null;
  const day = key.expires.toISOString().slice(0, 10);
  return `key ${describeKey(key)} expired on ${day}; it is used all the same`;
}

/**
 * The id of the key to encrypt to: the newest subkey for encryption that is validly bound and not revoked, else the
 * primary key; newer ones that GnuPG 2.2 cannot use are passed over. Dates do not matter. Throws `recipient-unusable`.
 */
export async function encryptionKeyId(key: PublicKey): Promise<openpgp.KeyID> {
  const newestFirst = [...key.openpgp.subkeys].sort((a, b) => +b.getCreationTime() - +a.getCreationTime());
  let cause: unknown = new Error('it has no key for encryption of a kind that GnuPG 2.2 can use');
  for (const candidate of [...newestFirst, key.openpgp]) {
    if (!isReadableByGnupg(candidate.getAlgorithmInfo())) continue;
    try {
      const found = await key.openpgp.getEncryptionKey(candidate.getKeyID(), null, undefined, SETTINGS);
      if (found.getFingerprint() === candidate.getFingerprint()) return candidate.getKeyID();
    } catch (error) {
      cause = error;
    }
  }
  throw new OffsiteError('recipient-unusable', `recipient ${describeKey(key)} cannot be used: ${reasonOf(cause)}`, {
    cause,
  });
}

function isReadableByGnupg({ algorithm, curve }: openpgp.AlgorithmInfo): boolean {
  if (algorithm === 'ecdh') return CURVES.has(curve);
  return algorithm === 'rsaEncryptSign' || algorithm === 'rsaEncrypt';
}
