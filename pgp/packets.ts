/**
 * The outer form of a part, spelled once for writer and reader:
 *
 *     session-key packets   tag 1, version 3, shortest definite lengths   (RFC 9580, 5.1.1)
 *     one SEIPD packet      0xD2 0xFF length(4), version 1, encrypted:    (RFC 9580, 5.13.1)
 *       prefix              16 random octets, the last two of them again
 *       literal packet      0xCB 0xFF length(4), 'b', no name, date 0, then the content   (RFC 9580, 5.9)
 *       MDC                 0xD3 0x14, SHA-1 over all of the above that is encrypted
 *
 * Headers are of the OpenPGP format (RFC 9580, 4.2.1). Whatever differs by one bit is not a part.
 */

/** More session-key packets than this in front of a part are not read, nor written. */
export const MAX_RECIPIENTS = 64;

/** The most content that one part may hold, in bytes. */
export const MAX_CONTENT = 512 * 2 ** 20;

export const BLOCK = 16;
export const KEY_BYTES = 32;
/** Random octets and their repetition. */
export const PREFIX = BLOCK + 2;
export const LITERAL_HEADER = 12;
export const MDC = 22;
export const MDC_HEADER: Uint8Array = Uint8Array.of(0xd3, 20);
/** What is encrypted besides the content. */
export const ENVELOPE = PREFIX + LITERAL_HEADER + MDC;
/** SEIPD header and version octet. */
export const SEIPD_HEADER = 7;

const TAG_SESSION_KEY = 0xc1;
const TAG_SEIPD = 0xd2;
const TAG_LITERAL = 0xcb;
const FIVE_OCTET_LENGTH = 0xff;
/** Version, key id, algorithm and two octets of what follows, at the least; an RSA key of 16,384 bits at the most. */
const MIN_SESSION_KEY_PACKET = 12;
const MAX_SESSION_KEY_PACKET = 4096;

/** The SEIPD packet's header and version octet for so much content. */
export function seipdHeader(contentLength: number): Buffer {
  const header = Buffer.from([TAG_SEIPD, FIVE_OCTET_LENGTH, 0, 0, 0, 0, 1]);
  header.writeUInt32BE(1 + ENVELOPE + contentLength, 2);
  return header;
}

/** The literal packet's header for so much content. */
export function literalHeader(contentLength: number): Buffer {
  const header = Buffer.from([TAG_LITERAL, FIVE_OCTET_LENGTH, 0, 0, 0, 0, 0x62, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(LITERAL_HEADER - 6 + contentLength, 2);
  return header;
}

/** How many bytes at the beginning are well-formed session-key packets; null where one is begun and not well-formed. */
export function sessionKeyPacketsLength(bytes: Uint8Array): number | null {
  let offset = 0;
  for (let count = 0; bytes[offset] === TAG_SESSION_KEY; count++) {
    if (count === MAX_RECIPIENTS) return null;
    // One octet up to 191, two up to 8383 (RFC 9580, 4.2.1.1 and 4.2.1.2).
    const first = bytes[offset + 1] ?? 0;
    const second = bytes[offset + 2] ?? 0;
    const short = first < 192;
    const length = short ? first : ((first - 192) << 8) + second + 192;
    if (length < MIN_SESSION_KEY_PACKET || length > MAX_SESSION_KEY_PACKET) return null;
    const body = offset + (short ? 2 : 3);
    if (body + length > bytes.length || bytes[body] !== 3) return null;
    offset = body + length;
  }
  return offset;
}

/** The encrypted octets of a part, not copied; null where the outer form is not exactly a part's. */
export function encryptedOctets(part: Uint8Array): Uint8Array | null {
  const start = sessionKeyPacketsLength(part);
  if (start === null) return null;
  const contentLength = part.length - start - SEIPD_HEADER - ENVELOPE;
  if (contentLength < 0 || contentLength > MAX_CONTENT) return null;
  const header = part.subarray(start, start + SEIPD_HEADER);
  return seipdHeader(contentLength).equals(header) ? part.subarray(start + SEIPD_HEADER) : null;
}
