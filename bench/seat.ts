/** One contender at work on one corpus: its folder, its repository, and what its commands are measured by. */

import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { bytesBelow, filesBelow } from './changes.ts';
import type { Contender, Session } from './contender.ts';
import { type Command, type Cost, measure, run } from './measure.ts';
import type { Server } from './s3.ts';

export interface Result<Case extends string> {
  readonly round: number;
  readonly contender: string;
  readonly case: Case;
  readonly cost: Cost;
  /** Bytes that the case added to the store. */
  readonly stored: number;
}

export interface SeatPlan<Case extends string> {
  readonly number: number;
  readonly source: string;
  /** For stores, targets and states. */
  readonly work: string;
  readonly contenders: readonly Contender[];
  readonly server: Server | null;
  readonly onResult: (result: Result<Case>) => void;
}

export interface Seat<Case extends string> {
  readonly session: Session;
  /** Runs the command, measured, and reports it as the case. Throws where it fails. */
  run(what: Case, command: Command): void;
  /** The newest backup into a new folder; throws where a sample of it is not as it lies in the source. */
  restoreAll(what: Case, files: readonly string[]): void;
  /** One of the files out of it; throws where it is not as in the source. */
  restoreOne(what: Case, files: readonly string[]): void;
}

/** A seat for each contender, each with a new repository; who comes first changes from round to round. */
export function takeSeats<Case extends string>(plan: SeatPlan<Case>): Seat<Case>[] {
  const { number, contenders } = plan;
  const order = number % 2 === 0 ? contenders : contenders.toReversed();
  return order.map((contender) => seatOf(plan, contender));
}

function seatOf<Case extends string>(plan: SeatPlan<Case>, contender: Contender): Seat<Case> {
  const { number, source, work, server } = plan;
  const prefix = contender.name.replaceAll(/\W+/g, '-');
  const folder = join(work, `round-${number}`, prefix);
  const store = join(folder, 'store');
  const home = join(folder, 'home');
  for (const one of [store, home]) mkdirSync(one, { recursive: true });
  const s3 = contender.speaksS3 === null ? null : (server?.at(contender.speaksS3, prefix) ?? null);
  const session = contender.prepare({ store, home, s3 }, source);
  const size = () => server?.bytesOf(prefix) ?? bytesBelow(store);
  const empty = (name: string) => {
    const target = join(folder, name);
    mkdirSync(target);
    return target;
  };
  const runs = (what: Case, command: Command) => {
    // What others left to be written must not be written on this one's time.
    run({ words: ['sync'] });
    const before = size();
    const cost = measure(command, folder);
    plan.onResult({ round: number, contender: contender.name, case: what, cost, stored: size() - before });
  };
  return {
    session,
    run: runs,
    restoreAll: (what, files) => {
      const target = empty('all');
      runs(what, session.restoreAll(target));
      const step = Math.ceil(files.length / 500);
      for (const file of files.filter((_, i) => i % step === 0))
        if (digest(file) !== digest(session.restored(file, target)))
          throw new Error(`${contender.name} restored ${file} with other content`);
    },
    restoreOne: (what, files) => {
      const one = files[Math.floor(files.length / 2)] ?? '';
      const target = empty('one');
      runs(what, session.restoreOne(one, target));
      if (!filesBelow(target).some((file) => digest(file) === digest(one)))
        throw new Error(`${contender.name} did not restore ${one}`);
    },
  };
}

/** Piece by piece, however large it is. */
function digest(file: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(8 << 20);
  const descriptor = openSync(file, 'r');
  for (let count = readSync(descriptor, piece); count > 0; count = readSync(descriptor, piece)) {
    hash.update(piece.subarray(0, count));
  }
  closeSync(descriptor);
  return hash.digest('hex');
}
