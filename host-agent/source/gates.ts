/** Gates: cheap signs that a run which went well is not worth having. A gate that fails makes the run suspect. */

import { matchesGlob } from 'node:path';
import { type BytePath, pathToText } from '../../contract/byte-path.ts';
import type { Entry } from '../../contract/entry.ts';
import type { SetConfig } from '../../contract/host-config.ts';
import type { Gate } from '../../contract/manifest.ts';
import { rootOfPath } from './scan.ts';

/** A gate's result; `about` is the path or glob, which goes into the encrypted index alone. */
export interface GateResult extends Gate {
  readonly about: string;
}

/** Watches the entries of a run go by. */
export class Gates {
  readonly #set: SetConfig;
  /** `inside`: how what lies under the path begins; the empty path's are all. */
  readonly #roots: { path: BytePath; inside: string; configured: string; files: number }[];
  readonly #globs: { glob: string; found: number }[];

  constructor(set: SetConfig) {
    this.#set = set;
    this.#roots = set.paths.map((configured) => {
      const { path } = rootOfPath(configured);
      return { path, inside: path === '' ? '' : `${path}/`, configured, files: 0 };
    });
    this.#globs = set.expect.require.map((glob) => ({ glob: glob.replace(/^\//, ''), found: 0 }));
  }

  /** Counts one entry; a file that could not be read now counts for nothing. */
  see(path: BytePath, type: Entry['type'], size: number, isRead: boolean): void {
    if (type !== 'file' || !isRead) return;
    for (const root of this.#roots) if (path.startsWith(root.inside) || path === root.path) root.files++;
    if (size === 0) return;
    for (const one of this.#globs) if (matchesGlob(pathToText(path) ?? path, one.glob)) one.found++;
  }

  /** All gates, with figures. `base`: the bytes of the base; null where no state knows them, then that gate is left out. */
  results(counts: { files: number; bytes: number }, base: { bytes: number } | null): GateResult[] {
    const { minFiles, minBytes, maxShrink } = this.#set.expect;
    const atLeast = (gate: string, about: string, expected: number, found: number): GateResult => ({
      gate,
      about,
      expected,
      found,
      ok: found >= expected,
    });
    const results = [
      atLeast('minFiles', 'files', minFiles, counts.files),
      atLeast('minBytes', 'bytes', minBytes, counts.bytes),
      ...this.#roots.map((root, i) => atLeast(`path:${i + 1}`, root.configured, 1, root.files)),
      ...this.#globs.map((one, i) => atLeast(`require:${i + 1}`, one.glob, 1, one.found)),
    ];
    if (base !== null)
      results.push(atLeast('maxShrink', 'bytes', Math.ceil(base.bytes * (1 - maxShrink)), counts.bytes));
    return results;
  }
}
