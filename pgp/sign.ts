/**
 * Detached signatures over exact bytes. Time decides nothing here: a signature is valid or not whatever the clocks of
 * host, operator or reader say, and keys that have expired still sign and verify. Revoked ones do not.
 */

import * as openpgp from 'openpgp';
import { OffsiteError } from '../contract/errors.ts';
import { describeKey, type PrivateKey, type PublicKey } from './key.ts';
import { EPOCH, NO_DATE, openpgpTime, reasonOf, SETTINGS, signWith } from './library.ts';

const { binary } = openpgp.enums.signature;
const { sha256, sha384, sha512 } = openpgp.enums.hash;

/** Characters of one armored signature, armored texts, and signatures in all: more is not looked at. */
const MAX_ARMOR = 16_384;
const MAX_ARMORED = 16;
const MAX_SIGNATURES = 16;

/** What GnuPG 2.2 verifies too; neither MD5 nor SHA-1, whose collisions can be made (RFC 9580, 9.5). */
const HASHES: ReadonlySet<number | null> = new Set([sha256, sha384, sha512]);

/**
 * An armored detached signature of type 0x00, "binary document" (RFC 9580, 5.2.1), with SHA-512, by the newest signing
 * subkey whose secret is there, else the primary key. Its time is the latest of `now` and the creation times of the
 * keys, so that it is never older than the key that made it, which GnuPG refuses. The same arguments give the same text
 * for Ed25519 and RSA keys. Throws `key-unreadable` where the key cannot sign.
 */
export async function signDetached(bytes: Uint8Array, key: PrivateKey, now: Date): Promise<string> {
  const signer = await signingPacket(key);
  const signature = new openpgp.SignaturePacket();
  signature.signatureType = binary;
  signature.publicKeyAlgorithm = signer.algorithm;
  signature.hashAlgorithm = sha512;
  const date = openpgpTime(now, key.openpgp.getCreationTime(), signer.created);
  await signWith(signature, signer, await literal(bytes), { date, detached: true });
  const packets = new openpgp.PacketList<openpgp.SignaturePacket>();
  packets.push(signature);
  return new openpgp.Signature(packets).armor(SETTINGS);
}

/**
 * The fingerprint (of the primary key) of the first of `keys` that has a valid signature among `armoredSignatures` over
 * exactly these bytes, else null. Valid is a signature of type 0x00 with SHA-256, SHA-384 or SHA-512, by the primary key
 * or a signing subkey that the primary key has bound and that has agreed (RFC 9580, 5.2.1.9), none of them revoked.
 * Whatever else the texts hold, also more than 16 signatures or 16 KiB in one, is no valid signature; nothing is thrown.
 */
export async function verifyDetached(
  bytes: Uint8Array,
  armoredSignatures: readonly string[],
  keys: readonly PublicKey[],
): Promise<string | null> {
  if (armoredSignatures.length > MAX_ARMORED) return null;
  const signatures = (await Promise.all(armoredSignatures.map(readSignatures))).flat();
  if (signatures.length === 0 || signatures.length > MAX_SIGNATURES) return null;
  const data = await literal(bytes);
  for (const key of keys) {
    for (const signature of signatures) {
      if (await isValid(signature, key, data)) return key.fingerprint;
    }
  }
  return null;
}

async function isValid(signature: openpgp.SignaturePacket, key: PublicKey, data: object): Promise<boolean> {
  const { issuerKeyID } = signature;
  if (!key.openpgp.getKeyIDs().some((keyID) => keyID.equals(issuerKeyID))) return false;
  try {
    // Not the library's `verify`, which asks whether the key was valid at the time that the signature claims.
    const signer = await key.openpgp.getSigningKey(issuerKeyID, null, undefined, SETTINGS);
    await signature.verify(signer.keyPacket, binary, data, NO_DATE, true, SETTINGS);
    return true;
  } catch {
    return false;
  }
}

/** The signatures in one armored text that may count at all. */
async function readSignatures(armoredSignature: string): Promise<openpgp.SignaturePacket[]> {
  if (armoredSignature.length > MAX_ARMOR || !armoredSignature.startsWith('-----BEGIN PGP SIGNATURE-----')) return [];
  try {
    const { packets } = await openpgp.readSignature({ armoredSignature, config: SETTINGS });
    return packets.filter(
      (packet) =>
        packet instanceof openpgp.SignaturePacket &&
        packet.version === 4 &&
        packet.signatureType === binary &&
        HASHES.has(packet.hashAlgorithm),
    );
  } catch {
    return [];
  }
}

/** The signing key to use: bound, not revoked, and with its secret at hand, which stubs have not. */
async function signingPacket(key: PrivateKey): Promise<openpgp.AnySecretKeyPacket> {
  const newestFirst = [...key.openpgp.subkeys].sort((a, b) => +b.getCreationTime() - +a.getCreationTime());
  let reason: unknown = new Error('it has no key for signing');
  for (const candidate of [...newestFirst, key.openpgp]) {
    const packet = candidate.keyPacket as openpgp.SecretKeyPacket;
    if (packet.isDummy() || !packet.isDecrypted()) continue;
    try {
      const found = await key.openpgp.getSigningKey(candidate.getKeyID(), null, undefined, SETTINGS);
      if (found.getFingerprint() === candidate.getFingerprint()) return packet;
    } catch (error) {
      reason = error;
    }
  }
  const whose = describeKey(key.publicKey);
  throw new OffsiteError('key-unreadable', `key ${whose} cannot sign: ${reasonOf(reason)}`, { cause: reason });
}

async function literal(bytes: Uint8Array): Promise<object> {
  const message = await openpgp.createMessage({ binary: bytes, date: EPOCH });
  return message.packets[0] as openpgp.LiteralDataPacket;
}
