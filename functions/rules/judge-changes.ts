/** Does a run look like those before it? Pure: its figures against those that the set's own accepted runs left. */

import { type ChangeFacts, type Figures, LIMITS, type Limits } from './changes.ts';
import type { CodedReason } from './findings.ts';
import { growthRule, shrinkRule } from './judge-levels.ts';
import { packedRule, replacedRule } from './judge-replaced.ts';

/** What of a run is unlike those before it, the gravest first: content, then how much is gone or came. */
export function changeRules(figures: Figures, facts: ChangeFacts, limits: Limits = LIMITS): CodedReason[] {
  const content = figures.actual === 'full' ? packedRule : replacedRule;
  const found = [content(figures, facts, limits) ?? doubtRule(figures, facts)];
  found.push(shrinkRule(figures, facts, limits), growthRule(figures, facts, limits));
  return found.filter((reason) => reason !== null);
}

/** A full reads all and says nothing of what changed: it must not make good what an incremental before it showed. */
function doubtRule({ actual }: Figures, { doubted }: ChangeFacts): CodedReason | null {
  if (actual !== 'full' || doubted === null) return null;
  const text = `it is a full, which does not show what changed, and run ${doubted} before it was unusual and is not accepted`;
  return { code: 'after-unusual', text, brief: 'a full after an unusual run' };
}
