/** One file's content through chunker, dedup and store, in a window of bounded size. */

import type { Location } from '../../contract/entry.ts';
import { HOLE, HOLE_BLOCK, HOLE_STRETCH, type OpenFile } from '../source/read-file.ts';
import { type Chunker, MAX_CHUNK, SEGMENT } from './chunker.ts';
import type { ContentStore } from './content-store.ts';
import { contentHash, type DedupTable } from './dedup.ts';

export interface StoredContent {
  /** Undefined for no content at all. */
  readonly hash: string | undefined;
  /** Complete only when the store's open frame is closed. */
  readonly locations: Location[];
  /** Data extents of a sparse file. */
  readonly data: [number, number][] | undefined;
  /** Apparent size: how far the file was read. */
  readonly size: number;
}

/** Waits where uploads have no room, and lets them go on now and then; undefined where there is nothing to wait for. */
export type Pace = (bytes: number) => Promise<void> | undefined;

export class FileContentReader {
  readonly #chunker: Chunker;
  readonly #store: ContentStore;
  readonly #known: () => DedupTable;
  readonly #pace: Pace;
  readonly #window = Buffer.allocUnsafeSlow(2 * MAX_CHUNK);

  constructor(ports: { chunker: Chunker; store: ContentStore; known: () => DedupTable; pace: Pace }) {
    this.#chunker = ports.chunker;
    this.#store = ports.store;
    this.#known = ports.known;
    this.#pace = ports.pace;
  }

  /** Fills the window as far as a piece of a sparse file fits; returns the new end and whether the file has ended. */
  async #fill(file: OpenFile, from: number): Promise<[end: number, atEnd: boolean]> {
    const window = this.#window;
    let end = from;
    while (end <= window.length - HOLE_BLOCK) {
      const count = file.read(window, end, window.length - end);
      if (count === 0) return [end, true];
      if (count === HOLE) await this.#pace(HOLE_STRETCH);
      else end += count;
    }
    return [end, false];
  }

  /**
   * Reads from where the file stands to its end. Errors of reading (EIO) are thrown as `SourceReadError`, so that they
   * are never taken for one of the store; errors of the store come as they are.
   */
  async read(file: OpenFile): Promise<StoredContent> {
    const digests: string[] = [];
    const locations: Location[] = [];
    let [start, end, inSegment, atEnd] = [0, 0, 0, false];
    for (;;) {
      if (!atEnd && end - start < MAX_CHUNK) {
        this.#window.copyWithin(0, start, end);
        [end, start] = [end - start, 0];
        [end, atEnd] = await this.#fill(file, end);
      }
      if (start === end) break;
      const limit = Math.min(end, start + SEGMENT - inSegment);
      const length = this.#chunker.cut(this.#window, start, limit);
      const { digest, location } = this.#store.put(this.#window.subarray(start, start + length), this.#known());
      digests.push(digest);
      locations.push(location);
      start += length;
      inSegment = (inSegment + length) % SEGMENT;
      const pause = this.#pace(length);
      if (pause !== undefined) await pause;
    }
    return {
      hash: contentHash(digests),
      locations: withDigests(locations, digests),
      data: file.data,
      size: file.position,
    };
  }
}

/** Only files of several chunks carry the digests in their locations; the objects are shared, so copies are made. */
function withDigests(locations: Location[], digests: string[]): Location[] {
  if (locations.length <= 1) return locations;
  return locations.map((location, i) => new DigestLocation(location, digests[i] ?? ''));
}

/** A location with its digest, seen through the shared one, which may be completed later. */
class DigestLocation implements Location {
  readonly #shared: Location;
  readonly digest: string;
  constructor(shared: Location, digest: string) {
    this.#shared = shared;
    this.digest = digest;
  }
  get source() {
    return this.#shared.source;
  }
  get part() {
    return this.#shared.part;
  }
  get frameOffset() {
    return this.#shared.frameOffset;
  }
  get frameLength() {
    return this.#shared.frameLength;
  }
  get offset() {
    return this.#shared.offset;
  }
  get length() {
    return this.#shared.length;
  }
}
