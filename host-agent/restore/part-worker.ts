/** One thread's worth of work on parts, restoring or only verifying. */

import { FileWriter } from './file-writer.ts';
import { type ChunkTarget, type PartResult, type PartTask, workOnPart } from './part-work.ts';
import { Placer, type PlacerOptions } from './placer.ts';
import type { NotSet } from './report.ts';

export interface PartReply extends PartResult {
  /** What could not be set so far and was not told yet. */
  readonly notSet: { what: NotSet; count: number }[];
  /** The part's memory, for the next one. */
  readonly memory: Uint8Array;
}

const VERIFY: ChunkTarget = { write: () => null, abandon: () => {} };

export class PartWorker implements Disposable {
  readonly #placer: Placer | null;

  /** `null`: every chunk is held against its digest, and nothing is written. */
  constructor(options: PlacerOptions | null) {
    this.#placer = options === null ? null : new Placer(options);
  }

  run(part: PartTask): PartReply {
    const target = this.#placer === null ? VERIFY : new FileWriter(this.#placer);
    const result = workOnPart(part, target, { isThorough: this.#placer === null });
    return { ...result, notSet: this.#placer?.notSet.take() ?? [], memory: part.bytes };
  }

  [Symbol.dispose](): void {
    this.#placer?.[Symbol.dispose]();
  }
}
