/** Making keys that GnuPG 2.2 can import and use: version 4, Ed25519 and Curve25519 in their older encodings. */

import * as openpgp from 'openpgp';
import { OffsiteError } from '../contract/errors.ts';
import type { PublicKey } from './key.ts';
import { openpgpTime, SETTINGS, signWith } from './library.ts';

export interface GeneratedKey {
  readonly publicArmored: string;
  /** Locked with the passphrase if one was given. */
  readonly privateArmored: string;
  /** Of the primary key: 40 uppercase hex digits. */
  readonly fingerprint: string;
}

/**
 * The operator's key: a primary key that certifies and signs, a subkey that encrypts, no expiry. An empty passphrase is
 * none. `now` becomes the creation time. Throws `usage` for a name or e-mail address that no user id can hold.
 */
export async function generateOperatorKey(options: {
  name: string;
  email: string;
  passphrase?: string | undefined;
  now: Date;
}): Promise<GeneratedKey> {
  const { name, email, passphrase, now } = options;
  if (!/^[^\p{C}\p{Z}@<>\\]+@[^\p{C}\p{Z}@<>\\]+[^\p{C}\p{Z}\p{P}<>]$/u.test(email)) {
    throw new OffsiteError('usage', `not an e-mail address: ${JSON.stringify(email)}`);
  }
  return generate({ userID: { name: userName(name), email }, subkeys: [{ sign: false }], passphrase, now });
}

/**
 * A host's signing key: a primary key that certifies and signs and nothing that encrypts, no expiry, not locked. `now`
 * becomes the creation time, and may be wrong: hosts without a clock battery start in 1970. Throws `usage` for a host
 * name that no user id can hold.
 */
export async function generateSigningKey(options: { host: string; now: Date }): Promise<GeneratedKey> {
  return generate({ userID: { name: userName(`Offsite host ${options.host}`) }, subkeys: [], now: options.now });
}

/** What the host called itself when the signing key was made; null where it is no key of ours. Nobody vouches for it. */
export function hostOfSigningKey({ openpgp: key }: PublicKey): string | null {
  return /^Offsite host (.+)$/.exec(key.getUserIDs()[0] ?? '')?.[1] ?? null;
}

function userName(name: string): string {
  if (name.trim() === '' || name.length > 200 || /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}<>]/u.test(name)) {
    throw new OffsiteError('usage', `not a name that a key can carry: ${JSON.stringify(name)}`);
  }
  return name;
}

async function generate(options: {
  userID: openpgp.UserID;
  subkeys: openpgp.SubkeyOptions[];
  passphrase?: string | undefined;
  now: Date;
}): Promise<GeneratedKey> {
  const date = openpgpTime(options.now);
  const { privateKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [options.userID],
    subkeys: options.subkeys,
    date,
    format: 'object',
    config: SETTINGS,
  });
  await leaveOutSha3(privateKey, date);
  const { passphrase } = options;
  const stored =
    passphrase === undefined || passphrase === ''
      ? privateKey
      : await openpgp.encryptKey({ privateKey, passphrase, config: SETTINGS });
  return {
    publicArmored: privateKey.toPublic().armor(SETTINGS),
    privateArmored: stored.armor(SETTINGS),
    fingerprint: privateKey.getFingerprint().toUpperCase(),
  };
}

/**
 * Signs the user id anew with preferred hashes that GnuPG 2.2 knows (RFC 9580, 5.2.3.16): the library lists SHA-3 as
 * well, about which GnuPG 2.2 complains at every use, and has no setting for it.
 */
async function leaveOutSha3(key: openpgp.PrivateKey, date: Date): Promise<void> {
  const { sha512, sha384, sha256 } = openpgp.enums.hash;
  for (const user of key.users) {
    for (const certification of user.selfCertifications) {
      certification.preferredHashAlgorithms = [sha512, sha384, sha256];
      const data = { userID: user.userID, key: key.keyPacket };
      await signWith(certification, key.keyPacket as openpgp.SecretKeyPacket, data, { date, detached: false });
    }
  }
}
