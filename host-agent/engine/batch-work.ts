/**
 * What a thread does with a batch, without waiting for anything but memory:
 *
 *   open ► compare with the scan ► read ► chunk ► hash ► dedup ► frame ► part ► seal
 *
 * What happens to a file meanwhile (it shrinks, grows, vanishes, becomes something else, cannot be read) is its outcome
 * alone. What the parts throw ends the run.
 */

import { fileStatOf } from '../source/file-stat.ts';
import { openRegularFile, SourceReadError } from '../source/read-file.ts';
import { isGone } from '../source/scan.ts';
import {
  type Batch,
  type BatchResult,
  type FileOutcome,
  packOutcomes,
  STAMP_NUMBERS,
  stampOf,
  unpackFiles,
} from './batch.ts';
import { ChunkTable, type SharedChunks } from './chunk-table.ts';
import { ContentStore } from './content-store.ts';
import { FileContentReader } from './file-content.ts';
import type { FrameOptions } from './frames.ts';
import type { PartPorts } from './parts.ts';

export class BatchWork {
  readonly #store: ContentStore;
  readonly #reader: FileContentReader;

  /** `seed`: the set's, for the chunker. */
  constructor(of: { seed: Uint8Array; chunks: SharedChunks; frames: FrameOptions }, ports: PartPorts) {
    this.#store = new ContentStore(new ChunkTable(of.chunks), ports, of.frames);
    this.#reader = new FileContentReader(of.seed, this.#store);
  }

  do({ id, files, stamps, segment }: Batch): BatchResult {
    const outcomes = unpackFiles(files).map((file, i) => {
      const path = typeof file === 'string' ? file : Buffer.from(file);
      return this.#read(path, stamps.subarray(i * STAMP_NUMBERS, (i + 1) * STAMP_NUMBERS), segment);
    });
    return { id, outcomes: packOutcomes(outcomes, segment !== null), newBytes: this.#store.takeNewBytes() };
  }

  /** Completes the location of every chunk so far. */
  closeFrame(): void {
    this.#store.closeFrame();
  }

  /** Seals what is left. */
  flush(): void {
    this.#store.flush();
  }

  #read(path: string | Buffer, stamp: BigInt64Array, segment: Batch['segment']): FileOutcome {
    const opened = openRegularFile(path, segment ?? undefined);
    if ('problem' in opened) {
      if (opened.problem === 'not-a-file' || isGone(opened.problem)) return { is: 'replaced' };
      return { is: 'unreadable', error: opened.problem };
    }
    let file = opened;
    try {
      // Replaced, or behind another folder now: it is looked at anew, links and all.
      let isStamp = stampOf([file.stat]);
      if (!isSameFile(stamp, isStamp)) return { is: 'replaced' };
      let content = this.#reader.read(file);
      let isStable = file.isUnchanged();
      if (!isStable && segment === null) {
        file = file.reopen();
        isStamp = stampOf([file.stat]);
        content = this.#reader.read(file);
        isStable = file.isUnchanged();
      }
      const { chunks, data, end } = content;
      const isAsSeen = isStamp.every((value, i) => value === stamp[i]);
      return {
        is: 'read',
        chunks,
        end,
        ...(data === undefined ? {} : { data }),
        ...(isAsSeen ? {} : { stat: fileStatOf(file.stat) }),
        ...(isStable ? {} : { unstable: true }),
      };
    } catch (error) {
      if (error instanceof SourceReadError) return { is: 'unreadable', error: error.code };
      throw error;
    } finally {
      file.close();
    }
  }
}

/** Of two stamps. */
function isSameFile(one: BigInt64Array, other: BigInt64Array): boolean {
  return one[3] === other[3] && one[4] === other[4];
}
