/**
 * The files of which a part holds chunks, in columns: a part may hold thousands, and as objects they would take a third
 * of a thread's memory, and a good part of the time to send it a part.
 */

import type { BytePath } from '../../contract/byte-path.ts';
import type { Owner } from './attributes.ts';
import { type Attributes, type EntryTable, TOP } from './entry-table.ts';
import type { Extents } from './extents.ts';
import type { Place } from './staging.ts';

/** A file of which the part holds chunks. */
export interface FileTask {
  readonly directory: BytePath;
  /** Nothing in the directory can be seen under its name yet, so that the file is made under its own. */
  readonly isHidden: boolean;
  /** Whose the file is when it is made, if that is known. */
  readonly owner: Owner | null;
  readonly name: BytePath;
  readonly size: number;
  readonly extents: Extents;
  readonly attributes: Attributes;
  /** Under which name it is being written, where further parts belong to it; null where this part is all of it. */
  readonly temporary: BytePath | null;
}

/** Plain data, so that it can go to a thread; a file is known by its place. */
export interface FileTasks {
  /** Entries of the plan. */
  readonly entries: Uint32Array;
  readonly directories: readonly Place[];
  /** Place in `directories` of each file's. */
  readonly inDirectory: Uint32Array;
  /** Names, with the one character between them that none can hold. */
  readonly names: string;
  /** Size, mode, uid, gid, seconds and nanoseconds of each. */
  readonly numbers: Float64Array;
  /** Of those files that have any. */
  readonly extents: ReadonlyMap<number, Extents>;
  readonly temporaries: ReadonlyMap<number, BytePath>;
}

const NUMBERS = 6;
const SEPARATOR = '/';

/** Where files are made. */
export interface Naming {
  /** The temporary name of a file that further parts belong to, else null. */
  readonly temporaryOf: (entry: number) => BytePath | null;
  /** Where a directory is, given by its index. */
  readonly placeOf: (directory: number) => Place;
}

export function fileTasks(table: EntryTable, entries: Uint32Array, { temporaryOf, placeOf }: Naming): FileTasks {
  const directories: Place[] = [];
  const inDirectory = new Uint32Array(entries.length);
  const numbers = new Float64Array(entries.length * NUMBERS);
  const names: BytePath[] = [];
  const extents = new Map<number, Extents>();
  const temporaries = new Map<number, BytePath>();
  const places = new Map<number, number>();
  for (const [file, entry] of entries.entries()) {
    const directory = table.parents[entry] ?? TOP;
    let place = places.get(directory);
    if (place === undefined) {
      place = directories.push(placeOf(directory)) - 1;
      places.set(directory, place);
    }
    inDirectory[file] = place;
    names.push(table.name(entry));
    const { mode, uid, gid, seconds, nanoseconds } = table.attributes(entry);
    numbers.set([table.sizes[entry] ?? 0, mode, uid, gid, seconds, nanoseconds], file * NUMBERS);
    const known = table.extents.get(entry);
    if (known !== undefined) extents.set(file, known);
    const temporary = temporaryOf(entry);
    if (temporary !== null) temporaries.set(file, temporary);
  }
  return { entries, directories, inDirectory, names: names.join(SEPARATOR), numbers, extents, temporaries };
}

/** The files one by one. */
export class FileTaskReader {
  readonly #tasks: FileTasks;
  readonly #names: BytePath[];
  #last: { file: number; task: FileTask } | undefined;

  constructor(tasks: FileTasks) {
    this.#tasks = tasks;
    this.#names = tasks.names.split(SEPARATOR) as BytePath[];
  }

  get count(): number {
    return this.#tasks.entries.length;
  }

  get(file: number): FileTask {
    // All chunks of a file mostly follow each other.
    if (this.#last?.file === file) return this.#last.task;
    const { directories, inDirectory, numbers, extents, temporaries } = this.#tasks;
    if (file >= this.count) throw new RangeError(`a part has no file ${file}`);
    const at = file * NUMBERS;
    const { path = '' as BytePath, isHidden = false, owner = null } = directories[inDirectory[file] ?? 0] ?? {};
    const temporary = temporaries.get(file) ?? null;
    const task: FileTask = {
      directory: path,
      isHidden: isHidden && temporary === null,
      owner,
      name: this.#names[file] ?? ('' as BytePath),
      size: numbers[at] ?? 0,
      extents: extents.get(file) ?? null,
      attributes: {
        mode: numbers[at + 1] ?? 0,
        uid: numbers[at + 2] ?? 0,
        gid: numbers[at + 3] ?? 0,
        seconds: numbers[at + 4] ?? 0,
        nanoseconds: numbers[at + 5] ?? 0,
      },
      temporary,
    };
    this.#last = { file, task };
    return task;
  }
}
