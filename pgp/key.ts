/** OpenPGP keys as the rest of the project sees them, and which of them are safe to look at closely. */

import * as openpgp from 'openpgp';
import { NO_DATE, SETTINGS } from './library.ts';

export interface PublicKey {
  /** Of the primary key: 40 uppercase hex digits. */
  readonly fingerprint: string;
  readonly armored: string;
  readonly openpgp: openpgp.PublicKey;
  /** When the primary key or its encryption subkey expires, whichever is first; null where neither does. */
  readonly expires: Date | null;
}

/** A private key that is unlocked. */
export interface PrivateKey {
  /** Of the primary key: 40 uppercase hex digits. */
  readonly fingerprint: string;
  /** Not locked: handle like the key itself. */
  readonly armored: string;
  readonly openpgp: openpgp.PrivateKey;
  readonly publicKey: PublicKey;
}

/** Why a key block cannot be used at all. */
export class UnusableKey extends Error {}

/** OpenSSL's own limit; beyond it the library falls back to arithmetic that one hostile key can keep busy for hours. */
const MAX_RSA_BYTES = 16_384 / 8;
const MAX_RSA_EXPONENT_BYTES = 8;

/**
 * A public key from the library's, or the public half of a private one. DSA subkeys are left out. Throws UnusableKey for
 * a primary key that is not of version 4 (RFC 9580, 5.5.2.2), that is DSA, or that is RSA with absurd numbers.
 */
export async function publicKeyOf(source: openpgp.Key): Promise<PublicKey> {
  const { version } = source.keyPacket;
  if (version !== 4) throw new UnusableKey(`a key of version ${version}; only version 4 is used, as by GnuPG 2.2`);
  if (!isBounded(source.keyPacket)) {
    throw new UnusableKey(`its primary key is ${source.getAlgorithmInfo().algorithm} of a kind that is not supported`);
  }
  const key = source.isPrivate() ? source.toPublic() : source;
  key.subkeys = key.subkeys.filter((subkey) => isBounded(subkey.keyPacket));
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    armored: key.armor(SETTINGS),
    openpgp: key,
    expires: await expiryOf(key),
  };
}

/** A private key from the library's, which must be unlocked. Throws UnusableKey like publicKeyOf. */
export async function privateKeyOf(key: openpgp.PrivateKey): Promise<PrivateKey> {
  const publicKey = await publicKeyOf(key);
  return {
    fingerprint: publicKey.fingerprint,
    get armored() {
      return key.armor(SETTINGS);
    },
    openpgp: key,
    publicKey,
  };
}

/** `FINGERPRINT (Jo <jo@example.org>)`, for messages; whoever made the key chose the name, so it is made printable. */
export function describeKey(key: PublicKey): string {
  const [user] = key.openpgp.getUserIDs();
  return user === undefined ? key.fingerprint : `${key.fingerprint} (${user.replaceAll(/\p{C}/gu, '?')})`;
}

/** True for keys that the library may be asked to verify signatures with: its DSA has no bounds at all. */
function isBounded(packet: openpgp.AnyKeyPacket): boolean {
  const { algorithm } = packet.getAlgorithmInfo();
  if (algorithm === 'dsa') return false;
  if (!algorithm.startsWith('rsa')) return true;
  const { n, e } = packet.publicParams as { n: Uint8Array; e: Uint8Array };
  return n.length <= MAX_RSA_BYTES && e.length <= MAX_RSA_EXPONENT_BYTES;
}

async function expiryOf(key: openpgp.Key): Promise<Date | null> {
  const times = [await key.getExpirationTime(undefined, SETTINGS)];
  try {
    const encryption = await key.getEncryptionKey(undefined, null, undefined, SETTINGS);
    if (encryption instanceof openpgp.Subkey) times.push(await encryption.getExpirationTime(NO_DATE, SETTINGS));
  } catch {
    // A key that only signs.
  }
  const dates = times.filter((time) => time instanceof Date);
  return dates.length === 0 ? null : new Date(Math.min(...dates.map(Number)));
}
