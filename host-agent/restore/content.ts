/** File content: chunks of fetched parts go to the threads, and files that need several parts are put together. */

import { closeSync } from 'node:fs';
import type { BytePath } from '../../contract/byte-path.ts';
import type { FetchedPart } from '../../repository/run-reader.ts';
import { isInOnePart } from './chunks.ts';
import type { EntryTable } from './entry-table.ts';
import type { PartConsumer, WantedPart } from './fetch.ts';
import { createFile } from './file-writer.ts';
import type { Outcome } from './outcome.ts';
import { partTask } from './part-task.ts';
import type { Placer } from './placer.ts';
import type { PlannedPart } from './plan.ts';
import type { PartPool } from './pool.ts';
import { type Failure, failureOf } from './report.ts';
import type { Staging } from './staging.ts';

/** A file that several parts belong to, while it is being written. */
interface Growing {
  readonly temporary: BytePath;
  /** Parts that have not been worked on yet. */
  partsLeft: number;
}

export class ContentRestorer implements PartConsumer {
  readonly #table: EntryTable;
  readonly #placer: Placer;
  readonly #outcome: Outcome;
  readonly #pool: PartPool;
  readonly #onPart: () => void;
  readonly #staging: Staging;
  readonly #growing = new Map<number, Growing>();

  constructor(
    table: EntryTable,
    ports: { placer: Placer; outcome: Outcome; staging: Staging; pool: PartPool; onPart: () => void },
  ) {
    this.#table = table;
    this.#placer = ports.placer;
    this.#outcome = ports.outcome;
    this.#staging = ports.staging;
    this.#pool = ports.pool;
    this.#onPart = ports.onPart;
  }

  isWanted(chunk: number): boolean {
    return this.#outcome.isPending(this.#entryOf(chunk));
  }

  onLost(_: PlannedPart, chunks: Uint32Array, failure: Failure): void {
    for (const chunk of chunks) this.#fail(this.#entryOf(chunk), failure);
    this.#onPart();
  }

  async onFetched(wanted: WantedPart, fetched: FetchedPart): Promise<Uint8Array> {
    // Another part may have cost a file meanwhile.
    const chunks = wanted.chunks.filter((chunk) => this.isWanted(chunk) && this.#begin(this.#entryOf(chunk)));
    const task = partTask(
      this.#table,
      { key: wanted.key, chunks, ...fetched },
      {
        temporaryOf: (entry) => this.#growing.get(entry)?.temporary ?? null,
        placeOf: (directory) => this.#staging.place(directory),
      },
    );
    const { entries } = task.files;
    const end = this.#staging.begin(entries);
    const { failures, notSet, memory } = await this.#pool.run(task);
    end();
    this.#outcome.notSet.addAll(notSet);
    for (const [file, failure] of failures) this.#fail(entries[file] ?? 0, failure);
    for (const entry of entries) this.#partDone(entry);
    this.#onPart();
    return memory;
  }

  /** Removes what is not complete. */
  discardAll(): void {
    for (const [entry, { temporary }] of this.#growing) this.#placer.discard(this.#staging.directory(entry), temporary);
    this.#growing.clear();
  }

  /** Makes the file of several parts when the first of them has come. False where that fails. */
  #begin(entry: number): boolean {
    if (this.#growing.has(entry) || isInOnePart(this.#table, entry)) return true;
    const table = this.#table;
    const [first, end] = [table.firstChunks[entry] ?? 0, table.endOfChunks(entry)];
    const parts = new Set(table.chunkParts.slice(first, end));
    try {
      const { handle, temporary } = createFile(this.#placer, {
        directory: this.#staging.directory(entry),
        isHidden: false,
        name: table.name(entry),
        size: table.sizes[entry] ?? 0,
        extents: table.extents.get(entry) ?? null,
      });
      closeSync(handle);
      this.#growing.set(entry, { temporary, partsLeft: parts.size });
      return true;
    } catch (error) {
      this.#outcome.fail(entry, failureOf(error));
      return false;
    }
  }

  #partDone(entry: number): void {
    if (!this.#outcome.isPending(entry)) return;
    const growing = this.#growing.get(entry);
    if (growing === undefined) return this.#outcome.done(entry);
    growing.partsLeft--;
    if (growing.partsLeft > 0) return;
    try {
      this.#finish(entry, growing.temporary);
      this.#growing.delete(entry);
      this.#outcome.done(entry);
    } catch (error) {
      this.#fail(entry, failureOf(error));
    }
  }

  #finish(entry: number, temporary: BytePath): void {
    const directory = this.#staging.directory(entry);
    const handle = this.#placer.reopen(directory, temporary);
    try {
      this.#placer.attributes.setOpen(handle, this.#table.attributes(entry));
    } finally {
      closeSync(handle);
    }
    this.#placer.publish(directory, temporary, this.#table.name(entry));
  }

  #fail(entry: number, failure: Failure): void {
    const growing = this.#growing.get(entry);
    this.#growing.delete(entry);
    if (growing !== undefined) this.#placer.discard(this.#staging.directory(entry), growing.temporary);
    this.#outcome.fail(entry, failure);
  }

  #entryOf(chunk: number): number {
    return this.#table.chunkEntries[chunk] ?? 0;
  }
}
