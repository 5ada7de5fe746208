/**
 * The daily digest, sent by the first audit at or after its due minute. It is published, and then audit's place says that
 * it was: who dies in between sends it twice, never not at all. Of those that were due while nobody audited one is sent.
 */

import { DEFAULT_DIGEST } from '../../contract/fleet.ts';
import { headOf } from '../../contract/heads.ts';
import { instantText } from '../../contract/ids.ts';
import type { AuditState } from '../../contract/verdict.ts';
import { NobodyListens } from '../ports/notifier.ts';
import { dueDigest, nextDigest, noticeCounts, pausedHosts, stillStored, watchedCounts } from '../rules/digest.ts';
import { renderDigest } from '../rules/render-digest.ts';
import { digestFacts } from './digest-facts.ts';
import type { Pass } from './pass.ts';

export interface DigestReport {
  /** For audit's place. */
  readonly digest: NonNullable<AuditState['digest']>;
  readonly isSent: boolean;
  readonly errors: readonly unknown[];
}

/** Whoever judges writes down what it found within so long. So a digest of what was judged up to then misses nothing. */
const WRITTEN_WITHIN = 15 * 60_000;
/** How far back it looks where it is not known what the last one said. */
const LOOKS_BACK = 2 * 86_400_000;

/** Sends the digest where one is due and would be heard. What goes wrong is returned, and the next audit tries again. */
export async function sendDigest(
  pass: Pass,
  { digest, cursor }: Pick<AuditState, 'digest' | 'cursor'>,
  { now, somebodyListens }: { now: Date; somebodyListens: boolean },
): Promise<DigestReport> {
  const schedule = pass.history.rulings[0]?.fleet.digest ?? DEFAULT_DIGEST;
  const last = digest ?? beginning(cursor, now);
  try {
    const due = dueDigest(schedule, new Date(last.due), now);
    if (due === null || !somebodyListens) return { digest: last, isSent: false, errors: [] };
    const from = new Date(last.upTo);
    const to = new Date(Math.max(+from, +now - WRITTEN_WITHIN));
    const errors = await send(pass, { schedule, due, last: new Date(last.due), from, to, now });
    return { digest: { due: instantText(due), upTo: instantText(to) }, isSent: true, errors };
  } catch (error) {
    // Of that nobody listens there is a problem already.
    return { digest: last, isSent: false, errors: error instanceof NobodyListens ? [] : [error] };
  }
}

/** As if one had been due when audit's place begins: the first one comes when one is due after that. */
function beginning(cursor: string, now: Date): NonNullable<AuditState['digest']> {
  const start = instantText(new Date(Math.max(Date.parse(cursor), +now - LOOKS_BACK)));
  return { due: start, upTo: start };
}

interface Sending {
  readonly schedule: string;
  readonly due: Date;
  readonly last: Date;
  readonly from: Date;
  readonly to: Date;
  readonly now: Date;
}

async function send(pass: Pass, { schedule, due, last, from, to, now }: Sending): Promise<readonly unknown[]> {
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
  return errors;
}
