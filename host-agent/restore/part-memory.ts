/**
 * Memory for parts, handed round: the store reads into it, a thread decrypts in it, and it comes back for the next part.
 * New memory for each part would cost the kernel half as much as hashing it does.
 */
export class PartMemory {
  readonly #size: number;
  readonly #free: ArrayBuffer[] = [];

  /** `size`: of the largest part. */
  constructor(size: number) {
    this.#size = size;
  }

  take(): Uint8Array {
    return new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#size));
  }

  /** Takes memory back, and only what was given out here, whole. */
  giveBack({ buffer }: Uint8Array): void {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === this.#size && !this.#free.includes(buffer)) {
      this.#free.push(buffer);
    }
  }
}

/** The same bytes in a buffer that nothing else lies in, so that it can go to another thread; `memory` is one. */
export function inOwnBuffer(bytes: Buffer, memory: Uint8Array): Buffer {
  const { buffer } = bytes;
  if (buffer === memory.buffer || (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length)) return bytes;
  memory.set(bytes);
  return Buffer.from(memory.buffer, memory.byteOffset, bytes.length);
}
