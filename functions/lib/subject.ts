/** A run, the host it is of, and the slot that asked for it: what has to be known before anything can be judged. */

import { runInstant } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { type Verdict, verdictKind } from '../../contract/verdict.ts';
import type { RunPlace } from '../../repository/manifests.ts';
import { readDocument } from './documents.ts';
import { type FleetHistory, rulingAt } from './fleet-archive.ts';
import type { Pass } from './pass.ts';
import { type AskedBy, type Owner, ownerByDispatch, ownerOf, slotOfRun } from './whose-run.ts';

export interface Subject {
  readonly place: RunPlace;
  readonly owner: Owner;
  readonly slot: AskedBy | null;
  /** Where its verdict is kept. */
  readonly verdictKey: string;
  /** Where the newest runs of its set are kept. */
  readonly latestKey: string;
}

/** Null where the prefix is of no host that the fleet file names, or named at the time of the run. */
export async function subjectOf(pass: Pass, place: RunPlace): Promise<Subject | null> {
  const { store } = pass;
  const at = runInstant(place.run);
  const history = await historyUntil(pass, at);
  const owner = ownerOf(history, place.prefix, at) ?? (await ownerByDispatch(store, history, place));
  if (owner === null) return null;
  const slot = await slotOfRun(store, history, place, owner.node);
  const { set, run } = place;
  const names = { host: owner.host, set, run };
  return {
    place,
    owner,
    slot,
    verdictKey: verdictKey(names, slot),
    latestKey: objectKey({ kind: 'latest', ...names }),
  };
}

/** The pass knows the fleet files since its beginning; runs that an older run builds on or follows may be older. */
async function historyUntil({ history, fleets }: Pass, instant: Date): Promise<FleetHistory> {
  return rulingAt(history, instant) === null ? fleets.history(instant) : history;
}

/** Where the verdict about a run is kept. */
export function verdictKey(
  of: { host: string; set: string; run: string },
  slot: Pick<AskedBy, 'due' | 'policy'> | null,
): string {
  const { host, set, run } = of;
  if (slot === null) return objectKey({ kind: 'verdict', host, set, run });
  return objectKey({ kind: 'slot-verdict', due: slot.due, policy: slot.policy, host, set, run });
}

/** The stored verdict about a run of which nothing else is known; null where there is none. */
export async function storedVerdict(pass: Pass, place: RunPlace): Promise<Verdict | null> {
  const subject = await subjectOf(pass, place);
  return subject === null ? null : (await readDocument(pass.store, subject.verdictKey, verdictKind)).document;
}
