/** Opening parts: see packets.ts for the form, of which not a bit may differ, and cfb.ts for how it is computed. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { OffsiteError } from '../contract/errors.ts';
import { cfbDecryption, PIECE } from './cfb.ts';
import { BLOCK, ENVELOPE, encryptedOctets, LITERAL_HEADER, literalHeader, MDC, MDC_HEADER, PREFIX } from './packets.ts';
import type { SessionKey } from './session-key-value.ts';

const HEAD = PREFIX + LITERAL_HEADER;
const DIGEST = MDC - MDC_HEADER.length;
/** What is decrypted must begin at a multiple of this in its buffer; less than the header in front of it has. */
const ALIGNMENT = 8;

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
  decrypt(encrypted, key, (start, end) => plain.subarray(start, end));
  return plain.subarray(HEAD, plain.length - MDC);
}

/**
 * The same in the memory of the part itself, which is gone then, also where it turns out damaged; nothing besides its
 * own bytes is written.
 *
 * `isAuthentic`: the caller has held the part's SHA-256 against a manifest that was signed. Then the MDC, a SHA-1 over
 * what that hash has covered already, is not computed; everything else is looked at all the same, so that another
 * session key is `part-damaged` here too. Nobody but who signed could learn of the plaintext by that.
 */
export function openPartInPlace(
  part: Uint8Array,
  key: SessionKey,
  { isAuthentic = false }: { isAuthentic?: boolean } = {},
): Buffer {
  const encrypted = encryptedOctets(part);
  if (encrypted === null) throw damaged();
  // What is decrypted must begin at a multiple of 8. It moves down by less than that, over the packet's header.
  const down = encrypted.byteOffset % ALIGNMENT;
  const plain = Buffer.from(encrypted.buffer, encrypted.byteOffset - down, encrypted.length);
  decrypt(encrypted, key, (start, end) => plain.subarray(start, end), { isAuthentic });
  return plain.subarray(HEAD, plain.length - MDC);
}

/** The SHA-256 (hex) of a part's content, which is held nowhere whole; otherwise like openPart. */
export function contentDigest(part: Uint8Array, key: SessionKey): string {
  const encrypted = encryptedOctets(part);
  if (encrypted === null) throw damaged();
  const work = Buffer.allocUnsafeSlow(PIECE);
  const hash = createHash('sha256');
  const contentEnd = encrypted.length - MDC;
  decrypt(encrypted, key, (start, end) => work.subarray(0, end - start), {
    onPiece: (piece, start) => hash.update(piece.subarray(Math.max(0, HEAD - start), Math.max(0, contentEnd - start))),
  });
  return hash.digest('hex');
}

/**
 * Decrypts piece by piece into the memory that `memoryOf` gives, and returns if all of it is a part's; the MDC is not
 * computed where it is authentic. The memory may be that of the piece itself, or begin before it.
 */
function decrypt(
  encrypted: Uint8Array,
  key: SessionKey,
  memoryOf: (start: number, end: number) => Buffer,
  { isAuthentic = false, onPiece }: { isAuthentic?: boolean; onPiece?: (piece: Buffer, start: number) => void } = {},
): void {
  const { length } = encrypted;
  const hashed = length - DIGEST;
  const cipher = cfbDecryption(key.reveal());
  const hash = isAuthentic ? null : createHash('sha1');
  // What stands around the content, which may lie across two pieces.
  const [head, tail] = [Buffer.alloc(HEAD), Buffer.alloc(MDC)];
  for (let start = 0; start < length; start += PIECE) {
    const end = Math.min(start + PIECE, length);
    const piece = memoryOf(start, end);
    piece.set(encrypted.subarray(start, end));
    cipher.update(piece);
    if (start < hashed) hash?.update(piece.subarray(0, Math.min(end, hashed) - start));
    if (start < HEAD) piece.copy(head, start);
    if (end > length - MDC) {
      const from = Math.max(start, length - MDC);
      piece.copy(tail, from - (length - MDC), from - start);
    }
    onPiece?.(piece, start);
  }
  if (hash !== null && !timingSafeEqual(hash.digest(), tail.subarray(MDC_HEADER.length))) throw damaged();
  const isPart =
    tail.subarray(0, MDC_HEADER.length).equals(MDC_HEADER) &&
    head.subarray(PREFIX).equals(literalHeader(length - ENVELOPE)) &&
    head.subarray(BLOCK, PREFIX).equals(head.subarray(BLOCK - 2, BLOCK));
  if (!isPart) throw damaged();
}

/** So many bytes that begin at a multiple of 8 in their buffer, in `reuse` if they fit. */
function alignedBuffer(length: number, reuse: Uint8Array | undefined): Buffer {
  const skip = reuse === undefined ? 0 : -reuse.byteOffset & (ALIGNMENT - 1);
  if (reuse === undefined || reuse.length < skip + length) return Buffer.allocUnsafeSlow(length);
  return Buffer.from(reuse.buffer, reuse.byteOffset + skip, length);
}

function damaged(): OffsiteError {
  return new OffsiteError('part-damaged', 'an encrypted part is damaged, or its session key is another one');
}
