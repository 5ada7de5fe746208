/** Parts that are sealed open again, here and in the library, and are byte for byte what OpenPGP says. */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { PIECE } from '../../pgp/cfb.ts';
import { generateOperatorKey, type PublicKey, readPublicKeys } from '../../pgp/keys.ts';
import { MAX_CONTENT } from '../../pgp/packets.ts';
import { contentDigest, openPart, openPartInPlace } from '../../pgp/part-reader.ts';
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

async function anyRecipient(): Promise<PublicKey> {
  const made = await generateOperatorKey({ name: 'Jo', email: 'jo@example.org', now: new Date() });
  const [key] = await readPublicKeys(Buffer.from(made.publicArmored), 'key');
  assert.ok(key !== undefined);
  return key;
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

  test('sealing in place writes nowhere else, in memory of any kind, and says the hash', async () => {
    const packets = await sessionKeyPackets(sessionKey, [await anyRecipient()]);
    for (const writer of [bare, new PartWriter(sessionKey, packets)]) {
      for (const size of [0, 1, 17, 70_001, PIECE - 30, PIECE - 52, 2 * PIECE]) {
        const content = noise.subarray(3, 3 + size);
        const expected = writer.seal(content, prefix);
        for (const buffer of [new ArrayBuffer(expected.length + 40), new SharedArrayBuffer(expected.length + 40)]) {
          for (const offset of [0, 8, 16]) {
            const all = Buffer.from(buffer).fill(0xaa);
            const memory = all.subarray(offset);
            memory.set(content, writer.contentOffset);
            const { bytes, sha256 } = writer.sealInPlace(memory, size, prefix);
            assert.ok(bytes.equals(expected));
            assert.equal(sha256, createHash('sha256').update(expected).digest('hex'));
            const start = bytes.byteOffset;
            assert.ok(all.subarray(0, start).every((byte) => byte === 0xaa));
            assert.ok(all.subarray(start + bytes.length).every((byte) => byte === 0xaa));
            assert.ok(openPart(bytes, sessionKey).equals(content));
          }
        }
      }
    }
  });

  test('the digest of the content is told without holding it, at every piece edge', () => {
    for (const size of [...Array(100).keys(), ...pieceEdges]) {
      const content = noise.subarray(0, size);
      const expected = createHash('sha256').update(content).digest('hex');
      assert.equal(contentDigest(bare.seal(content, prefix), sessionKey), expected, `size ${size}`);
    }
  });

  test('opening in place, authentic or not, gives the same at every size and piece edge and writes nowhere else', async () => {
    const packets = await sessionKeyPackets(sessionKey, [await anyRecipient()]);
    for (const writer of [bare, new PartWriter(sessionKey, packets)]) {
      for (const size of [...Array(100).keys(), ...pieceEdges]) {
        const content = noise.subarray(5, 5 + size);
        const part = writer.seal(content, prefix);
        const offset = size % 8;
        const memory = Buffer.alloc(part.length + 24, 0xaa);
        for (const isAuthentic of [true, false]) {
          memory.set(part, offset);
          const opened = openPartInPlace(memory.subarray(offset, offset + part.length), sessionKey, { isAuthentic });
          assert.ok(opened.equals(content), `size ${size}`);
          assert.equal(opened.buffer, memory.buffer);
          assert.ok(memory.subarray(0, offset).every((byte) => byte === 0xaa));
          assert.ok(memory.subarray(offset + part.length).every((byte) => byte === 0xaa));
        }
      }
    }
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

  test('content over 512 MiB, a wrong number of random bytes and memory that is too small or askew are refused', () => {
    assert.throws(() => bare.seal(new Uint8Array(MAX_CONTENT + 1), prefix), RangeError);
    assert.throws(() => bare.seal(noise.subarray(0, 9), randomBytes(15)), RangeError);
    assert.throws(() => bare.seal(noise.subarray(0, 9), randomBytes(17)), RangeError);
    assert.throws(() => bare.sealInPlace(new Uint8Array(bare.memorySize(9) - 1), 9, prefix), RangeError);
    for (let offset = 1; offset < 8; offset++) {
      const askew = new Uint8Array(bare.memorySize(9) + 8).subarray(offset);
      assert.throws(() => bare.sealInPlace(askew, 9, prefix), RangeError);
    }
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
