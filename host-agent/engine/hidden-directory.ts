/** Keeps in the listing what the base knows beneath a directory that could not be listed. */

import { type BytePath, isUnder } from '../../contract/byte-path.ts';
import type { BaseEntry } from '../state/entry-blocks.ts';
import { type Done, staleEntry, stampOfBase } from './store-entry.ts';

export class HiddenDirectory {
  readonly #add: (kept: Done) => void;
  #present: { path: BytePath; error: string } | null = null;

  /** `add` takes what is kept, in order. */
  constructor(add: (kept: Done) => void) {
    this.#add = add;
  }

  /** From here on this is the directory that could not be listed, for the errno `error`. */
  enter(path: BytePath, error: string): void {
    this.#present = { path, error };
  }

  /** An entry of the base that the scan did not find; it is kept if the directory may still hold it. */
  keep(entry: BaseEntry): void {
    if (this.#present === null || !isUnder(entry.path, this.#present.path)) return;
    this.#add({ entry: staleEntry(entry, this.#present.error), stamp: stampOfBase(entry), settled: false });
  }
}
