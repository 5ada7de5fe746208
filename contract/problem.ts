/** Problems told to people: one document for each kind, host and set, replaced when a new problem of that kind begins. */

import * as z from 'zod';
import { type DocumentOf, documentKind, field } from './document.ts';
import { objectKey } from './keys.ts';
import { reasonSchema } from './verdict.ts';

/** Stable; each has its heading in docs/runbook.md. */
export const PROBLEM_KINDS = [
  'missed',
  'late',
  'failed',
  'suspect',
  'partial',
  'fork',
  'unknown-node',
  'fleet-missing',
  'fleet-invalid',
] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

/** One slot or run that shows a problem. Those of the whole stack have neither. */
const incident = z.object({
  policy: field.policy.nullable(),
  due: field.instant.nullable(),
  run: field.run.nullable(),
  /** What it stands for in time, as in verdicts: the due minute, or the start of an unasked run. */
  at: field.instant,
});
export type Incident = z.infer<typeof incident>;

export const problemKind = documentKind('problem', {
  maxBytes: 4 * 1024 * 1024,
  shape: {
    kind: z.enum(PROBLEM_KINDS),
    /** Null for a problem of the whole stack. */
    host: field.host.nullable(),
    /** Null for a problem of the whole host or stack. */
    set: field.set.nullable(),
    /** The slot or run it began at. */
    began: incident,
    /** Why, as found at `began`. */
    reasons: z.array(reasonSchema).max(1000),
    recorded: field.instant,
    /** When its message was published; null until then, and again until somebody could be told. */
    told: field.instant.nullable(),
    /** What was found while it was open, the last hundred; no message of their own. */
    further: z.array(incident).max(100),
    furtherCount: field.count,
    /** How it ended; `told` is when that was published. */
    closed: z
      .object({
        at: field.instant,
        /** The accepted run that ended it; null where something else did. */
        run: field.run.nullable(),
        /** What that run stands for in time: whatever went wrong up to then has ended with it. */
        upTo: field.instant,
        told: field.instant.nullable(),
      })
      .nullable(),
  },
});
export type Problem = DocumentOf<typeof problemKind>;

/** Where the problem of this kind, host and set is kept. */
export function problemKey(of: { kind: ProblemKind; host: string | null; set: string | null }): string {
  return objectKey({ kind: 'alert', problem: `${of.kind}.${of.set ?? '-'}.${of.host ?? '-'}` });
}
