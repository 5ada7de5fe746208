/**
 * AES-256-CFB as OpenPGP uses it (RFC 9580, 12.9, and RFC 4880, 13.9: zero IV, no resynchronisation here), computed faster than OpenSSL's own
 * CFB.
 *
 * With plaintext P, ciphertext C and Y(i) = AES(C(i)), Y(0) = AES(0), CFB is C(i) = P(i) xor Y(i-1).
 * - Encrypting: Y(i) = AES(P(i) xor Y(i-1)) is plain CBC of P with the IV Y(0). So CBC gives the Ys, and one xor the C.
 * - Decrypting: all C are known, so ECB of C gives the Ys, and one xor the P.
 * Either way the data is xored with the Ys moved on by one block, piece by piece.
 */

import { type Cipheriv, createCipheriv } from 'node:crypto';
import { free } from '../system/memory.ts';
import { BLOCK } from './packets.ts';

/** Pieces of this size stay in the processor's second-level cache, and keep what OpenSSL returns for each small. */
export const PIECE = 64 * 1024;

/** CFB over a stream of pieces, en- or decrypting in place. */
class Cfb {
  readonly #cipher: Cipheriv;
  /** Y of the last block of the piece before; Y(0) at first. */
  readonly #mask: Buffer;

  constructor(cipher: Cipheriv, mask: Buffer) {
    this.#cipher = cipher.setAutoPadding(false);
    this.#mask = mask;
  }

  /** Every piece but the last must be a multiple of 16 bytes, and each must begin at a multiple of 8 in its memory. */
  update(piece: Uint8Array): void {
    const masks = this.#cipher.update(piece.subarray(0, piece.length - (piece.length % BLOCK)));
    xorInto(piece.subarray(0, BLOCK), this.#mask);
    xorInto(piece.subarray(BLOCK), masks);
    if (masks.length > 0) this.#mask.set(masks.subarray(-BLOCK));
    // Left to the collector it costs more than the encryption, and piles up meanwhile.
    free(masks);
  }
}

/** `key` has 32 bytes. */
export function cfbEncryption(key: Uint8Array): Cfb {
  const mask = firstMask(key);
  return new Cfb(createCipheriv('aes-256-cbc', key, mask), mask);
}

/** `key` has 32 bytes. */
export function cfbDecryption(key: Uint8Array): Cfb {
  return new Cfb(createCipheriv('aes-256-ecb', key, null), firstMask(key));
}

/** Y(0): AES-256 of the zero block. */
function firstMask(key: Uint8Array): Buffer {
  return createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(new Uint8Array(BLOCK));
}

/** data ^= mask, for as long as data is; both begin at multiples of 8 in their memory, unless data is empty. */
function xorInto(data: Uint8Array, mask: Uint8Array): void {
  const words = data.length >>> 3;
  if (words > 0) {
    const to = new BigUint64Array(data.buffer, data.byteOffset, words);
    xorWords(to, new BigUint64Array(mask.buffer, mask.byteOffset, words), words);
  }
  for (let i = words * 8; i < data.length; i++) data[i] = (data[i] as number) ^ (mask[i] as number);
}

/** Four at a time: measured at 10 GB/s against 3.5 for 32-bit words; V8 keeps the 64-bit values out of the heap. */
function xorWords(to: BigUint64Array, from: BigUint64Array, words: number): void {
  let i = 0;
  for (; i + 3 < words; i += 4) {
    to[i] = (to[i] as bigint) ^ (from[i] as bigint);
    to[i + 1] = (to[i + 1] as bigint) ^ (from[i + 1] as bigint);
    to[i + 2] = (to[i + 2] as bigint) ^ (from[i + 2] as bigint);
    to[i + 3] = (to[i + 3] as bigint) ^ (from[i + 3] as bigint);
  }
  for (; i < words; i++) to[i] = (to[i] as bigint) ^ (from[i] as bigint);
}
