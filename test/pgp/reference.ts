/**
 * Parts made the slow and obvious way, with OpenSSL's own CFB: the oracle for the part writer, and the forger of parts
 * that are properly encrypted and authenticated but not of the form.
 */

import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

const ZERO_IV = Buffer.alloc(16);

export function lengthOctets(length: number): Buffer {
  const octets = Buffer.from([0xff, 0, 0, 0, 0]);
  octets.writeUInt32BE(length, 1);
  return octets;
}

/** A literal packet as parts have it. */
export function literalPacket(content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from('b'), Buffer.from([0, 0, 0, 0, 0]), content]);
  return Buffer.concat([Buffer.from([0xcb]), lengthOctets(body.length), body]);
}

/** An encrypted packet with a right MDC over whatever is in it. `repetition` replaces the repeated prefix octets. */
export function seipdPacket(
  key: Uint8Array,
  random16: Uint8Array,
  inner: Uint8Array,
  { repetition = random16.subarray(14), mdcHeader = Buffer.from([0xd3, 0x14]) } = {},
): Buffer {
  const hashed = Buffer.concat([random16, repetition, inner, mdcHeader]);
  const plain = Buffer.concat([hashed, createHash('sha1').update(hashed).digest()]);
  const cipher = createCipheriv('aes-256-cfb', key, ZERO_IV);
  const body = Buffer.concat([Buffer.from([1]), cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.from([0xd2]), lengthOctets(body.length), body]);
}

export function referencePart(key: Uint8Array, random16: Uint8Array, content: Uint8Array): Buffer {
  return seipdPacket(key, random16, literalPacket(content));
}

/** The first 16 octets of what an SEIPD body (version octet and all) decrypts to. */
export function prefixOf(key: Uint8Array, body: Uint8Array): Buffer {
  return createDecipheriv('aes-256-cfb', key, ZERO_IV).update(body.subarray(1, 17));
}
