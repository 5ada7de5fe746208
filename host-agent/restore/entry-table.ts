/**
 * The entries and chunks of a plan, in columns: a plan of half a million files takes some 150 bytes an entry, where
 * objects would take a kilobyte. Directories come before what is in them; `parent` leads upwards.
 */

import { type BytePath, baseName, joinPath } from '../../contract/byte-path.ts';
import type { Entry, EntryType } from '../../contract/entry.ts';
import type { Extents } from './extents.ts';

/** The parent of what lies directly in the target. */
export const TOP = -1;

/** What is set on an entry besides its content. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** The modification time: the floor of its seconds, and the nanoseconds that follow. */
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Of a SHA-256. */
export const DIGEST_BYTES = 32;

export class EntryTable {
  readonly types: EntryType[] = [];
  readonly parents: number[] = [];
  readonly names: BytePath[] = [];
  readonly sizes: number[] = [];
  /** The first chunk of each entry; its last is before the first of the next entry. */
  readonly firstChunks: number[] = [];
  /** Sparse files: where their data belongs. */
  readonly extents = new Map<number, Extents>();
  /** Symlinks. */
  readonly targets = new Map<number, BytePath>();
  readonly devices = new Map<number, [number, number]>();
  /** Further names of a file, by the entry that is its first one. */
  readonly links = new Map<number, number>();
  /** Directories above what was asked for: made where they are missing, else left as they are. */
  readonly ancestors = new Set<number>();
  /** Directories that the listing does not hold, so that nothing is known of them but that they must be there. */
  readonly implied = new Set<number>();
  /** Entries with extended attributes, which this version does not restore. */
  readonly withXattrs = new Set<number>();
  /** How many entries belong to a user and group of these names and numbers. */
  readonly owners = new Map<string, { kind: 'user' | 'group'; name: BytePath; id: number; count: number }>();

  readonly #modes: number[] = [];
  readonly #uids: number[] = [];
  readonly #gids: number[] = [];
  readonly #seconds: number[] = [];
  readonly #nanoseconds: number[] = [];
  readonly #directoryPaths = new Map<number, BytePath>([[TOP, '' as BytePath]]);

  /** Chunks, in the order of entries and of the content of each. */
  readonly chunkParts: number[] = [];
  readonly chunkFrameOffsets: number[] = [];
  readonly chunkFrameLengths: number[] = [];
  readonly chunkOffsets: number[] = [];
  readonly chunkLengths: number[] = [];
  /** Which entry each chunk belongs to. */
  readonly chunkEntries: number[] = [];
  /** Where the chunk begins in its file's data, holes left out. */
  readonly chunkPositions: number[] = [];
  #digests = Buffer.alloc(1024 * DIGEST_BYTES);

  get length(): number {
    return this.types.length;
  }

  /** Adds an entry without content; its index. */
  add(entry: Entry, parent: number): number {
    const index = this.length;
    this.types.push(entry.type);
    this.parents.push(parent);
    this.names.push(unsliced(baseName(entry.path)));
    this.sizes.push(entry.size ?? 0);
    this.firstChunks.push(this.chunkParts.length);
    this.#modes.push(entry.mode);
    this.#uids.push(entry.uid);
    this.#gids.push(entry.gid);
    this.#seconds.push(Number(entry.mtime.slice(0, -10)));
    this.#nanoseconds.push(Number(entry.mtime.slice(-9)));
    if (entry.type === 'directory') this.#directoryPaths.set(index, entry.path);
    if (entry.target !== undefined) this.targets.set(index, entry.target);
    if (entry.device !== undefined) this.devices.set(index, entry.device);
    if (entry.xattrs !== undefined && entry.xattrs.length > 0) this.withXattrs.add(index);
    this.#countOwner('user', entry.user, entry.uid);
    this.#countOwner('group', entry.group, entry.gid);
    return index;
  }

  /** Adds the content of the entry that was added last. `partOf` numbers the parts of the plan. */
  addContent(entry: Entry, extents: Extents, partOf: (source: number, number: number) => number): void {
    const index = this.length - 1;
    if (extents !== null) this.extents.set(index, extents);
    let position = 0;
    for (const at of entry.locations ?? []) {
      const chunk = this.chunkParts.length;
      this.chunkParts.push(partOf(at.source, at.part));
      this.chunkFrameOffsets.push(at.frameOffset);
      this.chunkFrameLengths.push(at.frameLength);
      this.chunkOffsets.push(at.offset);
      this.chunkLengths.push(at.length);
      this.chunkEntries.push(index);
      this.chunkPositions.push(position);
      this.#setDigest(chunk, at.digest ?? entry.hash ?? '');
      position += at.length;
    }
  }

  /** One past the last chunk of an entry. */
  endOfChunks(index: number): number {
    return this.firstChunks[index + 1] ?? this.chunkParts.length;
  }

  /** SHA-256 of a chunk's content. */
  digest(chunk: number): Buffer {
    return this.#digests.subarray(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
  }

  /** The same, copied to a place in other memory. */
  copyDigest(chunk: number, target: Uint8Array, at: number): void {
    this.#digests.copy(target, at, chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
  }

  attributes(index: number): Attributes {
    return {
      mode: this.#modes[index] ?? 0,
      uid: this.#uids[index] ?? 0,
      gid: this.#gids[index] ?? 0,
      seconds: this.#seconds[index] ?? 0,
      nanoseconds: this.#nanoseconds[index] ?? 0,
    };
  }

  name(index: number): BytePath {
    return this.names[index] ?? ('' as BytePath);
  }

  /** The directory that an entry lies in; empty at the top. */
  directory(index: number): BytePath {
    return this.#directoryPaths.get(this.parents[index] ?? TOP) ?? ('' as BytePath);
  }

  path(index: number): BytePath {
    return index === TOP ? ('' as BytePath) : joinPath(this.directory(index), this.name(index));
  }

  #setDigest(chunk: number, base64: string): void {
    if ((chunk + 1) * DIGEST_BYTES > this.#digests.length) {
      const grown = Buffer.alloc(this.#digests.length * 2);
      grown.set(this.#digests);
      this.#digests = grown;
    }
    this.#digests.write(base64, chunk * DIGEST_BYTES, DIGEST_BYTES, 'base64');
  }

  #countOwner(kind: 'user' | 'group', name: BytePath | undefined, id: number): void {
    if (name === undefined) return;
    const key = `${kind} ${id} ${name}`;
    const owner = this.owners.get(key);
    if (owner === undefined) this.owners.set(key, { kind, name, id, count: 1 });
    else owner.count++;
  }
}

/** A copy that does not keep the whole path in memory, which V8's slices of 13 characters and more do. */
const unsliced = (name: BytePath): BytePath =>
  name.length < 13 ? name : (Buffer.from(name, 'latin1').toString('latin1') as BytePath);
