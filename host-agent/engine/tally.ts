/** What a run counts as it goes, for manifest, index and progress. */

import { type BytePath, displayPath } from '../../contract/byte-path.ts';
import type { EntryType } from '../../contract/entry.ts';

/** Warnings kept with their path; more are counted. */
const MAX_WARNINGS = 10_000;

export type WarningCode = 'vanished' | 'unstable' | 'unreadable' | 'identity' | 'lock';

export interface Warning {
  readonly code: WarningCode;
  readonly path: BytePath;
  readonly detail: string;
}

export class RunTally {
  /** Regular files. */
  files = 0;
  directories = 0;
  /** Apparent content bytes. */
  bytes = 0;
  changedFiles = 0;
  /** Content bytes that were read. */
  readBytes = 0;
  /** Content bytes of files that were not. */
  unchangedBytes = 0;
  readonly warnings: Warning[] = [];
  readonly #counts = new Map<WarningCode, number>();
  readonly #onWarning: (warning: Warning) => void;

  constructor(onWarning: (warning: Warning) => void) {
    this.#onWarning = onWarning;
  }

  /** Counts one entry; `isUnchanged` where its content was not read. */
  see(type: EntryType, size: number, isUnchanged: boolean): void {
    if (type === 'directory') this.directories++;
    else if (type === 'file') this.files++;
    this.bytes += size;
    if (isUnchanged) this.unchangedBytes += size;
  }

  warn(code: WarningCode, path: BytePath, detail: string): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    const warning = { code, path, detail };
    if (this.warnings.length < MAX_WARNINGS) this.warnings.push(warning);
    this.#onWarning(warning);
  }

  /** Something could not be read: the run is partial. `error` is an errno name. */
  unreadable(path: BytePath, error: string): void {
    this.warn('unreadable', path, `${displayPath(path)} cannot be read: ${error}`);
  }

  get isPartial(): boolean {
    return this.#counts.has('unreadable');
  }

  get moreWarnings(): number {
    let all = 0;
    for (const count of this.#counts.values()) all += count;
    return all - this.warnings.length;
  }

  /** How often each warning occurred, for the manifest. */
  get warningCounts(): { code: string; count: number }[] {
    return [...this.#counts]
      .map(([code, count]) => ({ code, count }))
      .sort((one, other) => (one.code < other.code ? -1 : 1));
  }
}
