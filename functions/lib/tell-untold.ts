/** Problems that were recorded and whose telling got lost: published anew. */

import { ALL_ALERTS, parseObjectKey } from '../../contract/keys.ts';
import { problemKind } from '../../contract/problem.ts';
import { everyOf } from '../../repository/concurrent.ts';
import { untold } from '../rules/alerts.ts';
import { readDocument } from './documents.ts';
import type { Pass } from './pass.ts';
import { announce } from './problems.ts';

/** Whoever recorded a problem has so long to tell it. */
const PATIENCE = 5 * 60_000;
/** How far the store's clock, which dates the documents, may be from ours. */
const CLOCKS_DIFFER = 60 * 60_000;
const PROBLEMS_AT_ONCE = 8;

/**
 * Looks at every problem that was written since `since` and publishes what nobody was told for five minutes. Marking a
 * problem as told writes it, so whatever is older has been told; `allToldBefore` is where the next audit may begin, and
 * stays where it is as long as somebody cannot be told.
 */
export async function tellUntold(
  pass: Pass,
  since: Date,
  now: Date,
): Promise<{ told: number; allToldBefore: Date; errors: unknown[] }> {
  const keys: string[] = [];
  for await (const { key, lastModified } of pass.store.list(ALL_ALERTS)) {
    const isRecent = +lastModified >= +since - CLOCKS_DIFFER;
    if (isRecent && parseObjectKey(key)?.kind === 'alert') keys.push(key);
  }
  let told = 0;
  let oldestWaiting = +now;
  const errors = await everyOf(keys, PROBLEMS_AT_ONCE, async (key) => {
    const { document } = await readDocument(pass.store, key, problemKind);
    if (document === null || untold(document) === null) return;
    const recorded = Date.parse(document.closed?.at ?? document.recorded);
    if (recorded > +now - PATIENCE) {
      oldestWaiting = Math.min(oldestWaiting, recorded);
      return;
    }
    await announce(pass, [document]);
    told++;
  });
  return { told, allToldBefore: errors.length > 0 ? since : new Date(oldestWaiting), errors };
}
