/** Parts: frames gathered to the part size, sealed, opened again by sample, and handed to the uploads. */

import { OffsiteError } from '../../contract/errors.ts';
import { sha256Hex } from '../../contract/ids.ts';
import { openPart } from '../../pgp/part-reader.ts';
import type { PartWriter } from '../../pgp/part-writer.ts';
import type { SessionKey } from '../../pgp/session-key.ts';
import { secureRandom } from '../../system/random.ts';
import type { FrameSink } from './frames.ts';

/** One part in sixteen is opened again before it is uploaded, and always the first. */
const SAMPLE = 16;

/** A manifest holds 200,000 objects, and an index must still fit. */
export const MAX_NUMBER = 199_000;

export interface SealedPart {
  readonly number: number;
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** Seals content under one attempt's session key. */
export class Sealer {
  readonly #writer: PartWriter;
  readonly #key: SessionKey;
  readonly #verifyAll: boolean;
  #sealed = 0;
  /** Room to open a part again; made at the first one and kept. */
  #opened: Buffer = Buffer.alloc(0);

  constructor(writer: PartWriter, key: SessionKey, options: { verifyAll: boolean }) {
    this.#writer = writer;
    this.#key = key;
    this.#verifyAll = options.verifyAll;
  }

  /** Bytes of the part that `content` of this length becomes. */
  sealedSize(length: number): number {
    return this.#writer.sealedSize(length);
  }

  /** Seals into `target` where it is large enough, else into a new buffer. */
  seal(content: Uint8Array, target?: Buffer): { bytes: Buffer; sha256: string } {
    const size = this.#writer.sealedSize(content.length);
    const buffer = target !== undefined && target.length >= size ? target : Buffer.allocUnsafeSlow(size);
    const bytes = buffer.subarray(0, this.#writer.sealInto(buffer, content, secureRandom(16)));
    if (this.#verifyAll || this.#sealed++ % SAMPLE === 0) this.#compare(bytes, content);
    return { bytes, sha256: sha256Hex(bytes) };
  }

  #compare(bytes: Buffer, content: Uint8Array): void {
    if (this.#opened.length < bytes.length) this.#opened = Buffer.allocUnsafeSlow(bytes.length);
    if (!openPart(bytes, this.#key, this.#opened).equals(content)) {
      throw new OffsiteError('internal', 'a part that was just sealed does not open to the same content');
    }
  }
}

export interface PartPorts {
  /** Draws the next part number, once. */
  nextNumber(): number;
  sealer: Sealer;
  /** A buffer to seal into, or undefined to allocate one. */
  takeBuffer(size: number): Buffer | undefined;
  /** Receives each sealed part, in order of its number. */
  onSealed(part: SealedPart): void;
}

/** Gathers frames into one buffer; a part that is full is sealed at once, so that the buffer is free again. */
export class PartAssembler implements FrameSink {
  readonly #ports: PartPorts;
  readonly #partSizeOf: (number: number) => number;
  #partSize = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #used = 0;
  #number = -1;

  constructor(ports: PartPorts, partSizeOf: (number: number) => number) {
    this.#ports = ports;
    this.#partSizeOf = partSizeOf;
  }

  append(frame: Buffer): { part: number; frameOffset: number } {
    if (this.#used > 0 && this.#used + frame.length > this.#partSize) this.flush();
    if (this.#used === 0) this.#begin();
    this.#reserve(this.#used + frame.length);
    this.#buffer.set(frame, this.#used);
    const frameOffset = this.#used;
    this.#used += frame.length;
    return { part: this.#number, frameOffset };
  }

  #begin(): void {
    this.#number = this.#ports.nextNumber();
    if (this.#number >= MAX_NUMBER) {
      throw new OffsiteError(
        'memory-too-small',
        `a run has ${MAX_NUMBER} parts at most: raise memory, so that they get larger`,
      );
    }
    this.#partSize = this.#partSizeOf(this.#number);
  }

  /** Seals what is there. */
  flush(): void {
    if (this.#used === 0) return;
    const content = this.#buffer.subarray(0, this.#used);
    const target = this.#ports.takeBuffer(this.#ports.sealer.sealedSize(content.length));
    const sealed = this.#ports.sealer.seal(content, target);
    this.#used = 0;
    this.#ports.onSealed({ number: this.#number, ...sealed });
  }

  /** The buffer grows by doubling up to the part size, so that small runs stay small. */
  #reserve(size: number): void {
    if (size <= this.#buffer.length) return;
    const doubled = Math.max(2 ** 20, this.#buffer.length * 2);
    const grown = Buffer.allocUnsafeSlow(Math.max(size, Math.min(doubled, this.#partSize)));
    grown.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = grown;
  }
}
