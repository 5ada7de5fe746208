/** What a slot asks for: by the schedule that ruled at its due minute, and by what was really dispatched. */

import { runIdForSlot } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { type Expected, expectedKind } from '../../contract/verdict.ts';
import { type AskedRun, slotAt } from '../rules/slots.ts';
import { readDocument } from './documents.ts';
import { rulingAt } from './fleet-archive.ts';
import type { Pass } from './pass.ts';

export interface AskedSlot {
  readonly policy: string;
  readonly due: Date;
  readonly deadline: Date;
  /** Each run once, whichever of the two sources names it. */
  readonly asked: readonly AskedRun[];
  /** What was dispatched; null where nothing was. */
  readonly expected: Expected | null;
}

/**
 * The union of both, because either may be wrong alone: dispatch may not have run, and the fleet file's history may have
 * been lost. Null where neither knows of the slot. A damaged `expected.json` counts as absent.
 */
export async function askedSlot(pass: Pass, policy: string, due: Date): Promise<AskedSlot | null> {
  const ruling = rulingAt(pass.history, due);
  const slot = ruling === null ? null : slotAt(ruling.fleet, policy, due);
  const { document: expected } = await readDocument(
    pass.store,
    objectKey({ kind: 'expected', policy, due }),
    expectedKind,
  );
  const deadlines = [slot?.deadline, expected === null ? undefined : new Date(expected.deadline)];
  const deadline = deadlines.filter((one) => one !== undefined).sort((one, other) => +other - +one)[0];
  if (deadline === undefined) return null;
  return { policy, due, deadline, asked: unionOf(slot?.asked ?? [], expected), expected };
}

/** The last union made with a document: audit makes the same ones time and again, of thousands of runs each. */
const unions = new WeakMap<
  Expected,
  { readonly scheduled: readonly AskedRun[]; readonly union: readonly AskedRun[] }
>();

function unionOf(scheduled: readonly AskedRun[], expected: Expected | null): readonly AskedRun[] {
  if (expected === null) return scheduled;
  const known = unions.get(expected);
  if (known?.scheduled === scheduled) return known.union;
  const union = new Map(
    [...scheduled, ...dispatched(expected)].map((run) => [`${run.host}/${run.set}/${run.run}`, run]),
  );
  unions.set(expected, { scheduled, union: [...union.values()] });
  return [...union.values()];
}

function dispatched({ policy, due: dueText, batches }: Expected): AskedRun[] {
  const due = new Date(dueText);
  return batches
    .flat()
    .flatMap(({ host, node, sets }) =>
      sets.map((set) => ({ host, node, set, run: runIdForSlot({ policy, due, node, set }) })),
    );
}
