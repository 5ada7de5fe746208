/**
 * The daily digest, sent by the first audit at or after its due minute. It is published, and then audit's place says that
 * it was: who dies in between sends it twice, never not at all. Of those that were due while nobody audited one is sent.
 */

import { DEFAULT_DIGEST } from '../../contract/fleet.ts';
import { headOf } from '../../contract/heads.ts';
import { instantText } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { type AuditState, auditStateKind } from '../../contract/verdict.ts';
import { NobodyListens } from '../ports/notifier.ts';
import { dueDigest, nextDigest, noticeCounts, pausedHosts, stillStored, watchedCounts } from '../rules/digest.ts';
import { renderDigest } from '../rules/render-digest.ts';
import { digestFacts } from './digest-facts.ts';
import { changeDocument } from './documents.ts';
import type { Pass } from './pass.ts';

/** Of the last digest: when it was due, and up to when it said what was judged. */
export type LastDigest = NonNullable<AuditState['digest']>;

/** Whoever judges writes down what it found within so long. So a digest of what was judged up to then misses nothing. */
const WRITTEN_WITHIN = 15 * 60_000;
/** How far back it looks where it is not known what the last one said. */
const LOOKS_BACK = 2 * 86_400_000;

/** The last digest; where audit knows of none, as if one had been due when its place begins. */
export function lastDigest({ digest, cursor }: Pick<AuditState, 'digest' | 'cursor'>, now: Date): LastDigest {
  const start = instantText(new Date(Math.max(Date.parse(cursor), +now - LOOKS_BACK)));
  return digest ?? { due: start, upTo: start };
}

/**
 * Sends the digest where one is due after the last, which audit's place must name already, and says there that it was
 * sent. What goes wrong is returned, and the next audit tries again.
 */
export async function sendDigest(
  pass: Pass,
  last: LastDigest,
  now: Date,
): Promise<{ isSent: boolean; errors: unknown[] }> {
  const schedule = pass.history.rulings[0]?.fleet.digest ?? DEFAULT_DIGEST;
  try {
    const due = dueDigest(schedule, new Date(last.due), now);
    if (due === null) return { isSent: false, errors: [] };
    const from = new Date(last.upTo);
    const to = new Date(Math.max(+from, +now - WRITTEN_WITHIN));
    const errors = await send(pass, { schedule, due, last: new Date(last.due), from, to, now });
    await markSent(pass, { due: instantText(due), upTo: instantText(to) });
    return { isSent: true, errors };
  } catch (error) {
    // Of that nobody listens there is a problem already.
    return { isSent: false, errors: error instanceof NobodyListens ? [] : [error] };
  }
}

/** Another audit may have moved its place on meanwhile, and even have sent the same digest. */
async function markSent({ store }: Pass, sent: LastDigest): Promise<void> {
  await changeDocument(store, objectKey({ kind: 'audit-state' }), auditStateKind, (current) =>
    current === null || (current.digest?.due ?? '') >= sent.due ? null : { ...current, digest: sent },
  );
}

interface Sending {
  readonly schedule: string;
  readonly due: Date;
  readonly last: Date;
  readonly from: Date;
  readonly to: Date;
  readonly now: Date;
}

async function send(pass: Pass, { schedule, due, last, from, to, now }: Sending): Promise<unknown[]> {
  const fleet = pass.history.rulings[0]?.fleet ?? null;
  const { records, open, verdicts, errors } = await digestFacts(pass, from);
  const message = renderDigest({
    ...{ due, last, next: nextDigest(schedule, now), open, unread: errors.length },
    watched: fleet === null ? null : watchedCounts(fleet),
    notices: noticeCounts(verdicts, { from, to }),
    paused: fleet === null ? [] : pausedHosts(fleet, now),
    stillStored: fleet === null ? [] : stillStored(fleet, records, now),
    heads: records.flatMap((record) => headOf(record) ?? []),
    store: fleet?.store ?? pass.store.url,
    displayName: pass.notifier.displayName,
  });
  await pass.notifier.publish({ topic: 'alerts', ...message });
  return [...errors];
}
