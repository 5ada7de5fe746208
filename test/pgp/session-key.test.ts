/** Session keys: kept out of sight, written as gpg takes them, carried to every recipient. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { generateOperatorKey, generateSigningKey, type PrivateKey, readPrivateKey } from '../../pgp/keys.ts';
import {
  formatSessionKey,
  newSessionKey,
  parseSessionKey,
  recoverSessionKey,
  sessionKeyPackets,
} from '../../pgp/session-key.ts';

const bytes32 = randomBytes(32);
const sessionKey = newSessionKey(bytes32);
const hex = bytes32.toString('hex').toUpperCase();

let jo: PrivateKey;
let al: PrivateKey;

async function operatorKey(email: string): Promise<PrivateKey> {
  const { privateArmored } = await generateOperatorKey({ name: 'Jo', email, now: new Date() });
  return readPrivateKey(Buffer.from(privateArmored), 'key');
}

before(async () => {
  [jo, al] = await Promise.all([operatorKey('jo@example.org'), operatorKey('al@example.org')]);
});

describe('a session key', () => {
  test('has 32 bytes, its own copy of them', () => {
    const bytes = Buffer.from(bytes32);
    const key = newSessionKey(bytes);
    bytes.fill(0);
    assert.deepEqual(key.reveal(), bytes32);
    for (const length of [0, 16, 31, 33]) assert.throws(() => newSessionKey(new Uint8Array(length)), RangeError);
  });

  test('is not shown by logging, JSON, spreading or string conversion', () => {
    const views = [inspect(sessionKey), inspect({ a: [sessionKey] }, { showHidden: true }), JSON.stringify(sessionKey)];
    views.push(String(sessionKey), JSON.stringify({ ...sessionKey }));
    for (const view of views) assert.ok(!view.toUpperCase().includes(hex.slice(0, 8)), view);
  });

  test('is written as 9:HEX and read back', () => {
    assert.equal(formatSessionKey(sessionKey), `9:${hex}`);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        assert.deepEqual(parseSessionKey(formatSessionKey(newSessionKey(bytes))).reveal(), Buffer.from(bytes));
      }),
    );
  });

  test('is read from exactly that form; the error does not repeat the text', () => {
    const wrong = ['', hex, `9:${hex}\n`, ` 9:${hex}`, `9:${hex.toLowerCase()}x`, `9:${hex.slice(1)}`, `9:${hex}0`];
    wrong.push(
      `7:${hex}`,
      `09:${hex}`,
      `9:${hex}`.replace(/.$/, 'g'),
      `9:0x${hex.slice(2)}`,
      `9 :${hex}`,
      '9:'.padEnd(66, 'a'),
    );
    for (const text of wrong) {
      assert.throws(
        () => parseSessionKey(text),
        (error: Error & { code: string }) => error.code === 'part-damaged' && !error.message.includes(hex.slice(0, 8)),
        text,
      );
    }
  });
});

describe('session-key packets', () => {
  test('are one of version 3 for each recipient, to the encryption subkey, in order', async () => {
    const packets = await sessionKeyPackets(sessionKey, [jo.publicKey, al.publicKey]);
    const { packets: parsed } = await openpgp.readMessage({ binaryMessage: packets });
    const ids = [...parsed].map((packet) => packet as unknown as { publicKeyID: openpgp.KeyID; version: number });
    assert.deepEqual(
      ids.map(({ version }) => version),
      [3, 3],
    );
    assert.deepEqual(
      ids.map(({ publicKeyID }) => publicKeyID.toHex()),
      [jo, al].map((key) => key.openpgp.subkeys[0]?.getKeyID().toHex()),
    );
  });

  test('give the session key to every recipient, whatever follows them', async () => {
    const packets = await sessionKeyPackets(sessionKey, [jo.publicKey, al.publicKey]);
    for (const key of [jo, al]) {
      for (const rest of [Buffer.alloc(0), Buffer.from([0xd2]), randomBytes(100).fill(0xd2, 0, 1)]) {
        const found = await recoverSessionKey(Buffer.concat([packets, rest]), key);
        assert.equal(formatSessionKey(found), formatSessionKey(sessionKey));
      }
    }
  });

  test('give nothing to anybody else', async () => {
    const packets = await sessionKeyPackets(sessionKey, [jo.publicKey]);
    await assert.rejects(recoverSessionKey(packets, al), { code: 'part-damaged' });
    const { privateArmored } = await generateSigningKey({ host: 'carcosa', now: new Date() });
    const host = await readPrivateKey(Buffer.from(privateArmored), 'key');
    await assert.rejects(recoverSessionKey(packets, host), { code: 'part-damaged' });
  });

  test('that are cut off, empty, contradictory or for another cipher are damage', async () => {
    const packets = await sessionKeyPackets(sessionKey, [jo.publicKey]);
    for (let length = 0; length < packets.length; length++) {
      await assert.rejects(recoverSessionKey(packets.subarray(0, length), jo), { code: 'part-damaged' });
    }
    const other = await sessionKeyPackets(newSessionKey(randomBytes(32)), [jo.publicKey]);
    await assert.rejects(recoverSessionKey(Buffer.concat([packets, other]), jo), { code: 'part-damaged' });
    const aes128 = await openpgp.encryptSessionKey({
      data: randomBytes(16),
      algorithm: 'aes128',
      encryptionKeys: jo.publicKey.openpgp,
      format: 'binary',
    });
    await assert.rejects(recoverSessionKey(aes128, jo), { code: 'part-damaged' });
  });

  test('need a recipient, and one that can be encrypted to', async () => {
    await assert.rejects(sessionKeyPackets(sessionKey, []), { code: 'recipient-unusable' });
    const { publicKey } = await generateSigningKey({ host: 'carcosa', now: new Date() }).then((made) =>
      readPrivateKey(Buffer.from(made.privateArmored), 'key'),
    );
    await assert.rejects(sessionKeyPackets(sessionKey, [jo.publicKey, publicKey]), { code: 'recipient-unusable' });
  });
});
