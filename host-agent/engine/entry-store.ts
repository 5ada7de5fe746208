/**
 * The entries that are not simply the base's: what they are is told at once, or when their content has been read by the
 * crew. Their places in the listing are kept meanwhile.
 */

import { OffsiteError } from '../../contract/errors.ts';
import { lookAt } from '../source/file-stat.ts';
import { errnoOf, type Found, isGone, type Unseen } from '../source/scan.ts';
import type { BaseEntry } from '../state/entry-blocks.ts';
import {
  BATCH_BYTES,
  BATCH_FILES,
  type Batch,
  type BatchResult,
  type FileOutcome,
  packFiles,
  stampOf,
  unpackOutcomes,
} from './batch.ts';
import { SEGMENT } from './chunker.ts';
import type { Crew } from './crew.ts';
import type { LineQueue, Slot } from './lines.ts';
import { LinkGroups, type Member } from './link-groups.ts';
import type { PartUploads } from './part-uploads.ts';
import { SegmentedFile, segmentsOf } from './segments.ts';
import {
  type Done,
  type EntryPorts,
  isUnchanged,
  knownEntry,
  otherEntry,
  readEntry,
  unreadableEntry,
  unseenEntry,
} from './store-entry.ts';
import type { Uploads } from './uploads.ts';

/** A file of more than this is worth a thread's start. */
const WORTH_A_THREAD = 16 * 2 ** 20;

/** How often a path is looked at again that is something else each time. */
const MAX_LOOKS = 3;

/** A file on its way through the crew. */
interface Task extends Member {
  readonly found: Found;
  readonly before: BaseEntry | null;
  readonly slot: Slot;
  readonly looks: number;
}

export interface EntryStorePorts extends EntryPorts {
  readonly crew: Crew;
  readonly parts: PartUploads;
  readonly uploads: Uploads;
  /** Entries whose ctime is not older than this may have changed within the same tick of the clock. Nanoseconds. */
  readonly settledBefore: bigint;
  readonly signal?: AbortSignal | undefined;
  /** Called when content has been read, with how much. */
  onRead(bytes: number, newBytes: number): void;
}

export class EntryStore {
  readonly #ports: EntryStorePorts;
  readonly #lines: LineQueue;
  readonly #links: LinkGroups<Task>;
  /** What each batch under way is of. */
  readonly #underWay = new Map<number, { tasks: Task[]; segment: { file: SegmentedFile; from: number } | null }>();
  #batches = 0;
  /** Batches that nobody has begun: full ones, segments of a big file, files that must be read whole. */
  #ready: Iterator<() => void>[] = [];
  #gathered: Task[] = [];
  #gatheredBytes = 0;
  /** The first batch, until there is another one: threads are not worth their start for one. */
  #held: Task[] | null = null;

  constructor(lines: LineQueue, ports: EntryStorePorts) {
    this.#lines = lines;
    this.#ports = ports;
    this.#links = new LinkGroups(
      (task) => this.#read(task),
      ({ slot }, done) => this.#fill(slot, done),
    );
  }

  /** Takes an entry; its place in the listing is the next one. */
  store(found: Found | Unseen, before: BaseEntry | null): void {
    this.#look(found, before, this.#lines.reserve(), 1);
  }

  /** True where `advance` has something to do. */
  get isWaiting(): boolean {
    return this.#ready.length > 0 || this.#ports.crew.hasEvents || this.#lines.isFull;
  }

  /** Hands out what is ready and takes what is done, until another entry may come. */
  async advance(): Promise<void> {
    await this.#handOut();
    for (let closed = -1; this.#lines.isFull; ) {
      // Also what became ready while this waited: a file that is another one by now, or must be read whole.
      this.#handOver(false);
      this.#release(false);
      await this.#handOut();
      if (closed !== this.#batches) this.#ports.crew.closeFrames();
      closed = this.#batches;
      if (this.#lines.isFull) await this.#event();
    }
  }

  /** Waits for everything: when it returns, every part is on its way, and every place in the listing is filled. */
  async finish(): Promise<void> {
    const { crew } = this.#ports;
    for (;;) {
      this.#handOver(false);
      this.#release(false);
      await this.#handOut();
      const isBusy = this.#underWay.size > 0 || this.#ready.length > 0 || crew.hasEvents;
      // Lines may wait all the same, for a frame that is closed below.
      if (!isBusy && this.#gathered.length === 0) break;
      if (this.#underWay.size > 0) await this.#event();
    }
    crew.flush();
    while (!crew.isFlushed) await this.#event();
    this.#takeEvents();
    this.#lines.drain();
  }

  #look(found: Found | Unseen, before: BaseEntry | null, slot: Slot, looks: number): void {
    if (found.stat === null) this.#fill(slot, unseenEntry(found, before, this.#ports));
    else if (found.stat.type === 'file') {
      const unchanged = isUnchanged(found, before, this.#ports.settledBefore) ? before : null;
      this.#links.add({ found, before, unchanged, slot, looks });
    } else {
      const done = otherEntry(found, before, this.#ports);
      if (done === 'replaced') this.#lookAgain(found, before, slot, looks);
      else this.#fill(slot, done);
    }
  }

  /** Something else lies there by now. */
  #lookAgain(found: Found, before: BaseEntry | null, slot: Slot, looks: number): void {
    const now = lstatAgain(found);
    if (now === null) {
      this.#ports.tally.warn('vanished', found.path, 'gone between the scan and its reading');
      this.#fill(slot, null);
    } else if (looks < MAX_LOOKS) this.#look(now, before, slot, looks + 1);
    else this.#fill(slot, unseenEntry({ ...found, stat: null, error: 'EAGAIN' }, before, this.#ports));
  }

  #fill(slot: Slot, done: Done | null): void {
    slot.done = done;
    this.#lines.drain();
  }

  /** Has a file read, unless it is only a further name whose content the base knows. */
  #read(task: Task): void {
    const { found, unchanged } = task;
    if (unchanged !== null) {
      this.#links.end(task, knownEntry(found, unchanged));
      return;
    }
    if (Number(found.stat.size) > SEGMENT) {
      this.#makeReady(this.#segments(task));
      return;
    }
    this.#gathered.push(task);
    this.#gatheredBytes += Number(found.stat.size);
    if (this.#gathered.length >= BATCH_FILES || this.#gatheredBytes >= BATCH_BYTES) this.#handOver(true);
  }

  *#segments(task: Task): Generator<() => void> {
    const file = new SegmentedFile(task.found.stat);
    for (const segment of segmentsOf(task.found.stat)) {
      yield () => this.#give([task], true, { file, from: segment[0] }, segment);
    }
  }

  /** The files gathered so far become a batch. */
  #handOver(isFull: boolean): void {
    const [tasks, bytes] = [this.#gathered, this.#gatheredBytes];
    if (tasks.length === 0) return;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (this.#batches === 0 && this.#held === null && bytes <= WORTH_A_THREAD) this.#held = tasks;
    else this.#makeReady([() => this.#give(tasks, isFull, null, null)].values(), isFull);
  }

  /** There is more than one batch. */
  #makeReady(batches: Iterator<() => void>, isWorthThreads = true): void {
    this.#release(isWorthThreads);
    this.#ready.push(batches);
  }

  /** Nobody waits for another batch any more. */
  #release(isWorthThreads: boolean): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#ready.push([() => this.#give(held, isWorthThreads, null, null)].values());
  }

  #give(
    tasks: Task[],
    isWorthThreads: boolean,
    segment: { file: SegmentedFile; from: number } | null,
    range: Batch['segment'],
  ): void {
    const id = this.#batches++;
    this.#underWay.set(id, { tasks, segment });
    const files = packFiles(tasks.map(({ found }) => found.file));
    const stamps = stampOf(tasks.map(({ found }) => found.stat));
    this.#ports.crew.give({ id, files, stamps, segment: range }, isWorthThreads);
  }

  async #handOut(): Promise<void> {
    const { crew, uploads } = this.#ports;
    this.#takeEvents();
    for (let [first] = this.#ready; first !== undefined; [first] = this.#ready) {
      if (crew.isFull) {
        await this.#event();
        continue;
      }
      const { value, done } = first.next();
      if (done) this.#ready.shift();
      else value();
      this.#takeEvents();
      // Threads wait for memory on their own.
      if (crew.worksHere && uploads.isFull) await uploads.room();
    }
  }

  async #event(): Promise<void> {
    await this.#ports.crew.wait(this.#ports.signal);
    this.#takeEvents();
  }

  #takeEvents(): void {
    const { crew, parts, uploads, onRead } = this.#ports;
    uploads.check();
    for (const event of crew.takeEvents()) {
      if (event.is === 'part') parts.start(event.part, event.release);
      else if (event.is === 'closed') this.#lines.drain();
      else if (event.is === 'batch') {
        onRead(this.#takeBatch(event.result), event.result.newBytes);
        this.#lines.drain();
      }
    }
  }

  /** How much of content was read. */
  #takeBatch({ id, outcomes }: BatchResult): number {
    const batch = this.#underWay.get(id);
    if (batch === undefined) throw new OffsiteError('internal', 'a batch is done that was not given');
    this.#underWay.delete(id);
    const { tasks, segment } = batch;
    let [at, bytes] = [0, 0];
    for (const outcome of unpackOutcomes(outcomes, (at) => Number(tasks[at]?.found.stat.size))) {
      if (outcome.is === 'read') bytes += outcome.end - (segment?.from ?? 0);
      this.#take(tasks[at++] as Task, outcome, segment);
    }
    return bytes;
  }

  #take(task: Task, outcome: FileOutcome, segment: { file: SegmentedFile; from: number } | null): void {
    if (segment === null) {
      this.#finishFile(task, outcome);
      return;
    }
    const joined = segment.file.take(segment.from, outcome);
    if (joined === undefined) return;
    if (joined.done !== null) this.#finishFile(task, joined.done);
    else this.#makeReady([() => this.#give([task], true, null, null)].values());
  }

  #finishFile(task: Task, outcome: FileOutcome): void {
    const { found, before, slot, looks } = task;
    if (outcome.is === 'read') this.#links.end(task, readEntry(found, outcome, this.#ports));
    else if (outcome.is === 'unreadable')
      this.#links.end(task, unreadableEntry(found, before, outcome.error, this.#ports));
    else {
      this.#links.leave(task);
      this.#lookAgain(found, before, slot, looks);
    }
  }
}

/** Null where it is gone. */
function lstatAgain(found: Found): Found | Unseen | null {
  try {
    return { ...found, stat: lookAt(found.file) };
  } catch (cause) {
    const error = errnoOf(cause);
    return isGone(error) ? null : { path: found.path, root: found.root, stat: null, error };
  }
}
