/** All names of the file that a chunk belongs to, for people. */

import { displayPath } from '../../contract/byte-path.ts';
import type { EntryTable } from './entry-table.ts';

export class FileNames {
  readonly #table: EntryTable;
  /** Further names, by the entry that is the first one. */
  readonly #further = new Map<number, number[]>();

  constructor(table: EntryTable) {
    this.#table = table;
    for (const [name, first] of table.links) {
      const names = this.#further.get(first) ?? [];
      names.push(name);
      this.#further.set(first, names);
    }
  }

  ofChunk(chunk: number): string[] {
    return this.ofEntry(this.#table.chunkEntries[chunk] ?? 0);
  }

  ofEntry(index: number): string[] {
    return [index, ...(this.#further.get(index) ?? [])].map((one) => displayPath(this.#table.path(one)));
  }
}
