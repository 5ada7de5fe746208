/** Key objects: messages of the library that gpg reads, and the other way round (see gpg.test.ts). */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import {
  generateOperatorKey,
  type PrivateKey,
  type PublicKey,
  readPrivateKey,
  readPublicKeys,
} from '../../pgp/keys.ts';
import { decryptMessage, encryptMessage } from '../../pgp/messages.ts';
import { formatSessionKey, newSessionKey, recoverSessionKey, sessionKeyPackets } from '../../pgp/session-key.ts';

const now = new Date();
const text = Buffer.from('{"run":"r","attempt":1,"sessionKey":"9:00"}');
let jo: PrivateKey;
let al: PrivateKey;

async function operatorKey(): Promise<PrivateKey> {
  const { privateArmored } = await generateOperatorKey({ name: 'Jo', email: 'jo@example.org', now });
  return readPrivateKey(Buffer.from(privateArmored), 'key');
}

async function libraryKey(options: Partial<openpgp.KeyOptions>): Promise<{ publicKey: PublicKey; key: PrivateKey }> {
  const { privateKey } = await openpgp.generateKey({ userIDs: [{ name: 'Al' }], ...options, format: 'object' });
  const key = await readPrivateKey(privateKey.write(), 'key');
  const [publicKey] = await readPublicKeys(privateKey.write(), 'key');
  assert.ok(publicKey);
  return { publicKey, key };
}

before(async () => {
  [jo, al] = await Promise.all([operatorKey(), operatorKey()]);
});

test('every recipient reads any bytes, nobody else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 1000 }), async (bytes) => {
      const message = await encryptMessage(bytes, [jo.publicKey, al.publicKey]);
      for (const key of [jo, al]) assert.ok((await decryptMessage(message, key)).equals(bytes));
    }),
    { numRuns: 20 },
  );
  const message = await encryptMessage(text, [jo.publicKey]);
  await assert.rejects(decryptMessage(message, al), { code: 'part-damaged' });
  const large = randomBytes(3_000_000);
  assert.ok((await decryptMessage(await encryptMessage(large, [jo.publicKey]), jo)).equals(large));
});

test('needs recipients that can be encrypted to', async () => {
  await assert.rejects(encryptMessage(text, []), { code: 'recipient-unusable' });
  const { publicKey } = await libraryKey({ subkeys: [] });
  await assert.rejects(encryptMessage(text, [jo.publicKey, publicKey]), { code: 'recipient-unusable' });
});

test('is SEIPD version 1 with AES-256 over one uncompressed literal without name and date, whatever the keys prefer', async () => {
  const config = { aeadProtect: true, preferredSymmetricAlgorithm: openpgp.enums.symmetric.aes128 };
  const eager = await libraryKey({
    config: { ...config, preferredCompressionAlgorithm: openpgp.enums.compression.zlib },
  });
  const message = await encryptMessage(text, [eager.publicKey]);
  const { packets } = await openpgp.readMessage({ binaryMessage: message });
  const [session, sealed] = [...packets] as unknown as { version: number }[];
  assert.deepEqual([packets.length, session?.version, sealed?.version], [2, 3, 1]);
  const parsed = await openpgp.readMessage({ binaryMessage: message });
  const [key] = await openpgp.decryptSessionKeys({ message: parsed, decryptionKeys: eager.key.openpgp });
  assert.ok(key);
  assert.equal(key.algorithm, 'aes256');
  const opened = await parsed.decrypt(undefined, undefined, [{ data: key.data, algorithm: 'aes256' }]);
  const [literal] = [...opened.packets] as unknown as { format: number; filename: string; date: Date }[];
  assert.equal(opened.packets.length, 1);
  assert.deepEqual([literal?.format, literal?.filename, literal?.date.getTime()], [0x62, '', 0]);
  assert.ok((await decryptMessage(message, eager.key)).equals(text));
});

test('keys that have expired, or are of the future, read and are written to, parts and messages alike', async () => {
  const expired = { date: new Date('2020-01-01'), keyExpirationTime: 1 };
  for (const options of [expired, { date: new Date('2100-01-01') }, { ...expired, date: new Date('2100-01-01') }]) {
    const { publicKey, key } = await libraryKey(options);
    assert.ok((await decryptMessage(await encryptMessage(text, [publicKey]), key)).equals(text));
    const sessionKey = newSessionKey(randomBytes(32));
    const recovered = await recoverSessionKey(await sessionKeyPackets(sessionKey, [publicKey]), key);
    assert.equal(formatSessionKey(recovered), formatSessionKey(sessionKey));
  }
});

describe('a damaged message is part-damaged', () => {
  const refuses = (bytes: Uint8Array) => assert.rejects(decryptMessage(bytes, jo), { code: 'part-damaged' });

  test('cut off, empty, or not a message at all', async () => {
    const message = await encryptMessage(text, [jo.publicKey]);
    for (let length = 0; length < message.length; length++) await refuses(message.subarray(0, length));
    for (const bytes of [text, Buffer.alloc(100), Buffer.alloc(100, 0xff), jo.publicKey.openpgp.write()])
      await refuses(bytes);
  });

  test('with a byte changed in the encrypted packet', async () => {
    const message = await encryptMessage(text, [jo.publicKey]);
    for (let byte = 96; byte < message.length; byte++) {
      const changed = Buffer.from(message);
      changed[byte] = (changed[byte] as number) ^ 1;
      await refuses(changed);
    }
  });

  test('without integrity protection, or that decompresses without end', async () => {
    const sessionKey = { data: randomBytes(32), algorithm: 'aes256' as const };
    const packets = await openpgp.encryptSessionKey({
      ...sessionKey,
      encryptionKeys: jo.publicKey.openpgp,
      format: 'binary',
    });
    const unprotected = new openpgp.SymmetricallyEncryptedDataPacket();
    Object.assign(unprotected, { packets: (await openpgp.createMessage({ binary: text })).packets });
    const encrypt = (unprotected as unknown as { encrypt(a: number, k: Uint8Array): Promise<void> }).encrypt;
    await encrypt.call(unprotected, openpgp.enums.symmetric.aes256, sessionKey.data);
    const list = new openpgp.PacketList<openpgp.SymmetricallyEncryptedDataPacket>();
    list.push(unprotected);
    await refuses(Buffer.concat([packets, list.write()]));

    const bomb = await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: new Uint8Array(65 * 2 ** 20) }),
      encryptionKeys: jo.publicKey.openpgp,
      sessionKey,
      format: 'binary',
      config: { preferredCompressionAlgorithm: openpgp.enums.compression.zlib },
    });
    assert.ok(bomb.length < 2 ** 20);
    await refuses(bomb);
  });
});
