/** Opening parts: see packets.ts for the form, of which not a bit may differ, and cfb.ts for how it is computed. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { OffsiteError } from '../contract/errors.ts';
import { cfbDecryption, PIECE } from './cfb.ts';
import { BLOCK, ENVELOPE, encryptedOctets, LITERAL_HEADER, literalHeader, MDC, MDC_HEADER, PREFIX } from './packets.ts';
import type { SessionKey } from './session-key-value.ts';

const DIGEST = MDC - MDC_HEADER.length;

/**
 * The content of a part, whose session-key packets are skipped. Nothing is returned before all of it has been
 * authenticated, and whatever is wrong - outer form, wrong key, a flipped bit, a byte too many or too few - is the same
 * `part-damaged`: in particular the repeated prefix octets, which would tell an attacker about the plaintext
 * (RFC 9580, 13.4), are only looked at after the MDC.
 *
 * With `reuse`, memory at least as long as the part, the content lies in there and is good until the memory's next use;
 * else, or where that is too short, in fresh memory. It must not overlap the part.
 */
export function openPart(part: Uint8Array, key: SessionKey, reuse?: Uint8Array): Buffer {
  const encrypted = encryptedOctets(part);
  if (encrypted === null) throw damaged();
  const plain = alignedBuffer(encrypted.length, reuse);
  const hashed = plain.length - DIGEST;
  const cipher = cfbDecryption(key.reveal());
  const hash = createHash('sha1');
  for (let start = 0; start < plain.length; start += PIECE) {
    const piece = plain.subarray(start, start + PIECE);
    piece.set(encrypted.subarray(start, start + PIECE));
    cipher.update(piece);
    hash.update(plain.subarray(start, Math.min(start + PIECE, hashed)));
  }
  if (!timingSafeEqual(hash.digest(), plain.subarray(hashed))) throw damaged();

  const end = plain.length - MDC;
  const content = plain.subarray(PREFIX + LITERAL_HEADER, end);
  const isPart =
    plain.subarray(end, hashed).equals(MDC_HEADER) &&
    plain.subarray(PREFIX, PREFIX + LITERAL_HEADER).equals(literalHeader(plain.length - ENVELOPE)) &&
    plain.subarray(BLOCK, PREFIX).equals(plain.subarray(BLOCK - 2, BLOCK));
  if (!isPart) throw damaged();
  return content;
}

/** So many bytes that begin at a multiple of 8, in `reuse` if they fit. */
function alignedBuffer(length: number, reuse: Uint8Array | undefined): Buffer {
  const skip = reuse === undefined ? 0 : -reuse.byteOffset & 7;
  if (reuse === undefined || reuse.length < skip + length) return Buffer.allocUnsafeSlow(length);
  return Buffer.from(reuse.buffer, reuse.byteOffset + skip, length);
}

function damaged(): OffsiteError {
  return new OffsiteError('part-damaged', 'an encrypted part is damaged, or its session key is another one');
}
