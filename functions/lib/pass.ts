/** One invocation of a function: the stack, and what it has looked up at its beginning. */

import { instantText } from '../../contract/ids.ts';
import { ALL_ALERTS } from '../../contract/keys.ts';
import type { Problem } from '../../contract/problem.ts';
import type { Stack } from '../stack.ts';
import type { FleetHistory } from './fleet-archive.ts';
import { type PrefixFinder, prefixFinder } from './node-prefixes.ts';

export interface Pass extends Stack {
  /** Back to the instant that the pass was begun with. */
  readonly history: FleetHistory;
  readonly prefixesOf: PrefixFinder;
  /** Problems that this pass began, and nobody else, by key: it is this one to tell of them. */
  readonly begun: Map<string, Problem>;
  /** Keys of problems that this pass has written. */
  readonly written: Set<string>;
  /** Keys under `alerts/` when the pass began; null where it did not look. */
  readonly alerts: ReadonlySet<string> | null;
}

/** Begins a pass that has to know which fleet file ruled since that instant. */
export async function beginPass(stack: Stack, since: Date): Promise<Pass> {
  const history = await stack.fleets.history(since);
  const prefixesOf = prefixFinder(stack.store);
  return { ...stack, history, prefixesOf, begun: new Map(), written: new Set(), alerts: null };
}

/** The pass, knowing which problems there are: a fleet of thousands has few, and need not be asked for each of them. */
export async function withAlerts(pass: Pass): Promise<Pass> {
  const alerts = new Set<string>();
  for await (const { key } of pass.store.list(ALL_ALERTS)) alerts.add(key);
  return { ...pass, alerts };
}

/** The present instant as documents spell it. */
export const nowText = ({ clock }: Pick<Stack, 'clock'>): string => instantText(clock.now());
