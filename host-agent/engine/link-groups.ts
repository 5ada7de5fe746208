/** Files of several names: the first name met is read, the others wait for it and take over what it came to. */

import type { Found } from '../source/scan.ts';
import type { BaseEntry } from '../state/entry-blocks.ts';
import { anotherName, type Done, isLinked } from './store-entry.ts';

export interface Member {
  readonly found: Found;
  /** What the base knows of it, where it has not changed. */
  readonly unchanged: BaseEntry | null;
}

interface Group<T> {
  readonly leader: T;
  readonly waiting: T[];
  /** Undefined while the leader is being read. */
  done: Done | undefined;
  /** Names that have not been met. */
  left: number;
}

const nameOf = ({ stat }: Found) => `${stat.dev}:${stat.ino}`;

export class LinkGroups<T extends Member> {
  /** Only those of which names are still to come, so that many of them take no memory for long. */
  readonly #groups = new Map<string, Group<T>>();
  readonly #read: (task: T) => void;
  readonly #fill: (task: T, done: Done | null) => void;

  /** `read` has a file read, which ends with `end` or `leave`; `fill` takes what a file, or another name of it, came to. */
  constructor(read: (task: T) => void, fill: (task: T, done: Done | null) => void) {
    this.#read = read;
    this.#fill = fill;
  }

  /** A file of one name or of several. */
  add(task: T): void {
    if (!isLinked(task.found)) {
      this.#read(task);
      return;
    }
    const name = nameOf(task.found);
    const group = this.#groups.get(name);
    if (group !== undefined) {
      group.left--;
      group.waiting.push(task);
      this.#tell(name, group);
      return;
    }
    const left = task.found.stat.nlink - 1;
    this.#groups.set(name, { leader: task, waiting: [], done: undefined, left });
    this.#read(task);
  }

  /** What a file came to. Other names of one that was not read whole and stable are read for themselves. */
  end(task: T, done: Done): void {
    const name = isLinked(task.found) ? nameOf(task.found) : '';
    const group = this.#groups.get(name);
    if (group?.leader !== task) {
      this.#fill(task, done);
    } else if (done.settled) {
      done.entry.link = task.found.path;
      this.#fill(task, done);
      group.done = done;
      this.#tell(name, group);
    } else {
      this.#fill(task, done);
      this.leave(task);
    }
  }

  /** A file is another one by now: the other names are left to themselves. */
  leave(task: T): void {
    const name = nameOf(task.found);
    const group = this.#groups.get(name);
    if (group?.leader !== task) return;
    this.#groups.delete(name);
    for (const other of group.waiting) this.add(other);
  }

  #tell(name: string, group: Group<T>): void {
    if (group.done === undefined) return;
    for (const other of group.waiting.splice(0))
      this.#fill(other, anotherName(other.found, group.done, other.unchanged));
    if (group.left <= 0) this.#groups.delete(name);
  }
}
