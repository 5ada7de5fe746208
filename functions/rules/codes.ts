/** Every code that people meet in messages, verdicts and digests: stable, each with its place in docs/runbook.md. */

import type { ProblemKind } from '../../contract/problem.ts';

/** By the kind of problem that they make; where kind and code are the same there is nothing more to tell apart. */
export const ALERT_CODES = {
  missed: ['never-started', 'not-asked', 'busy', 'never-finished'],
  late: ['still-running'],
  failed: ['script', 'host-failed', 'command', 'signature', 'shape', 'format', 'pin'],
  suspect: [
    'gate',
    'shrink',
    'growth',
    'changed',
    'compressibility',
    'after-unusual',
    'object-missing',
    'object-damaged',
    'object-unhashed',
    'source-missing',
    'source-damaged',
    'base',
    'recipients',
    'name',
    'early',
    'sequence',
    'previous-unknown',
    'ledger-unknown',
    'host-suspect',
  ],
  partial: ['partial'],
  fork: ['fork'],
  unjudged: ['unjudged'],
  'unknown-node': ['unknown-node'],
  'not-dispatched': ['not-dispatched'],
  'not-judged': ['not-judged'],
  'fleet-missing': ['fleet-missing'],
  'fleet-invalid': ['fleet-invalid'],
  'dead-letters': ['dead-letters'],
  'no-subscriber': ['no-subscriber'],
} as const satisfies Record<ProblemKind, readonly string[]>;

export type AlertCode = (typeof ALERT_CODES)[ProblemKind][number];

/** Worth a line in the digest; they doubt nothing and alert nobody. */
export const NOTICE_CODES = [
  'first',
  'new-prefix',
  'uncertified',
  'late',
  'clock',
  'promoted',
  'state-lost',
  'config',
  'unusual',
] as const;

export type NoticeCode = (typeof NOTICE_CODES)[number];
