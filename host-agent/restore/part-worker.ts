/** One thread's worth of work on parts, restoring or only verifying. */

import { collectYoungGarbage } from '../../system/memory.ts';
import { FileWriter } from './file-writer.ts';
import { type ChunkTarget, type PartResult, type PartTask, workOnPart } from './part-work.ts';
import { Placer, type PlacerOptions } from './placer.ts';
import type { NotSet } from './report.ts';

export interface PartReply extends PartResult {
  /** What could not be set so far and was not told yet. */
  readonly notSet: { what: NotSet; count: number }[];
}

const VERIFY: ChunkTarget = { write: () => null, abandon: () => {} };

export class PartWorker implements Disposable {
  readonly #placer: Placer | null;
  #memory = Buffer.alloc(0);

  /** `null`: every chunk is held against its digest, and nothing is written. */
  constructor(options: PlacerOptions | null) {
    this.#placer = options === null ? null : new Placer(options);
  }

  run(part: PartTask): PartReply {
    // A few bytes more, because the content must begin at a multiple of 8.
    if (this.#memory.length < part.bytes.length + 8) this.#memory = Buffer.allocUnsafeSlow(part.bytes.length + 8);
    const target = this.#placer === null ? VERIFY : new FileWriter(this.#placer);
    const result = workOnPart(part, target, this.#memory);
    collectYoungGarbage();
    return { ...result, notSet: this.#placer?.notSet.take() ?? [] };
  }

  [Symbol.dispose](): void {
    this.#placer?.[Symbol.dispose]();
  }
}
