/**
 * What a set holds, as numbers: groups of files that compress alike. Each change is done to the group and remembered
 * until the next accepted run, so that a run's figures are what the agent would count: files read, content bytes that no
 * chunk of the chain has, and what these take in the store.
 */

import type { Counts } from '../../../../contract/manifest.ts';

interface Group {
  files: number;
  bytes: number;
  /** Stored bytes for each byte of content. */
  readonly packed: number;
  /** Since the last accepted run. */
  changedFiles: number;
  newBytes: number;
}

/** Of an entry in the listing, compressed. */
const ENTRY = 60;
/** Key object, index, and what parts have around their content. */
const OVERHEAD = 4000;
const ENCRYPTED = 1.001;
/** Of a large file of zeros: all its chunks but the last are one. */
const ZEROS_NEW = 2e6;

export class Content {
  readonly #groups = new Map<string, Group>();

  /** A group that was there from the beginning. */
  start(name: string, files: number, bytes: number, packed: number): void {
    this.#groups.set(name, { files: Math.round(files), bytes, packed, changedFiles: 0, newBytes: 0 });
  }

  files(name: string): number {
    return this.#groups.get(name)?.files ?? 0;
  }

  bytes(name: string): number {
    return this.#groups.get(name)?.bytes ?? 0;
  }

  /** New files. */
  add(name: string, files: number, bytes: number): void {
    const group = this.#group(name);
    const more = Math.max(0, Math.round(files));
    group.files += more;
    group.bytes += Math.max(0, bytes);
    group.changedFiles += more;
    group.newBytes += Math.max(0, bytes);
  }

  /** Files that are written to, and how much of their content is new then. */
  edit(name: string, files: number, bytes: number): void {
    const group = this.#group(name);
    group.changedFiles += Math.round(Math.min(files, group.files));
    group.newBytes += Math.min(bytes, group.bytes);
  }

  /** Files that are renamed, moved, or given another owner: they are read again, and have nothing new. */
  touch(name: string, files: number): void {
    this.edit(name, files, 0);
  }

  /** That share of the files goes. */
  remove(name: string, share: number): void {
    const group = this.#group(name);
    const kept = 1 - Math.min(1, Math.max(0, share));
    group.files = Math.round(group.files * kept);
    group.bytes *= kept;
    group.changedFiles *= kept;
    group.newBytes *= kept;
  }

  /** That share of the files is there anew, with other content and about as much of it. */
  replace(name: string, share: number): void {
    this.edit(name, this.files(name) * share, this.bytes(name) * share);
  }

  /** That share of every group becomes incompressible, in place. */
  encrypt(share: number): void {
    this.#become('encrypted', share, ENCRYPTED);
  }

  /** That share of every group becomes zeros, in files as large as before. */
  wipe(share: number): void {
    this.#become('wiped', share, 0.0005);
    const group = this.#group('wiped');
    group.newBytes = Math.min(group.newBytes, group.changedFiles * ZEROS_NEW);
  }

  /** That share of every file's content goes; what is left has been there before. */
  truncate(share: number): void {
    for (const group of this.#groups.values()) {
      group.changedFiles = group.files;
      group.bytes *= 1 - share;
    }
  }

  everything(change: (name: string) => void): void {
    for (const name of [...this.#groups.keys()]) change(name);
  }

  /** What a run of now would count. */
  counts(type: 'full' | 'incremental'): Counts & { objectBytes: number } {
    const all = { files: 0, bytes: 0, changedFiles: 0, newBytes: 0, storedBytes: OVERHEAD };
    for (const { files, bytes, packed, changedFiles, newBytes } of this.#groups.values()) {
      const changed = type === 'full' ? files : Math.min(changedFiles, files);
      const fresh = type === 'full' ? bytes : Math.min(newBytes, bytes);
      all.files += files;
      all.bytes += bytes;
      all.changedFiles += changed;
      all.newBytes += fresh;
      all.storedBytes += fresh * packed + changed * ENTRY;
    }
    const rounded = Object.fromEntries(Object.entries(all).map(([name, figure]) => [name, Math.round(figure)]));
    const counts = { ...(rounded as typeof all), directories: Math.ceil(all.files / 12) };
    return { ...counts, objectBytes: counts.storedBytes };
  }

  /** A run was accepted: what comes now is changed against it. */
  settle(): void {
    for (const group of this.#groups.values()) Object.assign(group, { changedFiles: 0, newBytes: 0 });
  }

  #become(name: string, share: number, packed: number): void {
    const before = [...this.#groups].filter(([other]) => other !== name);
    if (!this.#groups.has(name)) this.start(name, 0, 0, packed);
    for (const [other, { files, bytes }] of before) {
      const moved = { files: Math.round(files * share), bytes: bytes * share };
      this.remove(other, share);
      this.add(name, moved.files, moved.bytes);
    }
  }

  #group(name: string): Group {
    const group = this.#groups.get(name);
    if (group === undefined) throw new Error(`no group ${name}`);
    return group;
  }
}
