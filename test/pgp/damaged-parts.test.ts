/** A part that differs by one bit from what was sealed, or from the form, does not open; and never says why. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { OffsiteError } from '../../contract/errors.ts';
import { generateOperatorKey, type PrivateKey, readPrivateKey } from '../../pgp/keys.ts';
import { contentDigest, openPart, openPartInPlace } from '../../pgp/part-reader.ts';
import { PartWriter } from '../../pgp/part-writer.ts';
import { formatSessionKey, newSessionKey, recoverSessionKey, sessionKeyPackets } from '../../pgp/session-key.ts';
import { lengthOctets, literalPacket, referencePart, seipdPacket } from './reference.ts';

const bytes32 = randomBytes(32);
const sessionKey = newSessionKey(bytes32);
const prefix = randomBytes(16);
const content = Buffer.from('forty bytes of content, or thereabouts..');

let key: PrivateKey;
let packets: Buffer;
let part: Buffer;

before(async () => {
  const { privateArmored } = await generateOperatorKey({ name: 'Jo', email: 'jo@example.org', now: new Date() });
  key = await readPrivateKey(Buffer.from(privateArmored), 'key');
  packets = await sessionKeyPackets(sessionKey, [key.publicKey]);
  part = new PartWriter(sessionKey, packets).seal(content, prefix);
});

const messages = new Set<string>();

function assertDamaged(bytes: Uint8Array, what: string, opener = sessionKey): void {
  const isTheOnlyMessage = (error: unknown) => {
    assert.ok(error instanceof OffsiteError && error.code === 'part-damaged', what);
    assert.equal(error.cause, undefined);
    messages.add(error.message);
    assert.equal(messages.size, 1, `${what} is told from other damage: ${[...messages]}`);
    return true;
  };
  const inPlace = (part: Uint8Array, key: typeof sessionKey) => openPartInPlace(Buffer.from(part), key);
  for (const open of [openPart, inPlace, contentDigest]) {
    assert.throws(() => open(bytes, opener), isTheOnlyMessage, what);
  }
}

function flipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

describe('a flipped bit', () => {
  test('after the session-key packets, in their headers or version octets, is damage', () => {
    const headers = [0, 1, 2];
    for (let byte = 0; byte < part.length; byte++) {
      if (byte < packets.length && !headers.includes(byte)) continue;
      for (let bit = 0; bit < 8; bit++) assertDamaged(flipped(part, byte * 8 + bit), `byte ${byte} bit ${bit}`);
    }
  });

  test('elsewhere in the session-key packets does not matter to who has the session key', () => {
    for (let bit = 3 * 8; bit < packets.length * 8; bit++) {
      assert.ok(openPart(flipped(part, bit), sessionKey).equals(content));
    }
  });

  test('in the session-key packets yields the right session key or none to who recovers it', async () => {
    let recovered = 0;
    for (let bit = 0; bit < packets.length * 8; bit++) {
      try {
        assert.equal(formatSessionKey(await recoverSessionKey(flipped(part, bit), key)), formatSessionKey(sessionKey));
        recovered++;
      } catch (error) {
        assert.ok(error instanceof OffsiteError && error.code === 'part-damaged', `bit ${bit}: ${error}`);
      }
    }
    // The bit count of the ephemeral point has bits to spare, and no more than those.
    assert.ok(recovered < 16, `${recovered} flips are overlooked`);
  });
});

describe('a part', () => {
  test('cut off anywhere is damage', () => {
    for (let length = 0; length < part.length; length++) assertDamaged(part.subarray(0, length), `length ${length}`);
  });

  test('with anything behind it is damage', () => {
    for (let byte = 0; byte < 256; byte++)
      assertDamaged(Buffer.concat([part, Buffer.from([byte])]), `trailing ${byte}`);
    assertDamaged(Buffer.concat([part, part]), 'twice');
    assertDamaged(Buffer.concat([part, packets]), 'packets behind');
  });

  test('with anything but session-key packets before it is damage', () => {
    for (let byte = 0; byte < 256; byte++) assertDamaged(Buffer.concat([Buffer.from([byte]), part]), `leading ${byte}`);
    assertDamaged(Buffer.concat([Buffer.from([0xca, 3, 0x50, 0x47, 0x50]), part]), 'a marker packet');
  });

  test('opens with its own session key alone', () => {
    for (let bit = 0; bit < 256; bit++) assertDamaged(part, 'wrong key', newSessionKey(flipped(bytes32, bit)));
  });

  test('does not open whatever the memory to reuse holds', () => {
    const memory = Buffer.alloc(part.length);
    assert.ok(openPart(part, sessionKey, memory).equals(content));
    assert.throws(() => openPart(flipped(part, part.length * 8 - 1), sessionKey, memory), { code: 'part-damaged' });
  });

  test('that is said to be authentic is still looked at, all but its content and the hash of that', () => {
    const start = packets.length + 7;
    const open = (bytes: Buffer, opener = sessionKey) => openPartInPlace(bytes, opener, { isAuthentic: true });
    for (let byte = packets.length; byte < part.length; byte++) {
      const at = byte - start;
      // A flipped bit garbles the block behind its own too; here both are content, or the hash.
      const blockBehindEnds = ((at >> 4) + 2) * 16;
      const isContent = at >= 30 && blockBehindEnds <= 30 + content.length;
      const isHash = byte >= part.length - 20;
      const isHeader = at < 30 || byte === part.length - 21 || byte === part.length - 22;
      for (let bit = 0; bit < 8; bit++) {
        const bytes = flipped(part, byte * 8 + bit);
        if (isContent || isHash) assert.equal(open(bytes).length, content.length);
        else if (isHeader) assert.throws(() => open(bytes), { code: 'part-damaged' }, `byte ${byte}`);
      }
    }
    for (let bit = 0; bit < 256; bit++) {
      const other = newSessionKey(flipped(bytes32, bit));
      assert.throws(() => open(Buffer.from(part), other), { code: 'part-damaged' });
    }
  });

  test('of random bytes is damage', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assertDamaged(bytes, 'random')));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) =>
        assertDamaged(Buffer.concat([packets, Buffer.from([0xd2]), lengthOctets(bytes.length), bytes]), 'random body'),
      ),
    );
  });

  test('with large random damage is damage', () => {
    const large = new PartWriter(sessionKey, packets).seal(randomBytes(200_000), prefix);
    fc.assert(
      fc.property(fc.integer({ min: packets.length * 8, max: large.length * 8 - 1 }), (bit) =>
        assertDamaged(flipped(large, bit), `bit ${bit}`),
      ),
      { numRuns: 50 },
    );
  });
});

describe('hostile lengths', () => {
  const sealed = () => referencePart(bytes32, prefix, content);

  test('of the encrypted packet are damage', () => {
    const right = sealed().readUInt32BE(2);
    for (const length of [0, 1, 52, 53, right - 1, right + 1, 2 ** 29, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
      const bytes = sealed();
      bytes.writeUInt32BE(length, 2);
      assertDamaged(bytes, `length ${length}`);
    }
  });

  test('in another encoding are damage, even where they are right', () => {
    const body = sealed().subarray(6);
    assertDamaged(Buffer.concat([Buffer.from([0xd2, body.length]), body]), 'one octet');
    assertDamaged(Buffer.concat([Buffer.from([0xd2, 0xe6]), body.subarray(0, 64)]), 'partial');
    const long = referencePart(bytes32, prefix, randomBytes(1000)).subarray(6);
    const twoOctets = Buffer.from([0xd2, ((long.length - 192) >> 8) + 192, (long.length - 192) & 0xff]);
    assertDamaged(Buffer.concat([twoOctets, long]), 'two octets');
  });

  test('of session-key packets are damage', () => {
    const body = packets.subarray(2);
    const headers = [
      [0xc1, 0],
      [0xc1, 11],
      [0xc1, 0xff, 0, 0, 0, 94],
      [0xc1, 0xff, 0xff, 0xff, 0xff, 0xff],
      [0xc1, 0xdf, 0xff],
    ];
    headers.push([0xc1, 0xe6], [0xc1, 0xfe], [0x84, 94], [0x85, 0, 94], [0x87]);
    for (const header of headers) {
      assertDamaged(Buffer.concat([Buffer.from(header), body, sealed()]), `header ${header}`);
    }
    assertDamaged(Buffer.from([0xc1]), 'a tag alone');
    assertDamaged(Buffer.concat([...Array(65).fill(packets), sealed()]), '65 packets');
    assert.ok(openPart(Buffer.concat([...Array(64).fill(packets), sealed()]), sessionKey).equals(content));
  });
});

describe('what is properly encrypted and authenticated but not of the form is damage', () => {
  const body = (head: number[], rest: Uint8Array = content) => Buffer.concat([Buffer.from(head), rest]);
  const packet = (tag: number, bytes: Buffer) => Buffer.concat([Buffer.from([tag]), lengthOctets(bytes.length), bytes]);
  const forged: Record<string, Buffer> = {
    nothing: Buffer.alloc(0),
    'a text literal': packet(0xcb, body([0x74, 0, 0, 0, 0, 0])),
    'a utf8 literal': packet(0xcb, body([0x75, 0, 0, 0, 0, 0])),
    'a literal with a name': packet(0xcb, body([0x62, 1, 0x78, 0, 0, 0, 0])),
    'a literal with a date': packet(0xcb, body([0x62, 0, 0, 0, 0, 1])),
    'a literal with a one-octet length': body([0xcb, 6 + content.length, 0x62, 0, 0, 0, 0, 0]),
    'an old-format literal': body([0xac, 6 + content.length, 0x62, 0, 0, 0, 0, 0]),
    'a literal of indeterminate length': body([0xaf, 0x62, 0, 0, 0, 0, 0]),
    'a literal that is too long': Buffer.concat([Buffer.from([0xcb]), lengthOctets(1000), body([0x62, 0, 0, 0, 0, 0])]),
    'a literal that is too short': Buffer.concat([Buffer.from([0xcb]), lengthOctets(7), body([0x62, 0, 0, 0, 0, 0])]),
    'two literals': Buffer.concat([literalPacket(content), literalPacket(content)]),
    'a marker before the literal': Buffer.concat([Buffer.from([0xca, 3, 0x50, 0x47, 0x50]), literalPacket(content)]),
    'padding after the literal': Buffer.concat([literalPacket(content), packet(0xd5, Buffer.alloc(9))]),
    'a compressed packet': packet(0xc8, Buffer.concat([Buffer.from([0]), literalPacket(content)])),
  };
  for (const [what, inner] of Object.entries(forged)) {
    test(what, () => assertDamaged(seipdPacket(bytes32, prefix, inner), what));
  }

  test('a prefix that is not repeated', () => {
    const repetition = flipped(prefix.subarray(14), 3);
    assertDamaged(seipdPacket(bytes32, prefix, literalPacket(content), { repetition }), 'repetition');
  });

  test('another header before the hash', () => {
    for (const octets of [
      [0xd3, 0x15],
      [0xd2, 0x14],
      [0xcb, 0x14],
    ]) {
      const mdcHeader = Buffer.from(octets);
      assertDamaged(seipdPacket(bytes32, prefix, literalPacket(content), { mdcHeader }), `header ${octets}`);
    }
  });

  test('another version of the encrypted packet', () => {
    for (let version = 0; version < 256; version++) {
      if (version === 1) continue;
      const bytes = referencePart(bytes32, prefix, content);
      bytes[6] = version;
      assertDamaged(bytes, `version ${version}`);
    }
  });

  test('but the forger makes parts that open when it follows the form', () => {
    assert.ok(openPart(seipdPacket(bytes32, prefix, literalPacket(content)), sessionKey).equals(content));
  });
});
