/** One invocation of a function: the stack, and what it has looked up at its beginning. */

import { instantText } from '../../contract/ids.ts';
import type { Stack } from '../stack.ts';
import type { FleetHistory } from './fleet-archive.ts';
import { type PrefixFinder, prefixFinder } from './node-prefixes.ts';

export interface Pass extends Stack {
  /** Back to the instant that the pass was begun with. */
  readonly history: FleetHistory;
  readonly prefixesOf: PrefixFinder;
}

/** Begins a pass that has to know which fleet file ruled since that instant. */
export async function beginPass(stack: Stack, since: Date): Promise<Pass> {
  return { ...stack, history: await stack.fleets.history(since), prefixesOf: prefixFinder(stack.store) };
}

/** The present instant as documents spell it. */
export const nowText = ({ clock }: Pick<Stack, 'clock'>): string => instantText(clock.now());
