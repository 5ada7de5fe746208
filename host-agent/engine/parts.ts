/** Parts: frames gathered to the part size, sealed where they lie, opened again by sample, and handed on. */

import { hash } from 'node:crypto';
import { OffsiteError } from '../../contract/errors.ts';
import { contentDigest } from '../../pgp/part-reader.ts';
import type { PartWriter } from '../../pgp/part-writer.ts';
import type { SessionKey } from '../../pgp/session-key-value.ts';
import { secureRandom } from '../../system/random.ts';
import type { FrameSink } from './frames.ts';

/** One part in sixteen is opened again before it is uploaded, and always a thread's first. */
const SAMPLE = 16;

/** A manifest holds 200,000 objects, and an index must still fit. */
export const MAX_NUMBER = 199_000;

/** More chunks than this end a part, however small it is: what the journal says of a part is made and read at once. */
export const MAX_CHUNKS = 32_768;

export interface SealedPart {
  readonly number: number;
  readonly bytes: Buffer;
  readonly sha256: string;
  /** Numbers of the chunks that lie in it. */
  readonly chunks: number[];
}

/** Seals content under one attempt's session key. */
export class Sealer {
  readonly #writer: PartWriter;
  readonly #key: SessionKey;
  readonly #verifyAll: boolean;
  #sealed = 0;

  constructor(writer: PartWriter, key: SessionKey, options: { verifyAll: boolean }) {
    this.#writer = writer;
    this.#key = key;
    this.#verifyAll = options.verifyAll;
  }

  /** Where content must lie in the memory that is sealed. */
  get contentOffset(): number {
    return this.#writer.contentOffset;
  }

  /** How much memory is needed to seal so much content. */
  memorySize(length: number): number {
    return this.#writer.memorySize(length);
  }

  /** Seals what lies at `contentOffset` in the memory; the part then lies in `into`, by default in its place. */
  sealInPlace(memory: Buffer, length: number, into: Buffer = memory): { bytes: Buffer; sha256: string } {
    const isChecked = this.#verifyAll || this.#sealed++ % SAMPLE === 0;
    const content = memory.subarray(this.contentOffset, this.contentOffset + length);
    const digest = isChecked ? hash('sha256', content) : null;
    const sealed = this.#writer.sealInPlace(memory, length, secureRandom(16), into);
    if (digest !== null && contentDigest(sealed.bytes, this.#key) !== digest) {
      throw new OffsiteError('internal', 'a part that was just sealed does not open to the same content');
    }
    return sealed;
  }

  /** Seals content into memory of its own. */
  seal(content: Uint8Array): { bytes: Buffer; sha256: string } {
    const memory = Buffer.allocUnsafeSlow(this.memorySize(content.length));
    memory.set(content, this.contentOffset);
    return this.sealInPlace(memory, content.length);
  }
}

export interface PartPorts {
  readonly sealer: Sealer;
  /** Draws the next part number, once. */
  drawNumber(): number;
  /** How large the content of this part may get. */
  partSizeOf(number: number): number;
  /**
   * Memory of at least `size` bytes into which a part is sealed; waits for it where that is how memory is bounded. Null
   * where the part may keep the memory in which it was gathered.
   */
  takeMemory(size: number): Buffer | null;
  /** Receives each sealed part. Its memory is not used any more. */
  onSealed(part: SealedPart): void;
}

/** Gathers frames in memory of its own, out of which or in which they are then sealed. */
export class PartAssembler implements FrameSink {
  readonly #ports: PartPorts;
  readonly #contentOffset: number;
  #memory: Buffer = Buffer.alloc(0);
  #isOpen = false;
  #partSize = 0;
  #used = 0;
  #number = -1;
  #chunks: number[] = [];

  constructor(ports: PartPorts) {
    this.#ports = ports;
    this.#contentOffset = ports.sealer.contentOffset;
  }

  append(frame: Buffer, chunks: readonly number[]): { part: number; frameOffset: number } {
    const isFull = this.#used + frame.length > this.#partSize || this.#chunks.length + chunks.length > MAX_CHUNKS;
    if (this.#used > 0 && isFull) this.flush();
    if (!this.#isOpen) this.#begin(frame.length);
    const frameOffset = this.#used;
    this.#memory.set(frame, this.#contentOffset + frameOffset);
    this.#used += frame.length;
    for (const chunk of chunks) this.#chunks.push(chunk);
    return { part: this.#number, frameOffset };
  }

  /** Seals what is there. */
  flush(): void {
    if (!this.#isOpen) return;
    const [memory, chunks] = [this.#memory, this.#chunks];
    const into = this.#ports.takeMemory(memory.length);
    const sealed = this.#ports.sealer.sealInPlace(memory, this.#used, into ?? memory);
    if (into === null) this.#memory = Buffer.alloc(0);
    this.#isOpen = false;
    this.#chunks = [];
    this.#used = 0;
    this.#ports.onSealed({ number: this.#number, ...sealed, chunks });
  }

  #begin(firstFrame: number): void {
    this.#number = this.#ports.drawNumber();
    if (this.#number >= MAX_NUMBER) {
      throw new OffsiteError(
        'memory-too-small',
        `a run has ${MAX_NUMBER} parts at most: raise memory, so that they get larger`,
      );
    }
    this.#partSize = this.#ports.partSizeOf(this.#number);
    const needed = this.#ports.sealer.memorySize(Math.max(this.#partSize, firstFrame));
    if (this.#memory.length < needed) this.#memory = Buffer.allocUnsafeSlow(needed);
    this.#isOpen = true;
  }
}
