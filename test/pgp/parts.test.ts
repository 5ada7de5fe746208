/** Parts that are sealed open again, here and in the library, and are byte for byte what OpenPGP says. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { PIECE } from '../../pgp/cfb.ts';
import { generateOperatorKey, type PublicKey, readPublicKeys } from '../../pgp/keys.ts';
import { MAX_CONTENT } from '../../pgp/packets.ts';
import { openPart } from '../../pgp/part-reader.ts';
import { PartWriter } from '../../pgp/part-writer.ts';
import { newSessionKey, sessionKeyPackets } from '../../pgp/session-key.ts';
import { prefixOf, referencePart } from './reference.ts';

const bytes32 = randomBytes(32);
const sessionKey = newSessionKey(bytes32);
const prefix = randomBytes(16);
const noise = randomBytes(4 * PIECE);
const bare = new PartWriter(sessionKey, new Uint8Array(0));

/** Sizes around every place where a piece ends, in the content, in the MDC, or between them. */
const pieceEdges = [1, 2, 3].flatMap((pieces) => Array.from({ length: 70 }, (_, index) => pieces * PIECE - 60 + index));

async function openWithLibrary(part: Uint8Array): Promise<Uint8Array> {
  const { data } = await openpgp.decrypt({
    message: await openpgp.readMessage({ binaryMessage: part }),
    sessionKeys: { algorithm: 'aes256', data: bytes32 },
    format: 'binary',
  });
  return data as Uint8Array;
}

describe('sealing and opening', () => {
  test('every size to 4096 and every piece edge gives the bytes of the reference and opens again', () => {
    for (const size of [...Array(4097).keys(), ...pieceEdges]) {
      const content = noise.subarray(0, size);
      const part = bare.seal(content, prefix);
      assert.equal(part.length, bare.sealedSize(size));
      assert.ok(part.equals(referencePart(bytes32, prefix, content)), `size ${size}`);
      assert.ok(openPart(part, sessionKey).equals(content), `size ${size}`);
    }
  });

  test('the library opens every size to 4096 and every piece edge', async () => {
    for (const size of [...Array(4097).keys(), ...pieceEdges]) {
      const content = noise.subarray(0, size);
      assert.ok(content.equals(await openWithLibrary(bare.seal(content, prefix))), `size ${size}`);
    }
  });

  // Below 8378 bytes the library uses shorter lengths in its headers.
  for (const size of [8378, 8379, 8384, 65_505, 65_506, 65_507, 65_536, 262_143]) {
    test(`${size} bytes sealed are what the library makes of them with the same prefix`, async () => {
      const content = noise.subarray(0, size);
      const theirs = await openpgp.encrypt({
        message: await openpgp.createMessage({ binary: content, date: new Date(0) }),
        sessionKey: { algorithm: 'aes256', data: bytes32 },
        format: 'binary',
      });
      assert.ok(bare.seal(content, prefixOf(bytes32, theirs.subarray(6))).equals(theirs));
    });
  }

  test('any content, prefix and key: ours opens with ours and with the library', async () => {
    const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), exactly(16), exactly(32), async (content, random, bytes) => {
        const key = newSessionKey(bytes);
        const part = new PartWriter(key, new Uint8Array(0)).seal(content, random);
        assert.ok(part.equals(referencePart(bytes, random, content)));
        assert.ok(openPart(part, key).equals(content));
      }),
      { numRuns: 300 },
    );
  });

  test('different prefixes give different ciphertext from the first block on', () => {
    const content = noise.subarray(0, 1000);
    const [a, b] = [bare.seal(content, prefix), bare.seal(content, randomBytes(16))];
    assert.notDeepEqual(a.subarray(7, 23), b.subarray(7, 23));
    assert.notDeepEqual(a.subarray(23, 39), b.subarray(23, 39));
  });

  test('memory may begin anywhere, be shared, and is written nowhere else', () => {
    const content = noise.subarray(3, 3 + 70_001);
    const expected = bare.seal(content, prefix);
    for (let offset = 0; offset < 9; offset++) {
      const target = new Uint8Array(expected.length + 20).fill(0xaa);
      assert.equal(bare.sealInto(target.subarray(offset), content, prefix), expected.length);
      assert.ok(expected.equals(target.subarray(offset, offset + expected.length)));
      const around = [...target.subarray(0, offset), ...target.subarray(offset + expected.length)];
      assert.ok(around.every((byte) => byte === 0xaa));
      assert.ok(openPart(target.subarray(offset, offset + expected.length), sessionKey).equals(content));
    }
    const shared = new Uint8Array(new SharedArrayBuffer(expected.length));
    bare.sealInto(shared, content, prefix);
    assert.ok(expected.equals(shared));
    assert.ok(openPart(shared, sessionKey).equals(content));
    const sharedContent = new Uint8Array(new SharedArrayBuffer(content.length));
    sharedContent.set(content);
    assert.ok(bare.seal(sharedContent, prefix).equals(expected));
  });

  test('opening reuses memory where it is large enough, wherever that begins', () => {
    const content = noise.subarray(0, 70_001);
    const part = bare.seal(content, prefix);
    const memory = new Uint8Array(part.length + 16);
    for (let offset = 0; offset < 9; offset++) {
      const opened = openPart(part, sessionKey, memory.subarray(offset, offset + part.length));
      assert.equal(opened.buffer, memory.buffer);
      assert.ok(opened.byteOffset >= offset && opened.byteOffset + opened.length <= offset + part.length);
      assert.ok(opened.equals(content));
    }
    const small = openPart(part, sessionKey, memory.subarray(0, 1000));
    assert.notEqual(small.buffer, memory.buffer);
    assert.ok(small.equals(content));
  });

  test('content over 512 MiB, a wrong number of random bytes and a small target are refused', () => {
    assert.throws(() => bare.seal(new Uint8Array(MAX_CONTENT + 1), prefix), RangeError);
    assert.throws(() => bare.seal(noise.subarray(0, 9), randomBytes(15)), RangeError);
    assert.throws(() => bare.seal(noise.subarray(0, 9), randomBytes(17)), RangeError);
    assert.throws(
      () => bare.sealInto(new Uint8Array(bare.sealedSize(9) - 1), noise.subarray(0, 9), prefix),
      RangeError,
    );
  });
});

describe('parts with session-key packets', () => {
  let recipients: PublicKey[];
  let packets: Buffer;

  before(async () => {
    const made = await Promise.all(
      ['a@example.org', 'b@example.org'].map((email) => generateOperatorKey({ name: 'Jo', email, now: new Date() })),
    );
    recipients = (await Promise.all(made.map((key) => readPublicKeys(Buffer.from(key.publicArmored), 'key')))).flat();
    packets = await sessionKeyPackets(sessionKey, recipients);
  });

  test('are the packets followed by the same encrypted packet', () => {
    const content = noise.subarray(0, 5000);
    const writer = new PartWriter(sessionKey, packets);
    const part = writer.seal(content, prefix);
    assert.equal(part.length, writer.sealedSize(5000));
    assert.ok(part.equals(Buffer.concat([packets, bare.seal(content, prefix)])));
    assert.ok(openPart(part, sessionKey).equals(content));
  });

  test('a writer keeps its own copy of them', () => {
    const copy = Buffer.from(packets);
    const writer = new PartWriter(sessionKey, copy);
    copy.fill(0);
    assert.ok(writer.seal(noise.subarray(0, 10), prefix).subarray(0, packets.length).equals(packets));
  });

  test('a writer refuses what is not session-key packets', () => {
    const notPackets = [packets.subarray(1), packets.subarray(0, -1), Buffer.concat([packets, Buffer.from([0])])];
    for (const bytes of notPackets) assert.throws(() => new PartWriter(sessionKey, bytes), RangeError);
  });
});
