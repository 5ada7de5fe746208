/**
 * Sealing parts: see packets.ts for the form and cfb.ts for how it is computed. A part is sealed where its content lies,
 * in one pass, so that no second memory of its size is needed.
 */

import { createHash } from 'node:crypto';
import { cfbEncryption, PIECE } from './cfb.ts';
import {
  BLOCK,
  ENVELOPE,
  LITERAL_HEADER,
  literalHeader,
  MAX_CONTENT,
  MDC,
  MDC_HEADER,
  PREFIX,
  SEIPD_HEADER,
  seipdHeader,
  sessionKeyPacketsLength,
} from './packets.ts';
import type { SessionKey } from './session-key-value.ts';

/** What is encrypted must begin at a multiple of this in memory. */
const ALIGNMENT = 8;

/** Writes parts that all carry one session key. */
export class PartWriter {
  readonly #key: SessionKey;
  readonly #packets: Buffer;
  /** Where a part begins in its memory. */
  readonly #start: number;

  /** `packets` come from `sessionKeyPackets` for the same key; that they belong together is not checked. */
  constructor(sessionKey: SessionKey, packets: Uint8Array) {
    if (sessionKeyPacketsLength(packets) !== packets.length) throw new RangeError('not session-key packets');
    this.#key = sessionKey;
    this.#packets = Buffer.from(packets);
    this.#start = (ALIGNMENT - ((packets.length + SEIPD_HEADER) % ALIGNMENT)) % ALIGNMENT;
  }

  /** The exact size in bytes of a part with so much content. */
  sealedSize(contentLength: number): number {
    return this.#packets.length + SEIPD_HEADER + ENVELOPE + contentLength;
  }

  /** Where the content must lie in the memory for `sealInPlace`. */
  get contentOffset(): number {
    return this.#start + this.#packets.length + SEIPD_HEADER + PREFIX + LITERAL_HEADER;
  }

  /** How much memory `sealInPlace` needs for so much content. */
  memorySize(contentLength: number): number {
    return this.contentOffset + contentLength + MDC;
  }

  /** Seals into fresh memory; otherwise like sealInPlace. */
  seal(content: Uint8Array, random16: Uint8Array): Buffer {
    const memory = Buffer.allocUnsafeSlow(this.memorySize(content.length));
    memory.set(content, this.contentOffset);
    return this.sealInPlace(memory, content.length, random16).bytes;
  }

  /**
   * Makes a part of the `contentLength` bytes at `contentOffset` in `memory`; returns it and its SHA-256 (hex). It lies
   * in `into`, by default in the same memory; what `memory` holds is lost either way. `random16` must be 16 fresh random
   * bytes for every part. Throws RangeError where the content is over 512 MiB, one of the memories is too small, or does
   * not begin at a multiple of 8.
   */
  sealInPlace(
    memory: Uint8Array,
    contentLength: number,
    random16: Uint8Array,
    into: Uint8Array = memory,
  ): { readonly bytes: Buffer; readonly sha256: string } {
    if (contentLength > MAX_CONTENT) throw new RangeError(`a part holds ${MAX_CONTENT} bytes at most`);
    if (random16.length !== BLOCK) throw new RangeError(`a part needs ${BLOCK} random bytes`);
    const bytes = this.#partIn(into, contentLength);
    const encryptedAt = this.#packets.length + SEIPD_HEADER;
    bytes.set(this.#packets);
    bytes.set(seipdHeader(contentLength), this.#packets.length);
    const whole = createHash('sha256').update(bytes.subarray(0, encryptedAt));

    const octets = this.#partIn(memory, contentLength).subarray(encryptedAt);
    octets.set(random16);
    octets.set(random16.subarray(BLOCK - 2), BLOCK);
    octets.set(literalHeader(contentLength), PREFIX);
    const mdcAt = octets.length - MDC;
    octets.set(MDC_HEADER, mdcAt);
    // The modification detection code covers the two header octets of its own packet.
    const hashed = mdcAt + MDC_HEADER.length;
    const mdc = createHash('sha1');
    const cipher = cfbEncryption(this.#key.reveal());
    for (let start = 0; start < octets.length; start += PIECE) {
      const end = Math.min(start + PIECE, octets.length);
      if (start < hashed) mdc.update(octets.subarray(start, Math.min(end, hashed)));
      // All of it is hashed now, and the digest takes its place behind.
      if (start < hashed && end >= hashed) octets.set(mdc.digest(), hashed);
      const sealed = bytes.subarray(encryptedAt + start, encryptedAt + end);
      cipher.update(octets.subarray(start, end), sealed);
      whole.update(sealed);
    }
    return { bytes, sha256: whole.digest('hex') };
  }

  /** Where a part with so much content lies in a memory. */
  #partIn(memory: Uint8Array, contentLength: number): Buffer {
    if (memory.length < this.memorySize(contentLength)) throw new RangeError('the memory is too small for the part');
    if (memory.byteOffset % ALIGNMENT !== 0) throw new RangeError('the memory does not begin at a multiple of 8');
    return Buffer.from(memory.buffer, memory.byteOffset + this.#start, this.sealedSize(contentLength));
  }
}
