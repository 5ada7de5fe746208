/** Telling other programs. On AWS these are EventBridge events; at least once, in no order. */

import type { VerdictOutcome } from '../../contract/verdict.ts';

export interface Events {
  emit(event: RunJudged): Promise<void>;
}

/** A run was judged, or judged again: the newest `judged` counts. */
export interface RunJudged {
  readonly kind: 'run-judged';
  readonly host: string;
  readonly set: string;
  readonly run: string;
  readonly policy: string | null;
  readonly due: string | null;
  readonly outcome: VerdictOutcome;
  readonly accepted: boolean;
  readonly judged: string;
}
