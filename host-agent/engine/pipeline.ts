/**
 * The pipeline: the main job of a backup, as one chain.
 *
 *   scan ► compare with the base ► batch ┄► read ► chunk ► hash ► dedup ► frame ► part ► seal ┄► upload
 *                                └► line of the listing, and of the next state, in order ◄┄┘
 *
 * What stands between the dotted arrows is done by threads (crew.ts, batch-work.ts), each without a pause and without
 * knowing of the others but for the table of chunks (chunk-table.ts); all else by the present one. The scan and the base
 * are in one order and are merged like two sorted lists, so nothing is held but the entries whose content is being read,
 * those behind them (lines.ts), and the buffers that the memory budget allows. What is unchanged is not opened: its line
 * of the base's listing is used again as it is; where nothing has changed no thread is started.
 *
 * Guarantees: every location in the listing points into a part that is in the store when the uploads have ended; an
 * error of the store ends the run before there is an index; an error of the source costs one entry and is noted. What
 * cannot be read is not taken for deleted: what the base knows of it, or of all beneath a directory that cannot be
 * listed, stays in the listing, marked stale.
 */

import { OffsiteError } from '../../contract/errors.ts';
import type { Found, Unseen } from '../source/scan.ts';
import type { BaseEntry } from '../state/entry-blocks.ts';
import { BaseCursor } from './base-cursor.ts';
import { EntryStore, type EntryStorePorts } from './entry-store.ts';
import { HiddenDirectory } from './hidden-directory.ts';
import { type LinePorts, LineQueue } from './lines.ts';
import { isLinked, isUnchanged } from './store-entry.ts';

export interface PipelinePorts extends EntryStorePorts, LinePorts {
  readonly found: Iterable<Found | Unseen>;
  readonly base: Iterator<BaseEntry> | null;
  /** Called for each entry; lets the event loop take a turn now and then. */
  pace(): Promise<void> | undefined;
}

/** Runs the chain to its end: every entry is in listing and state, every content chunk in a part under way. */
export async function runPipeline(ports: PipelinePorts): Promise<void> {
  const base = new BaseCursor(ports.base);
  const lines = new LineQueue(ports);
  const entries = new EntryStore(lines, ports);
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
        entries.store(found, before);
      }
      if (entries.isWaiting) await entries.advance();
      const pause = ports.pace();
      if (pause !== undefined) await pause;
    }
    base.end(passOver);
    await entries.finish();
    if (!lines.isEmpty) throw new OffsiteError('internal', 'an entry has content that no part holds');
  } finally {
    base.close();
  }
}
