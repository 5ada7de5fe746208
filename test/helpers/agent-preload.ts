/**
 * Loaded into a real agent before its own code (`NODE_OPTIONS=--import=…`): does to it what $OFFSITE_TEST_FAULTS says.
 * See agent-process.ts.
 */

import { execFileSync } from 'node:child_process';
import { appendFileSync, truncateSync, unlinkSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { type Call, liveAsProcess, type Saboteur, type Verdict } from './agent-faults.ts';

/** What is done to one agent; several at once are possible. */
export interface Faults {
  /** The directory store's folder: its puts are counted. */
  readonly store: string;
  /** SIGKILL before or after the n-th put. */
  readonly dieAtPut?: { readonly n: number; readonly when: 'before' | 'after' };
  /** SIGKILL before the n-th call that changes something on disk, or halfway through it. */
  readonly dieAtChange?: { readonly n: number; readonly halfway: boolean };
  /** The n-th put is done, and its caller gets an error. */
  readonly losePut?: number;
  /** From the n-th call that changes something under the folder on: no room. */
  readonly noRoom?: { readonly under: string; readonly from: number };
  readonly failReading?: { readonly file: string; readonly errno: string };
  /** The thread that opens this file is gone without a word; the process goes on. */
  readonly endThread?: { readonly file: string };
  /** What happens to a file between lstat and open. */
  readonly turn?: { readonly file: string; readonly into: 'shorter' | 'longer' | 'nothing' | 'fifo' | 'symlink' };
  /** Files under the folder that are opened are written down here, one a line. */
  readonly openedUnder?: { readonly folder: string; readonly log: string };
  /** The instant at which the process begins. */
  readonly clock?: string;
}

/** A put ends with link() to the object's name. */
const isPut = (call: Call, store: string) =>
  call.name === 'link' && call.to?.startsWith(`${store}/`) === true && !call.to.startsWith(`${store}/.offsite/`);

function saboteurOf(faults: Faults): Saboteur {
  let [puts, changes, changesUnder] = [0, 0, 0];
  let hasTurned = false;
  const before = (call: Call): Verdict => {
    if (isPut(call, faults.store)) puts++;
    if (call.changes) changes++;
    const { dieAtPut, dieAtChange, noRoom, failReading, endThread, turn, openedUnder } = faults;
    if (dieAtPut?.when === 'before' && isPut(call, faults.store) && puts === dieAtPut.n) return 'die';
    if (dieAtChange !== undefined && call.changes && changes === dieAtChange.n) {
      return dieAtChange.halfway ? 'die-halfway' : 'die';
    }
    if (noRoom !== undefined && call.changes && call.name !== 'unlink' && call.path.startsWith(noRoom.under)) {
      if (++changesUnder >= noRoom.from) return { errno: 'ENOSPC' };
    }
    if (call.name === 'read' && call.path === failReading?.file) return { errno: failReading.errno };
    if (call.name !== 'open') return undefined;
    if (call.path === endThread?.file && !isMainThread) process.exit(0);
    if (call.path === turn?.file && !hasTurned) {
      hasTurned = true;
      TURNS[turn.into](turn.file);
    }
    if (openedUnder !== undefined && call.path.startsWith(openedUnder.folder)) {
      appendFileSync(openedUnder.log, `${call.path}\n`);
    }
    return undefined;
  };
  const after = (call: Call): Verdict => {
    if (!isPut(call, faults.store)) return undefined;
    if (faults.dieAtPut?.when === 'after' && puts === faults.dieAtPut.n) return 'die';
    return faults.losePut === puts ? { errno: 'EIO' } : undefined;
  };
  return { before, after };
}

const TURNS: Record<NonNullable<Faults['turn']>['into'], (file: string) => void> = {
  shorter: (file) => truncateSync(file, 5),
  longer: (file) => appendFileSync(file, ' and more'),
  nothing: (file) => unlinkSync(file),
  fifo: (file) => {
    unlinkSync(file);
    execFileSync('mkfifo', [file]);
  },
  symlink: (file) => {
    unlinkSync(file);
    execFileSync('ln', ['-s', 'elsewhere', file]);
  },
};

/** From here on the time is another one, which goes on as time does. */
function setClock(instant: string): void {
  const RealDate = Date;
  const offset = RealDate.parse(instant) - RealDate.now();
  globalThis.Date = class extends RealDate {
    constructor(...values: [] | [number | string | Date]) {
      if (values.length === 0) super(RealDate.now() + offset);
      else super(...(values as [number]));
    }
    static override now(): number {
      return RealDate.now() + offset;
    }
  } as DateConstructor;
}

const text = process.env.OFFSITE_TEST_FAULTS;
if (text !== undefined) {
  const faults = JSON.parse(text) as Faults;
  if (faults.clock !== undefined) setClock(faults.clock);
  liveAsProcess(saboteurOf(faults));
}
