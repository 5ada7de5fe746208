/** From sealed parts to objects in the store, written down so that a crash loses no number and no part. */

import { isOffsiteError } from '../../contract/errors.ts';
import { objectKey } from '../../contract/keys.ts';
import type { ObjectLine } from '../../contract/manifest.ts';
import type { ObjectStore } from '../../store/port.ts';
import type { ChunkTable } from './chunk-table.ts';
import type { SealedPart } from './parts.ts';
import type { Uploads } from './uploads.ts';

/** A chunk of a part: digest (base64), frame offset and length, offset and length in the frame. */
export type PartChunk = [digest: string, frameOffset: number, frameLength: number, offset: number, length: number];

/** What must be written down so that a crash loses no number and no part. */
export interface PartJournal {
  /** The first number that no part has. */
  readonly firstNumber: number;
  /** A number is about to be used; durable when it returns. */
  used(number: number): Promise<void>;
  /** A part is in the store. */
  stored(kind: 'data' | 'meta', number: number, line: ObjectLine, chunks: PartChunk[]): void;
}

export interface PartUploadPorts {
  readonly store: ObjectStore;
  readonly uploads: Uploads;
  readonly journal: PartJournal;
  readonly place: { prefix: string; set: string; chain: string; run: string };
  readonly attempt: number;
}

export class PartUploads {
  readonly #kind: 'data' | 'meta';
  readonly #ports: PartUploadPorts;
  readonly #table: ChunkTable;
  /** Objects put so far. */
  readonly objects: ObjectLine[] = [];

  /** `table`: where the parts' chunks are described. */
  constructor(kind: 'data' | 'meta', ports: PartUploadPorts, table: ChunkTable) {
    this.#kind = kind;
    this.#ports = ports;
    this.#table = table;
  }

  /** The upload is under way when it returns. `release` is called when the part's memory is free again. */
  start({ number, bytes, sha256, chunks }: SealedPart, release?: () => void): void {
    const { place, store, attempt, journal, uploads } = this.#ports;
    const key = objectKey({ kind: this.#kind, ...place, number, sha: sha256.slice(0, 32) });
    const line: ObjectLine = [key, bytes.length, sha256, attempt];
    uploads.start(async () => {
      try {
        await journal.used(number);
        await store.put(key, bytes, { condition: 'absent', sha256, isHashed: true }).catch(acceptExisting);
      } finally {
        release?.();
      }
      this.objects.push(line);
      const described = chunks.map((chunk) => this.#describe(chunk));
      journal.stored(this.#kind, number, line, described);
    });
  }

  #describe(chunk: number): PartChunk {
    const { frameOffset, frameLength, offset, length } = this.#table.location(chunk);
    return [this.#table.digestText(chunk), frameOffset, frameLength, offset, length];
  }
}

/** The name carries the content's hash: that an object of this name is there proves that it is this one. */
export function acceptExisting(error: unknown): void {
  if (isOffsiteError(error, 'store-exists')) return;
  throw error;
}
