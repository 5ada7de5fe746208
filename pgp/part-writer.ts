/** Sealing parts: see packets.ts for the form and cfb.ts for how it is computed. */

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

/** Writes parts that all carry one session key. Holds one small working buffer. */
export class PartWriter {
  readonly #key: SessionKey;
  readonly #packets: Buffer;
  readonly #work = new Uint8Array(PIECE + MDC);

  /** `packets` come from `sessionKeyPackets` for the same key; that they belong together is not checked. */
  constructor(sessionKey: SessionKey, packets: Uint8Array) {
    if (sessionKeyPacketsLength(packets) !== packets.length) throw new RangeError('not session-key packets');
    this.#key = sessionKey;
    this.#packets = Buffer.from(packets);
  }

  /** The exact size in bytes of a part with so much content. */
  sealedSize(contentLength: number): number {
    return this.#packets.length + SEIPD_HEADER + ENVELOPE + contentLength;
  }

  /** Seals into fresh memory; otherwise like sealInto. */
  seal(content: Uint8Array, random16: Uint8Array): Buffer {
    const part = Buffer.allocUnsafeSlow(this.sealedSize(content.length));
    this.sealInto(part, content, random16);
    return part;
  }

  /**
   * Writes a part with `content` to the beginning of `target` and returns its size. `random16` must be 16 fresh random
   * bytes for every part. The two memories must not overlap. Throws RangeError where the content is over 512 MiB or the
   * target too small.
   */
  sealInto(target: Uint8Array, content: Uint8Array, random16: Uint8Array): number {
    if (content.length > MAX_CONTENT) throw new RangeError(`a part holds ${MAX_CONTENT} bytes at most`);
    if (random16.length !== BLOCK) throw new RangeError(`a part needs ${BLOCK} random bytes`);
    const size = this.sealedSize(content.length);
    if (target.length < size) throw new RangeError(`a part of ${size} bytes does not fit in ${target.length}`);
    target.set(this.#packets);
    target.set(seipdHeader(content.length), this.#packets.length);

    const work = this.#work;
    work.set(random16);
    work.set(random16.subarray(BLOCK - 2), BLOCK);
    work.set(literalHeader(content.length), PREFIX);
    const cipher = cfbEncryption(this.#key.reveal());
    const hash = createHash('sha1');
    let written = this.#packets.length + SEIPD_HEADER;
    const emit = (length: number) => {
      const piece = work.subarray(0, length);
      cipher.update(piece);
      target.set(piece, written);
      written += length;
    };

    let filled = PREFIX + LITERAL_HEADER;
    for (let taken = 0; taken < content.length; ) {
      const length = Math.min(PIECE - filled, content.length - taken);
      work.set(content.subarray(taken, taken + length), filled);
      taken += length;
      filled += length;
      if (filled < PIECE) break;
      hash.update(work.subarray(0, PIECE));
      emit(PIECE);
      filled = 0;
    }
    // The hash covers the two header octets of its own packet.
    work.set(MDC_HEADER, filled);
    hash.update(work.subarray(0, filled + MDC_HEADER.length));
    work.set(hash.digest(), filled + MDC_HEADER.length);
    emit(filled + MDC);
    return written;
  }
}
