/**
 * Reading keys from files: armored or binary, one key or several, of gpg or of ours. Whatever is in the bytes, the only
 * errors are `key-unreadable` and `key-passphrase`, naming the file.
 */

import * as openpgp from 'openpgp';
import { OffsiteError } from '../contract/errors.ts';
import { type PrivateKey, type PublicKey, privateKeyOf, publicKeyOf, UnusableKey } from './key.ts';
import { reasonOf, SETTINGS } from './library.ts';

/** Larger than a key with photo and thousands of signatures. */
const MAX_FILE_BYTES = 4 * 2 ** 20;
const MAX_KEYS = 64;

/**
 * Every key in the file, in order and each fingerprint once, as public keys: of private keys their public half. `what`
 * names the file in the error, `key-unreadable`, which is thrown if any key in it cannot be read, or there is none.
 */
export async function readPublicKeys(bytes: Uint8Array, what: string): Promise<PublicKey[]> {
  const keys = new Map<string, PublicKey>();
  for (const source of await readKeys(bytes, what)) {
    const key = await publicKeyOf(source).catch((error) => unreadable(what, error));
    if (!keys.has(key.fingerprint)) keys.set(key.fingerprint, key);
  }
  return [...keys.values()];
}

/**
 * The one private key in the file, unlocked. `what` names the file. Throws `key-unreadable`, or `key-passphrase` where
 * it is locked and the passphrase is absent or wrong; a passphrase for a key that is not locked is not used.
 */
export async function readPrivateKey(bytes: Uint8Array, what: string, passphrase?: string): Promise<PrivateKey> {
  const keys = (await readKeys(bytes, what)).filter((key) => key.isPrivate());
  const [key] = keys;
  if (key === undefined) throw new OffsiteError('key-unreadable', `${what} holds a public key, not a private one`);
  if (keys.length > 1) {
    throw new OffsiteError('key-unreadable', `${what} holds ${keys.length} private keys, and exactly one is expected`);
  }
  const secrets = secretPackets(key);
  if (secrets.length === 0) {
    throw new OffsiteError('key-unreadable', `${what} holds no secret material: it is only a stub (of a smart card?)`);
  }
  const locked = secrets.some((packet) => !packet.isDecrypted());
  if (locked && passphrase === undefined) {
    throw new OffsiteError('key-passphrase', `the private key in ${what} is locked and no passphrase was given`);
  }
  const unlocked = locked ? await unlock(key, what, passphrase ?? '') : key;
  return privateKeyOf(unlocked).catch((error) => unreadable(what, error));
}

/** True if the bytes hold a private key that needs a passphrase. False for anything else, also what cannot be read. */
export async function isLocked(bytes: Uint8Array): Promise<boolean> {
  try {
    const keys = await readKeys(bytes, 'the key');
    return keys.some((key) => key.isPrivate() && secretPackets(key).some((packet) => !packet.isDecrypted()));
  } catch {
    return false;
  }
}

async function unlock(key: openpgp.PrivateKey, what: string, passphrase: string): Promise<openpgp.PrivateKey> {
  try {
    return await openpgp.decryptKey({ privateKey: key, passphrase, config: SETTINGS });
  } catch (error) {
    if (!reasonOf(error).includes('Incorrect key passphrase')) return unreadable(what, error);
    throw new OffsiteError('key-passphrase', `the passphrase does not unlock the private key in ${what}`);
  }
}

/** Those of the key's packets that hold a secret: gpg leaves stubs for what is elsewhere. */
function secretPackets(key: openpgp.PrivateKey): openpgp.AnySecretKeyPacket[] {
  return key
    .getKeys()
    .map(({ keyPacket }) => keyPacket as openpgp.SecretKeyPacket)
    .filter((packet) => !packet.isDummy());
}

async function readKeys(bytes: Uint8Array, what: string): Promise<openpgp.Key[]> {
  if (bytes.length > MAX_FILE_BYTES) throw new OffsiteError('key-unreadable', `${what} is too large for a key`);
  try {
    const keys: openpgp.Key[] = [];
    if (isBinary(bytes)) {
      keys.push(...(await openpgp.readKeys({ binaryKeys: bytes, config: SETTINGS })));
    } else {
      for (const armoredKeys of armoredBlocks(Buffer.from(bytes).toString('utf8'))) {
        keys.push(...(await openpgp.readKeys({ armoredKeys, config: SETTINGS })));
      }
    }
    if (keys.length > MAX_KEYS) throw new UnusableKey(`it holds more than ${MAX_KEYS} keys`);
    return keys;
  } catch (error) {
    return unreadable(what, error);
  }
}

/** Every packet begins with an octet whose highest bit is set (RFC 9580, 4.2); text does not, but for a byte order mark. */
function isBinary(bytes: Uint8Array): boolean {
  const hasByteOrderMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return bytes[0] !== undefined && bytes[0] >= 0x80 && !hasByteOrderMark;
}

/** The armored key blocks in a text (RFC 9580, 6.2); the library itself would read the first and ignore the rest. */
function armoredBlocks(text: string): string[] {
  const blocks: string[] = [];
  const begin = /^\u{feff}?-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----/gmu;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const end = `-----END PGP ${match[1]} KEY BLOCK-----`;
    const at = text.indexOf(end, begin.lastIndex);
    if (at < 0) throw new UnusableKey('an armored key has no end');
    blocks.push(text.slice(text.indexOf('-', match.index), at + end.length));
    begin.lastIndex = at + end.length;
  }
  if (blocks.length === 0) throw new UnusableKey('there is no armored key in it');
  return blocks;
}

function unreadable(what: string, error: unknown): never {
  throw new OffsiteError('key-unreadable', `${what} is not a usable OpenPGP key: ${reasonOf(error)}`, { cause: error });
}
