/**
 * Chunks in, locations out: what is known already is not stored again, the rest goes through frames and parts into the
 * store. One for content (`data`), one for listings (`meta`).
 */

import type { Location } from '../../contract/entry.ts';
import { isOffsiteError } from '../../contract/errors.ts';
import { objectKey } from '../../contract/keys.ts';
import type { ObjectLine } from '../../contract/manifest.ts';
import type { ObjectStore } from '../../store/port.ts';
import { type DedupTable, digestOf } from './dedup.ts';
import { FrameBuilder } from './frames.ts';
import { PartAssembler, type SealedPart, type Sealer } from './parts.ts';
import type { Uploads } from './uploads.ts';

/** A chunk of a part: digest (base64), frame offset and length, offset and length in the frame. */
export type PartChunk = [digest: string, frameOffset: number, frameLength: number, offset: number, length: number];

/** What must be written down so that a crash loses no number and no part. */
export interface PartJournal {
  nextNumber(): number;
  /** Makes every number drawn so far durable; awaited before the put. */
  numbersDurable(): Promise<void>;
  /** A part is in the store. */
  stored(kind: 'data' | 'meta', number: number, line: ObjectLine, chunks: PartChunk[]): void;
}

export interface ContentStorePorts {
  store: ObjectStore;
  uploads: Uploads;
  sealer: Sealer;
  journal: PartJournal;
  place: { prefix: string; set: string; chain: string; run: string };
  attempt: number;
}

export class ContentStore {
  readonly #ports: ContentStorePorts;
  readonly #kind: 'data' | 'meta';
  readonly #frames: FrameBuilder;
  readonly #parts: PartAssembler;
  /** Chunks whose part is not sealed yet. */
  #unsealed: [digest: string, location: Location][] = [];
  /** Objects put so far. */
  readonly objects: ObjectLine[] = [];
  /** Content bytes stored, before compression. */
  newBytes = 0;

  constructor(
    kind: 'data' | 'meta',
    ports: ContentStorePorts,
    options: { partSizeOf: (number: number) => number; level: number; source: number; verifyAll: boolean },
  ) {
    this.#kind = kind;
    this.#ports = ports;
    const { journal, sealer, uploads } = ports;
    this.#parts = new PartAssembler(
      {
        nextNumber: () => journal.nextNumber(),
        sealer,
        takeBuffer: (size) => uploads.takeBuffer(size),
        onSealed: (part) => this.#upload(part),
      },
      options.partSizeOf,
    );
    this.#frames = new FrameBuilder(this.#parts, options);
  }

  /** True while locations that were handed out are not complete. */
  get isOpen(): boolean {
    return this.#frames.isOpen;
  }

  /** Stores a chunk unless `known` has it. The location may be completed later: see `closeFrame`. */
  put(chunk: Uint8Array, known: DedupTable): { digest: string; location: Location; isNew: boolean } {
    const digest = digestOf(chunk);
    const location = known.find(digest, chunk.length);
    if (location !== undefined) return { digest, location, isNew: false };
    const stored = this.#frames.add(chunk);
    this.newBytes += chunk.length;
    this.#unsealed.push([digest, stored]);
    known.add(digest, stored);
    return { digest, location: stored, isNew: true };
  }

  /** Completes every location handed out so far. */
  closeFrame(): void {
    this.#frames.close();
  }

  /** Closes frame and part; the upload is under way when it returns. */
  flush(): void {
    this.#frames.close();
    this.#parts.flush();
  }

  #upload(part: SealedPart): void {
    const { place, store, attempt, journal, uploads } = this.#ports;
    const key = objectKey({ kind: this.#kind, ...place, number: part.number, sha: part.sha256.slice(0, 32) });
    const line: ObjectLine = [key, part.bytes.length, part.sha256, attempt];
    const chunks = this.#chunksOf(part.number);
    const upload = async () => {
      await journal.numbersDurable();
      await store.put(key, part.bytes, { condition: 'absent', sha256: part.sha256 }).catch(acceptExisting);
      this.objects.push(line);
      journal.stored(this.#kind, part.number, line, chunks);
    };
    // The buffer is the part's own (PartAssembler), so all of it can serve a later part.
    uploads.start(upload, Buffer.from(part.bytes.buffer));
  }

  #chunksOf(number: number): PartChunk[] {
    const isSealed = ([, at]: [string, Location]) => at.frameLength > 0 && at.part === number;
    const sealed = this.#unsealed.filter(isSealed);
    this.#unsealed = this.#unsealed.filter((item) => !isSealed(item));
    return sealed.map(([digest, at]) => [digest, at.frameOffset, at.frameLength, at.offset, at.length]);
  }
}

/** The name carries the content's hash: that an object of this name is there proves that it is this one. */
export function acceptExisting(error: unknown): void {
  if (isOffsiteError(error, 'store-exists')) return;
  throw error;
}
