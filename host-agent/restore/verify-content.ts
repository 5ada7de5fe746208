/** Whether content is what the host signed: every chunk that entries name is decrypted and hashed, nothing is written. */

import type { FetchedPart } from '../../repository/run-reader.ts';
import type { PartConsumer, WantedPart } from './fetch.ts';
import { FileNames } from './file-names.ts';
import { partTask } from './part-task.ts';
import type { PlannedPart, RestorePlan } from './plan.ts';
import type { PartPool } from './pool.ts';
import type { Failure } from './report.ts';
import type { Verified } from './verify-objects.ts';
import type { VerifyErrors } from './verify-report.ts';

export class ContentVerifier implements PartConsumer {
  readonly #plan: RestorePlan;
  readonly #pool: PartPool;
  readonly #errors: VerifyErrors;
  readonly #verified: Verified;
  readonly #names: FileNames;
  readonly #onPart: (size: number) => void;

  constructor(
    plan: RestorePlan,
    ports: { pool: PartPool; errors: VerifyErrors; verified: Verified; onPart: (size: number) => void },
  ) {
    this.#plan = plan;
    this.#names = new FileNames(plan.table);
    this.#pool = ports.pool;
    this.#errors = ports.errors;
    this.#verified = ports.verified;
    this.#onPart = ports.onPart;
  }

  isWanted(chunk: number): boolean {
    return !this.#verified.chunks.has(this.#nameOf(chunk));
  }

  onLost(part: PlannedPart, chunks: Uint32Array, failure: Failure): void {
    for (const chunk of chunks) this.#errors.add(part.key, failure, this.#names.ofChunk(chunk));
  }

  async onFetched({ part, key, chunks }: WantedPart, fetched: FetchedPart): Promise<Uint8Array> {
    const task = partTask(this.#plan.table, { key, chunks, ...fetched });
    const { failures, memory } = await this.#pool.run(task);
    for (const [file, failure] of failures) {
      this.#errors.add(key, failure, this.#names.ofEntry(task.files.entries[file] ?? 0));
    }
    if (failures.length === 0) for (const chunk of chunks) this.#verified.chunks.add(this.#nameOf(chunk));
    this.#onPart(part.size);
    return memory;
  }

  /** The same chunk of the same part, from whatever run's listing. */
  #nameOf(chunk: number): string {
    const { table, parts } = this.#plan;
    const place = `${table.chunkFrameOffsets[chunk]}.${table.chunkFrameLengths[chunk]}.${table.chunkOffsets[chunk]}`;
    const digest = table.digest(chunk).toString('latin1', 0, 16);
    return `${parts[table.chunkParts[chunk] ?? 0]?.key} ${place} ${table.chunkLengths[chunk]} ${digest}`;
  }
}
