/**
 * What a restore would do, as data: entries, the parts to fetch for them, and what cannot be restored. Nothing is
 * written and no content is fetched. The listing is taken for hostile, though it is signed.
 */

import { type BytePath, displayPath, isUnder, parentPath } from '../../contract/byte-path.ts';
import type { Entry } from '../../contract/entry.ts';
import type { OffsiteError } from '../../contract/errors.ts';
import type { RunId } from '../../contract/ids.ts';
import type { ListingDamage } from '../../repository/listing.ts';
import { isDamage } from '../../repository/objects.ts';
import type { RunReader } from '../../repository/run-reader.ts';
import { Breath } from './breath.ts';
import { sameContent } from './chunks.ts';
import { checkContent } from './content-check.ts';
import { EntryTable, TOP } from './entry-table.ts';
import { unsafePath } from './paths.ts';
import { type Failure, type RestoreError, restoreError } from './report.ts';
import { selectEntries } from './selection.ts';

/** A data part that the restore needs. */
export interface PlannedPart {
  readonly source: number;
  readonly number: number;
  /** The object in the store; null where no manifest names it. */
  readonly key: string | null;
  /** Bytes to be fetched. */
  readonly size: number;
  /** Why it cannot be fetched, as far as the plan knows. */
  readonly problem: Failure | null;
}

export interface PlanSummary {
  readonly run: RunId;
  readonly sequence: number;
  /** When the run began: what is restored is of about then. */
  readonly started: string;
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  /** Further names of files that have several. */
  readonly hardLinks: number;
  /** FIFOs, devices and sockets. */
  readonly specials: number;
  /** Apparent bytes of all files. */
  readonly bytes: number;
  readonly parts: number;
  /** Bytes of those parts. */
  readonly fetchBytes: number;
  /** Parts that must be thawed first; null where the plan did not ask the store. */
  readonly coldParts: number | null;
}

export interface RestorePlan {
  readonly summary: PlanSummary;
  readonly parts: readonly PlannedPart[];
  /** What will not be restored, or not as it was, whatever the target says. */
  readonly problems: readonly RestoreError[];
  readonly table: EntryTable;
}

/**
 * Plans the restore of some paths and all beneath them, or of the whole run where none is given. With `askStore` it
 * asks for each part whether it is there and thawed. Throws `path-not-found` naming all that are not in the run, and
 * `interrupted`, and what opening the index throws; damage in the listing is a problem of the plan, and costs only what lies in it.
 */
export async function planRestore(
  reader: RunReader,
  paths: readonly BytePath[] = [],
  { askStore = false, signal }: { askStore?: boolean; signal?: AbortSignal } = {},
): Promise<RestorePlan> {
  const planner = new Planner();
  const breath = new Breath(signal);
  for await (const selected of selectEntries(reader, paths, (damage) => planner.noteDamage(damage))) {
    breath.check();
    for (const entry of selected.entries) planner.add(entry, selected.isAncestor);
  }
  const parts: PlannedPart[] = [];
  for (const [source, number] of planner.parts) parts.push(await resolvePart(reader, source, number));
  const cold = askStore ? await askForParts(reader, parts) : null;
  const { run, sequence, started } = reader.signed.manifest;
  const summary = {
    run,
    sequence,
    started,
    ...planner.counts,
    parts: parts.length,
    fetchBytes: parts.reduce((sum, part) => sum + part.size, 0),
    coldParts: cold,
  };
  return { summary, parts, problems: planner.problems, table: planner.table };
}

class Planner {
  readonly table = new EntryTable();
  readonly problems: RestoreError[] = [];
  readonly parts: [source: number, number: number][] = [];
  readonly counts = { files: 0, directories: 0, symlinks: 0, hardLinks: 0, specials: 0, bytes: 0 };
  readonly #partIndex = new Map<string, number>();
  readonly #firstNames = new Map<BytePath, number>();
  /** The directories that lead to the present entry, from the top. */
  readonly #stack: { path: BytePath; index: number }[] = [];
  /** The last entry that is no directory: nothing may lie under it. */
  #leaf: BytePath | null = null;

  noteDamage({ from, entries, error }: ListingDamage): void {
    const message = `${entries} entries from here on cannot be read in the listing: ${error.message}`;
    this.#problem(from, error.code, entries === 1 ? error.message : message);
  }

  add(entry: Entry, isAncestor: boolean): void {
    const unsafe = unsafePath(entry.path);
    if (unsafe !== null) return this.#problem(entry.path, 'unsafe-path', unsafe);
    if (this.#leaf !== null && isUnder(entry.path, this.#leaf)) {
      return this.#problem(entry.path, 'unsafe-path', `${displayPath(this.#leaf)}, above it, is no directory`);
    }
    if (entry.type !== 'directory') {
      this.#leaf = entry.path;
      // What was asked for lies under something that cannot lead to it, and is refused when it comes.
      if (isAncestor) return;
    }
    const parent = this.#directory(parentPath(entry.path));
    switch (entry.type) {
      case 'directory':
        return this.#addDirectory(entry, parent, isAncestor);
      case 'file':
        return this.#addFile(entry, parent);
      case 'symlink':
        return this.#addSymlink(entry, parent);
      default:
        this.counts.specials++;
        this.table.add(entry, parent);
    }
  }

  #addDirectory(entry: Entry, parent: number, isAncestor: boolean): void {
    const index = this.table.add(entry, parent);
    this.#stack.push({ path: entry.path, index });
    if (isAncestor) this.table.ancestors.add(index);
    else this.counts.directories++;
    if (entry.error !== undefined && !isAncestor) {
      this.#problem(entry.path, 'restore-incomplete', `the host could not read the directory (${entry.error})`);
    }
  }

  #addFile(entry: Entry, parent: number): void {
    const { path, error } = entry;
    if (error !== undefined && entry.stale === undefined) {
      return this.#problem(path, 'restore-incomplete', `the host could not read the file (${error}): no content`);
    }
    const content = checkContent(entry);
    if ('wrong' in content) return this.#problem(path, 'listing-invalid', content.wrong);
    const first = entry.link === undefined ? undefined : this.#firstNames.get(entry.link);
    if (first !== undefined && !sameContent(this.table, first, entry)) {
      return this.#problem(
        path,
        'listing-invalid',
        `it is not the same file as ${displayPath(this.table.path(first))}`,
      );
    }
    const index = this.table.add(entry, parent);
    if (first !== undefined) {
      this.table.links.set(index, first);
      this.counts.hardLinks++;
    } else {
      this.table.addContent(entry, content.extents, (source, number) => this.#part(source, number));
      if (entry.link !== undefined) this.#firstNames.set(entry.link, index);
      this.counts.bytes += entry.size ?? 0;
    }
    this.counts.files++;
    if (error !== undefined) {
      this.#problem(path, 'restore-incomplete', `older content: the host could not read the file this time (${error})`);
    }
  }

  #addSymlink(entry: Entry, parent: number): void {
    const { target } = entry;
    if (target === undefined || target === '' || target.includes('\0') || target.length >= 4096) {
      return this.#problem(entry.path, 'listing-invalid', 'it is a symbolic link without a valid target');
    }
    this.counts.symlinks++;
    this.table.add(entry, parent);
  }

  /** The directory's index; made up where the listing does not hold it. */
  #directory(path: BytePath): number {
    for (;;) {
      const top = this.#stack.at(-1);
      if (top === undefined || isUnder(path, top.path)) break;
      this.#stack.pop();
    }
    const top = this.#stack.at(-1);
    if (path === '' || top?.path === path) return top?.index ?? TOP;
    const parent = this.#directory(parentPath(path));
    const entry: Entry = { path, root: '/', type: 'directory', mode: 0o700, uid: 0, gid: 0, mtime: '0.000000000' };
    const index = this.table.add(entry, parent);
    this.table.implied.add(index);
    this.#stack.push({ path, index });
    return index;
  }

  #part(source: number, number: number): number {
    const name = `${source} ${number}`;
    let index = this.#partIndex.get(name);
    if (index === undefined) {
      index = this.parts.push([source, number]) - 1;
      this.#partIndex.set(name, index);
    }
    return index;
  }

  #problem(path: BytePath, code: OffsiteError['code'], message: string): void {
    this.problems.push(restoreError(path, { code, message }));
  }
}

async function resolvePart(reader: RunReader, source: number, number: number): Promise<PlannedPart> {
  try {
    const { line } = await reader.dataPart(source, number);
    return { source, number, key: line[0], size: line[1], problem: null };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { source, number, key: null, size: 0, problem: { code: error.code, message: error.message } };
  }
}

/** Asks the store about each part, some at a time; replaces those that cannot be fetched. How many are cold. */
async function askForParts(reader: RunReader, parts: PlannedPart[]): Promise<number> {
  let cold = 0;
  let next = 0;
  const ask = async () => {
    for (let i = next++; i < parts.length; i = next++) {
      const part = parts[i];
      if (part === undefined || part.key === null) continue;
      const problem = await problemOf(reader, part.key);
      if (problem?.code === 'store-cold') cold++;
      if (problem !== null) parts[i] = { ...part, problem };
    }
  };
  await Promise.all(Array.from({ length: 16 }, ask));
  return cold;
}

async function problemOf(reader: RunReader, key: string): Promise<Failure | null> {
  try {
    const { cold } = await reader.head(key);
    return cold ? { code: 'store-cold', message: `${key} must be thawed first` } : null;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { code: error.code, message: error.message };
  }
}
