/**
 * Directories that get their names whole. A directory that this restore makes, and whose content comes from parts close
 * to each other, is filled beside its place under a temporary name; then it takes that place at once. In there files are
 * made under their own names, where elsewhere each is made under a temporary one and named when it is complete: that
 * costs as much again as making it.
 *
 * The place itself is held by an empty directory meanwhile, which rename(2) replaces and which nothing else can: so
 * names are found taken, or taken for the same, when the directories are made. What a killed restore leaves is known by
 * its name, and removed by the next one; parts far from each other would make that too much.
 */

import { lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { type BytePath, joinPath } from '../../contract/byte-path.ts';
import type { Owner } from './attributes.ts';
import { type EntryTable, TOP } from './entry-table.ts';
import { inFetchOrder } from './fetch-order.ts';
import type { Outcome } from './outcome.ts';
import type { Placer } from './placer.ts';
import type { RestorePlan } from './plan.ts';
import { failureOf } from './report.ts';

/** Parts, in the order of fetching, that a killed restore may have worked on in vain. */
const MAX_SPAN = 32;
/** Fewer files are named one by one. */
const MIN_FILES = 4;
const NONE = -2;

/** Where a directory is at this moment. */
export interface Place {
  readonly path: BytePath;
  /** True where nothing in it can be seen under its name yet. */
  readonly isHidden: boolean;
  /** Whose everything is that is made in it, as far as that is known: owner and group of a hidden directory. */
  readonly owner: Owner | null;
}

interface Root {
  readonly temporary: BytePath;
  /** Its path at this moment. */
  readonly path: BytePath;
  readonly owner: Owner;
  /** Files that are still to come. */
  pending: number;
  /** Parts with files of it that a thread works on. */
  inWork: number;
}

export class Staging {
  readonly #table: EntryTable;
  readonly #placer: Placer;
  readonly #outcome: Outcome;
  readonly #candidates: Uint8Array;
  /** Files with content in each directory and below. */
  readonly #files: Uint32Array;
  /** The directory that each directory is hidden with, itself or one above. */
  readonly #rootOf: Int32Array;
  readonly #roots = new Map<number, Root>();

  constructor(plan: RestorePlan, ports: { placer: Placer; outcome: Outcome }) {
    this.#table = plan.table;
    this.#placer = ports.placer;
    this.#outcome = ports.outcome;
    this.#rootOf = new Int32Array(plan.table.length).fill(NONE);
    [this.#candidates, this.#files] = candidates(plan);
  }

  /** Where the entries of a directory are put now, given by its index. */
  place(directory: number): Place {
    const index = directory === TOP ? NONE : (this.#rootOf[directory] ?? NONE);
    const root = index === NONE ? undefined : this.#roots.get(index);
    const path = this.#table.path(directory);
    if (root === undefined) return { path, isHidden: false, owner: null };
    const below = path.slice(this.#table.path(index).length);
    return { path: (root.path + below) as BytePath, isHidden: true, owner: root.owner };
  }

  /** The path of the directory in which an entry is put now. */
  directory(index: number): BytePath {
    return this.place(this.#table.parents[index] ?? TOP).path;
  }

  /** Tells that a directory has been made, empty, under its name. From now on its place may be another one. */
  made(index: number): void {
    const parent = this.#table.parents[index] ?? TOP;
    const above = parent === TOP ? NONE : (this.#rootOf[parent] ?? NONE);
    if (above !== NONE) this.#rootOf[index] = above;
    else if (this.#candidates[index] === 1) this.#hide(index, this.#table.directory(index));
  }

  /** Tells that a file has been restored, or will not be. The last of a directory brings it to its place. */
  settled(entry: number): void {
    const index = this.#rootAbove(entry);
    const root = this.#roots.get(index);
    if (root === undefined || this.#table.endOfChunks(entry) === this.#table.firstChunks[entry]) return;
    root.pending--;
    if (root.pending === 0) this.#publish(index, root);
  }

  /** Tells that a thread makes these files, until the function that comes back is called. */
  begin(entries: Iterable<number>): () => void {
    const roots = new Set<Root>();
    for (const entry of entries) {
      const root = this.#roots.get(this.#rootAbove(entry));
      if (root !== undefined) roots.add(root);
    }
    for (const root of roots) root.inWork++;
    return () => {
      for (const root of roots) root.inWork--;
    };
  }

  /** Brings all directories to their places, but not those in which a thread may have left something half-made. */
  publishAll(): void {
    for (const [index, root] of this.#roots) if (root.inWork === 0) this.#publish(index, root);
  }

  #hide(index: number, directory: BytePath): void {
    const temporary = this.#placer.temporaryName();
    const path = this.#placer.handles.at(directory, temporary);
    try {
      mkdirSync(path, 0o700);
    } catch (error) {
      // No further directory has room there, or such a name is too long: names are given one by one.
      failureOf(error);
      return;
    }
    // The same where a umask or the file system made it anything else.
    const { mode, uid, gid } = lstatSync(path);
    if ((mode & 0o777) !== 0o700) return rmdirSync(path);
    this.#rootOf[index] = index;
    const pending = this.#files[index] ?? 0;
    this.#roots.set(index, {
      temporary,
      path: joinPath(directory, temporary),
      owner: { uid, gid },
      pending,
      inWork: 0,
    });
  }

  #publish(index: number, root: Root): void {
    const { temporary } = root;
    // What turns out to be in vain below is no further file that was waited for.
    root.pending = 0;
    const directory = this.#table.directory(index);
    const { handles } = this.#placer;
    try {
      renameSync(handles.at(directory, temporary), handles.at(directory, this.#table.name(index)));
    } catch (error) {
      // Somebody has put something there meanwhile, or another directory in the place of ours.
      failureOf(error);
      this.#moveEach(index);
      this.#placer.discardDirectory(directory, temporary);
    }
    this.#roots.delete(index);
  }

  /** Gives each thing that is complete in a hidden directory its name by itself; what is there already is kept. */
  #moveEach(root: number): void {
    const table = this.#table;
    const { handles } = this.#placer;
    for (let index = root + 1; index < table.length; index++) {
      if (this.#rootAbove(index) !== root) continue;
      const name = table.name(index);
      const [from, to] = [this.directory(index), table.directory(index)];
      try {
        if (table.types[index] === 'directory') mkdirSync(handles.at(to, name), 0o700);
        else if (this.#outcome.isDone(index)) this.#placer.publish(from, name, name, to);
      } catch (error) {
        // Of a directory, whatever lies in it or its attributes will tell.
        if (table.types[index] !== 'directory') this.#outcome.revoke(index, failureOf(error));
      }
    }
  }

  #rootAbove(entry: number): number {
    const parent = this.#table.parents[entry] ?? TOP;
    return parent === TOP ? NONE : (this.#rootOf[parent] ?? NONE);
  }
}

/** Which directories may be hidden, and the files with content in each and below. */
function candidates({ table, parts }: RestorePlan): [candidates: Uint8Array, files: Uint32Array] {
  const ranks = new Uint32Array(parts.length);
  for (const [rank, part] of inFetchOrder(parts).entries()) ranks[part] = rank;
  const found = new Uint8Array(table.length);
  const files = new Uint32Array(table.length);
  const first = new Uint32Array(table.length).fill(parts.length);
  const last = new Uint32Array(table.length);
  // What is in a directory comes behind it.
  for (let index = table.length - 1; index >= 0; index--) {
    const isDirectory = table.types[index] === 'directory';
    if (!isDirectory) {
      const end = table.endOfChunks(index);
      for (let chunk = table.firstChunks[index] ?? 0; chunk < end; chunk++) {
        const rank = ranks[table.chunkParts[chunk] ?? 0] ?? 0;
        if (rank < (first[index] ?? 0)) first[index] = rank;
        if (rank > (last[index] ?? 0)) last[index] = rank;
        files[index] = 1;
      }
    }
    const [from = 0, to = 0, count = 0] = [first[index], last[index], files[index]];
    if (isDirectory && count >= MIN_FILES && to - from < MAX_SPAN) found[index] = 1;
    const parent = table.parents[index] ?? TOP;
    if (parent === TOP || count === 0) continue;
    files[parent] = (files[parent] ?? 0) + count;
    if (from < (first[parent] ?? 0)) first[parent] = from;
    if (to > (last[parent] ?? 0)) last[parent] = to;
  }
  return [found, files];
}
