/** One round of one corpus: every contender goes through the same cases, in turn, each in new folders. */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../system/clock.ts';
import { bytesBelow, changeOnePercent, filesBelow, touchAll } from './changes.ts';
import type { Contender, Session } from './contender.ts';
import { type Command, type Cost, measure, run } from './measure.ts';
import type { Server } from './s3.ts';

export const CASES = ['full', 'unchanged', 'touched', 'changed 1 %', 'restore all', 'restore one'] as const;
export type Case = (typeof CASES)[number];

export interface Result {
  readonly round: number;
  readonly contender: string;
  readonly case: Case;
  readonly cost: Cost;
  /** Bytes that the case added to the store. */
  readonly stored: number;
}

export interface RoundPlan {
  readonly number: number;
  readonly source: string;
  /** For stores, targets and states. */
  readonly work: string;
  readonly contenders: readonly Contender[];
  readonly cases: ReadonlySet<Case>;
  readonly server: Server | null;
  readonly onResult: (result: Result) => void;
}

interface Seat {
  readonly contender: Contender;
  readonly folder: string;
  readonly store: string;
  readonly session: Session;
}

/** Runs all cases; who comes first changes from round to round. */
export function runRound(plan: RoundPlan): void {
  const { number, source, work, contenders, server } = plan;
  const order = number % 2 === 0 ? contenders : contenders.toReversed();
  const seats = order.map((contender): Seat => {
    const folder = join(work, `round-${number}`, prefixOf(contender));
    const store = join(folder, 'store');
    for (const one of [store, join(folder, 'home')]) mkdirSync(one, { recursive: true });
    const s3 = contender.speaksS3 === null ? null : (server?.at(contender.speaksS3, prefixOf(contender)) ?? null);
    const session = contender.prepare({ store, home: join(folder, 'home'), s3 }, source);
    return { contender, folder, store, session };
  });
  const files = filesBelow(source);
  const backup = (what: Case, command: (session: Session) => Command) => {
    for (const seat of seats) measured(plan, seat, what, command(seat.session));
  };
  backup('full', (session) => session.full());
  if (plan.cases.has('unchanged')) backup('unchanged', (session) => session.incremental());
  if (plan.cases.has('touched')) {
    touchAll(files, new Date(systemClock.now().getTime() - 3_600_000));
    backup('touched', (session) => session.incremental());
  }
  if (plan.cases.has('changed 1 %')) {
    changeOnePercent(files, `round ${number}`);
    backup('changed 1 %', (session) => session.incremental());
  }
  for (const seat of seats) restores(plan, seat, files);
}

const prefixOf = ({ name }: Contender): string => name.replaceAll(/\W+/g, '-');

function restores(plan: RoundPlan, seat: Seat, files: readonly string[]): void {
  const one = files[Math.floor(files.length / 2)] ?? '';
  const empty = (name: string) => {
    const target = join(seat.folder, name);
    mkdirSync(target);
    return target;
  };
  if (plan.cases.has('restore all')) {
    const target = empty('all');
    measured(plan, seat, 'restore all', seat.session.restoreAll(target));
    for (let i = 0; i < files.length; i += Math.ceil(files.length / 500)) {
      const file = files[i] ?? one;
      assertSame(file, seat.session.restored(file, target), seat);
    }
  }
  if (plan.cases.has('restore one')) {
    const target = empty('one');
    measured(plan, seat, 'restore one', seat.session.restoreOne(one, target));
    if (!filesBelow(target).some((file) => digest(file) === digest(one)))
      throw new Error(`${seat.contender.name} did not restore ${one}`);
  }
}

function measured(plan: RoundPlan, { contender, folder, store }: Seat, what: Case, command: Command): void {
  // What others left to be written must not be written on this one's time.
  run({ words: ['sync'] });
  const size = () => plan.server?.bytesOf(prefixOf(contender)) ?? bytesBelow(store);
  const before = size();
  const cost = measure(command, folder);
  const stored = size() - before;
  plan.onResult({ round: plan.number, contender: contender.name, case: what, cost, stored });
}

function assertSame(file: string, restored: string, { contender }: Seat): void {
  if (digest(file) !== digest(restored)) throw new Error(`${contender.name} restored ${file} with other content`);
}

function digest(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
