/** What one run of one set came to, as `backup --json` shows it. */

import type { OffsiteError } from '../../contract/errors.ts';
import type { Manifest, Outcome } from '../../contract/manifest.ts';

export interface RunResult {
  readonly set: string;
  readonly run: string | null;
  /** `duplicate`: this run was made already; `skipped`: another run holds the set; `dry-run`: nothing was written. */
  readonly outcome: Outcome | 'duplicate' | 'skipped' | 'dry-run';
  readonly manifest: Manifest | null;
  readonly error: OffsiteError | null;
}

/** Of several sets the worst decides: 1 failed, 2 usage or config, 3 partial or suspect, 75 busy, 0 all well. */
export function exitCodeOf(results: readonly RunResult[]): number {
  const codes = results.map(codeOf);
  return [1, 2, 3, 75].find((code) => codes.includes(code)) ?? 0;
}

function codeOf({ outcome, error }: RunResult): number {
  switch (outcome) {
    case 'failed':
      return error?.exitCode === 2 ? 2 : 1;
    case 'skipped':
      return 75;
    case 'partial':
    case 'suspect':
      return 3;
    default:
      return 0;
  }
}
