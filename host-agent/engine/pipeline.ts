/**
 * The pipeline: the main job of a backup, as one chain.
 *
 *   scan ► compare with the base ► read ► chunk ► dedup ► frame ► part ► seal ► upload
 *                                └► line of the listing, and of the next state
 *
 * The scan and the base are in one order and are merged like two sorted lists, so nothing is held but the entry at
 * hand, the entries whose last frame is still open, and the buffers that the memory budget allows. What is unchanged is
 * not opened: its line of the base's listing is used again as it is. Everything between `read` and `seal` works on one
 * file at a time and knows nothing of the others but the dedup table: that is where threads will divide the work.
 *
 * Guarantees: every location in the listing points into a part that is in the store when `finish` has returned; an
 * error of the store ends the run before there is an index; an error of the source costs one entry and is noted. What
 * cannot be read is not taken for deleted: what the base knows of it, or of all beneath a directory that cannot be
 * listed, stays in the listing, marked stale.
 */

import type { Entry } from '../../contract/entry.ts';
import type { Found, Unseen } from '../source/scan.ts';
import type { BaseEntry } from '../state/state.ts';
import { BaseCursor } from './base-cursor.ts';
import { HiddenDirectory } from './hidden-directory.ts';
import { type LinePorts, LineQueue } from './lines.ts';
import { type EntryPorts, isLinked, isUnchanged, storeEntry } from './store-entry.ts';

export interface PipelinePorts extends EntryPorts, LinePorts {
  found: Iterable<Found | Unseen>;
  base: Iterator<BaseEntry> | null;
  signal?: AbortSignal | undefined;
  /** Called now and then; waits where it must. */
  pace(bytes: number): Promise<void> | undefined;
}

/** Runs the chain to its end: every entry is in listing and state, every content chunk in a part under way. */
export async function runPipeline(ports: PipelinePorts): Promise<void> {
  const base = new BaseCursor(ports.base);
  const links = new Map<string, Entry>();
  const lines = new LineQueue(ports);
  const hidden = new HiddenDirectory((done) => lines.add(done));
  const passOver = (entry: BaseEntry) => hidden.keep(entry);
  try {
    for (const found of ports.found) {
      ports.signal?.throwIfAborted();
      const before = base.seek(found.path, passOver);
      if (found.error !== undefined) hidden.enter(found.path, found.error);
      if (found.stat !== null && isUnchanged(found, before, ports.settledBefore) && !isLinked(found)) {
        lines.reuse(found, before);
      } else {
        const done = await storeEntry(found, before, links, ports);
        if (done !== null) lines.add(done);
      }
      const pause = ports.pace(0);
      if (pause !== undefined) await pause;
    }
    base.end(passOver);
    lines.flush();
  } finally {
    base.close();
  }
}
