/**
 * Does anything wait that no function could deal with? The CloudWatch alarm rings once, when the queue stops being empty,
 * and not for what comes while it is red; so the queue is looked at daily too, and at each audit while it is a problem.
 */

import { instantText } from '../../contract/ids.ts';
import { problemKey, problemKind } from '../../contract/problem.ts';
import type { DeadLetterCount } from '../ports/dead-letters.ts';
import { readDocument } from './documents.ts';
import type { Pass } from './pass.ts';
import { closeOfStack, recordOfStack } from './problems.ts';

const KIND = 'dead-letters';
const PLACE = { kind: KIND, host: null, set: null } as const;
/** Some minutes less than a day, so that audits that come at the same minutes every day look every day. */
const EVERY = 24 * 3_600_000 - 10 * 60_000;

/** Looks where it is time to; `lookedAt` is for audit's place. What goes wrong is returned, and the next audit looks. */
export async function auditDeadLetters(
  pass: Pass,
  deadLetters: DeadLetterCount | undefined,
  lookedAt: string | null,
  now: Date,
): Promise<{ lookedAt: string | null; errors: unknown[] }> {
  if (deadLetters === undefined) return { lookedAt, errors: [] };
  try {
    const isTime = lookedAt === null || +now - Date.parse(lookedAt) >= EVERY;
    if (!isTime && !(await isOpen(pass))) return { lookedAt, errors: [] };
    const count = await deadLetters.count();
    if (count === 0) await closeOfStack(pass, KIND);
    else await recordOfStack(pass, KIND, { code: KIND, text: textOf(count), brief: `${count} waiting` });
    return { lookedAt: instantText(now), errors: [] };
  } catch (error) {
    return { lookedAt, errors: [error] };
  }
}

async function isOpen({ store }: Pass): Promise<boolean> {
  const { document } = await readDocument(store, problemKey(PLACE), problemKind);
  return document !== null && document.closed === null;
}

function textOf(count: number): string {
  return `${count} event${count === 1 ? '' : 's'} that no function could deal with wait${count === 1 ? 's' : ''} in the dead-letter queue`;
}
