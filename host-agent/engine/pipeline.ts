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
 * error of the store ends the run before there is an index; an error of the source costs one entry and is noted.
 */

import { type BytePath, comparePaths } from '../../contract/byte-path.ts';
import { decodeLine, type Entry, encodeEntry } from '../../contract/entry.ts';
import type { Names } from '../source/attributes.ts';
import { entryOf, typeOf } from '../source/attributes.ts';
import type { Gates } from '../source/gates.ts';
import { openRegularFile } from '../source/read-file.ts';
import { errnoOf, type Found } from '../source/scan.ts';
import type { BaseEntry, StateWriter } from '../state/state.ts';
import type { ContentStore } from './content-store.ts';
import { type FileContentReader, SourceReadError } from './file-content.ts';
import type { ListingWriter } from './listing.ts';
import type { RunTally } from './tally.ts';

/** Entries that wait for an open frame; with more, the frame is closed although it has room. */
const MAX_WAITING = 16_384;
/** How often a path is looked at again that is something else each time. */
const MAX_LOOKS = 3;

export interface PipelinePorts {
  found: Iterable<Found>;
  base: Iterator<BaseEntry> | null;
  /** Entries whose ctime is not older than this may have changed within the same tick of the clock. Nanoseconds. */
  settledBefore: bigint;
  lstatAgain(found: Found): Found | null;
  names: Names;
  content: ContentStore;
  reader: FileContentReader;
  listing: ListingWriter;
  state: StateWriter;
  gates: Gates;
  tally: RunTally;
  signal?: AbortSignal | undefined;
  /** Called now and then; waits where it must. */
  pace(bytes: number): Promise<void> | undefined;
}

/** Runs the chain to its end: every entry is in listing and state, every content chunk in a part under way. */
export async function runPipeline(ports: PipelinePorts): Promise<void> {
  const base = new BaseCursor(ports.base);
  const links = new Map<string, Entry>();
  const lines = new LineQueue(ports);
  try {
    for (const found of ports.found) {
      ports.signal?.throwIfAborted();
      const before = base.seek(found.path);
      if (isUnchanged(found, before, ports.settledBefore) && !isLinked(found)) {
        lines.reuse(found, before);
      } else {
        const done = await storeEntry(found, before, links, ports);
        if (done !== null) lines.add(done);
      }
      const pause = ports.pace(0);
      if (pause !== undefined) await pause;
    }
    lines.flush();
  } finally {
    base.close();
  }
}

/** Size, mtime, ctime and inode equal, and not so young that an edit within one clock tick could hide. */
function isUnchanged(found: Found, before: BaseEntry | null, settledBefore: bigint): before is BaseEntry {
  const { stat } = found;
  return (
    before?.settled === true &&
    found.error === undefined &&
    before.ctimeNs === stat.ctimeNs &&
    before.mtimeNs === stat.mtimeNs &&
    before.inode === stat.ino &&
    before.size === stat.size &&
    stat.ctimeNs < settledBefore
  );
}

/** A file of several names is looked at closer: the group's first path may be another one now. */
const isLinked = ({ stat }: Found) => stat.isFile() && stat.nlink > 1n;

interface Done {
  found: Found;
  entry: Entry;
  /** False where content was not read whole and stable. */
  settled: boolean;
}

/** One entry that is not simply the base's: its attributes, and its content if it is a file. Null where it vanished. */
async function storeEntry(
  found: Found,
  before: BaseEntry | null,
  links: Map<string, Entry>,
  ports: PipelinePorts,
): Promise<Done | null> {
  let now: Found | null = found;
  for (let look = 1; now !== null && look <= MAX_LOOKS; look++) {
    const done = now.stat.isFile() ? await storeFile(now, before, links, ports) : storeOther(now, ports);
    if (done !== 'changed-type') return done;
    now = ports.lstatAgain(now);
  }
  if (now === null) ports.tally.warn('vanished', found.path, 'gone between the scan and its reading');
  else ports.tally.unreadable(found.path, 'EAGAIN');
  return null;
}

function storeOther(found: Found, ports: PipelinePorts): Done | 'changed-type' | null {
  try {
    const entry = entryOf(found, found.stat, ports.names);
    if (found.error !== undefined) ports.tally.unreadable(found.path, found.error);
    return { found, entry, settled: found.error === undefined };
  } catch (error) {
    const code = errnoOf(error);
    // readlink: no symlink any more.
    if (code === 'EINVAL' || code === 'ENOENT') return 'changed-type';
    if (code === 'EUNKNOWN') throw error;
    ports.tally.unreadable(found.path, code);
    return null;
  }
}

async function storeFile(
  found: Found,
  before: BaseEntry | null,
  links: Map<string, Entry>,
  ports: PipelinePorts,
): Promise<Done | 'changed-type' | null> {
  const group = isLinked(found) ? `${found.stat.dev}:${found.stat.ino}` : null;
  const first = group === null ? undefined : links.get(group);
  if (first !== undefined) return { found, entry: anotherName(found, first), settled: true };
  const known = group !== null && isUnchanged(found, before, ports.settledBefore) ? entryOfLines(before.lines) : null;
  const done =
    known === null
      ? await readFile(found, before, ports)
      : { found, entry: { ...known, path: found.path }, settled: true };
  if (group !== null && typeof done === 'object' && done?.settled) {
    done.entry.link = found.path;
    links.set(group, done.entry);
  }
  return done;
}

/** A further name of a file that this run has seen: the same content and attributes under another path. */
const anotherName = (found: Found, first: Entry): Entry => ({ ...first, path: found.path, root: found.root });

async function readFile(
  found: Found,
  before: BaseEntry | null,
  ports: PipelinePorts,
): Promise<Done | 'changed-type' | null> {
  let file = openRegularFile(found.file);
  if ('problem' in file) {
    if (file.problem === 'not-a-file' || file.problem === 'ENOENT') return 'changed-type';
    return unreadableFile(found, before, file.problem, ports);
  }
  try {
    let stored = await ports.reader.read(file);
    let stable = file.isUnchanged();
    if (!stable) {
      file = file.reopen();
      stored = await ports.reader.read(file);
      stable = file.isUnchanged();
    }
    const entry = entryOf(found, file.stat, ports.names);
    entry.size = stored.size;
    if (stored.data !== undefined) entry.data = stored.data;
    if (stored.hash !== undefined) {
      entry.hash = stored.hash;
      entry.locations = stored.locations;
    }
    if (!stable) {
      entry.unstable = true;
      ports.tally.warn('unstable', found.path, 'changed while it was read, twice');
    }
    ports.tally.changedFiles++;
    return { found: { ...found, stat: file.stat }, entry, settled: stable };
  } catch (error) {
    if (error instanceof SourceReadError) return unreadableFile(found, before, error.code, ports);
    throw error;
  } finally {
    file.close();
  }
}

/** The content could not be read: the base's, marked stale, is better than none. */
function unreadableFile(found: Found, before: BaseEntry | null, code: string, ports: PipelinePorts): Done {
  ports.tally.unreadable(found.path, code);
  const entry = entryOf(found, found.stat, ports.names);
  entry.size = Number(found.stat.size);
  entry.error = code;
  const old = before === null ? null : entryOfLines(before.lines);
  if (old?.type === 'file' && old.size !== undefined) {
    const { size, mtime, data, hash, locations } = old;
    Object.assign(entry, { size, mtime, stale: true }, data && { data }, hash && { hash }, locations && { locations });
  }
  return { found, entry, settled: false };
}

/** An entry from its lines in the base's listing. */
export function entryOfLines(lines: Buffer): Entry {
  let entry: Entry | null = null;
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf(0x0a, start);
    const decoded = decodeLine(lines.subarray(start, end));
    if ('entry' in decoded) entry = decoded.entry;
    else if (entry !== null) entry.locations = [...(entry.locations ?? []), ...decoded.more];
    start = end + 1;
  }
  if (entry === null) throw new RangeError('lines without an entry');
  return entry;
}

/** Walks through the base in step with the scan. */
class BaseCursor {
  readonly #entries: Iterator<BaseEntry> | null;
  #next: BaseEntry | null = null;

  constructor(entries: Iterator<BaseEntry> | null) {
    this.#entries = entries;
    this.#advance();
  }

  /** The base's entry of this path; calls come in order. */
  seek(path: BytePath): BaseEntry | null {
    while (this.#next !== null && comparePaths(this.#next.path, path) < 0) this.#advance();
    return this.#next?.path === path ? this.#next : null;
  }

  /** Lets go of what the base is read from. */
  close(): void {
    this.#entries?.return?.();
  }

  #advance(): void {
    const { value, done } = this.#entries?.next() ?? { done: true };
    this.#next = done === true ? null : (value as BaseEntry);
  }
}

/** Lines leave in order, each when its locations are complete. */
class LineQueue {
  readonly #ports: PipelinePorts;
  #waiting: (Done | { found: Found; before: BaseEntry })[] = [];

  constructor(ports: PipelinePorts) {
    this.#ports = ports;
  }

  /** An unchanged entry: the base's lines as they are. */
  reuse(found: Found, before: BaseEntry): void {
    this.#push({ found, before });
  }

  add(done: Done): void {
    this.#push(done);
  }

  flush(): void {
    this.#ports.content.closeFrame();
    this.#drain();
  }

  #push(one: Done | { found: Found; before: BaseEntry }): void {
    this.#waiting.push(one);
    if (!this.#ports.content.isOpen) this.#drain();
    else if (this.#waiting.length >= MAX_WAITING) this.flush();
  }

  #drain(): void {
    for (const one of this.#waiting) {
      if ('before' in one) this.#emit(one.found, one.before.lines, true);
      else this.#emit(one.found, Buffer.from(encodeEntry(one.entry)), one.settled, one.entry);
    }
    this.#waiting = [];
  }

  #emit(found: Found, lines: Buffer, settled: boolean, entry?: Entry): void {
    const { listing, state, tally, gates } = this.#ports;
    const type = entry?.type ?? typeOf(found.stat);
    const size = type === 'file' ? (entry?.size ?? Number(found.stat.size)) : 0;
    listing.add(found.path, lines);
    const { size: statSize, mtimeNs, ctimeNs, ino } = found.stat;
    state.add({ path: found.path, size: statSize, mtimeNs, ctimeNs, inode: ino, settled, lines });
    gates.see(found.path, type, size);
    tally.see(type, size, entry === undefined);
  }
}
