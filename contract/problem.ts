/**
 * Problems told to people: one document for each kind and what it is of (a host's set, a host, a policy, the stack),
 * replaced when a new problem of that kind begins. docs/alerts.md has the rules.
 */

import * as z from 'zod';
import { type DocumentOf, documentKind, field } from './document.ts';
import { ALL_ALERTS, objectKey, parseObjectKey } from './keys.ts';
import { reasonSchema } from './verdict.ts';

/** Stable; each has its heading in docs/runbook.md. */
export const PROBLEM_KINDS = [
  'missed',
  'late',
  'failed',
  'suspect',
  'partial',
  'fork',
  'unjudged',
  'unknown-node',
  'not-dispatched',
  'not-judged',
  'fleet-missing',
  'fleet-invalid',
  'dead-letters',
  'no-subscriber',
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
    /** Null for a problem of the whole host, a policy or the stack. */
    set: field.set.nullable(),
    /** Of a problem that is a policy's own; null for all others, also for those of one slot's run. */
    policy: field.policy.nullable().default(null),
    /** The slot or run it began at. */
    began: incident,
    /** Why, as found at `began`. */
    reasons: z.array(reasonSchema).max(1000),
    recorded: field.instant,
    /** When its message was published; null until then, and for one that is told with another (see `under`). */
    told: field.instant.nullable(),
    /** Key of the problem that it is told with: while that one is open it gets no message of its own. */
    under: z.string().max(256).nullable().default(null),
    /** How many of the times at which it was to be repeated have passed. */
    repeats: field.count.default(0),
    /** When messages about this document went out, the last eight, over all problems that were kept in it. */
    spoken: z.array(field.instant).max(8).default([]),
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

/** What a problem is of: a host's set, a host, a policy, or (without any) the whole stack. */
export interface ProblemPlace {
  readonly kind: ProblemKind;
  readonly host: string | null;
  readonly set: string | null;
  readonly policy?: string | null;
}

/** Where the problem of this kind and place is kept. */
export function problemKey({ kind, host, set, policy }: ProblemPlace): string {
  return objectKey({ kind: 'alert', problem: `${kind}.${set ?? '-'}.${host ?? policy ?? '-'}` });
}

/** What the keys of all problems of a kind begin with. */
export const problemsOfKind = (kind: ProblemKind): string => `${ALL_ALERTS}${kind}.`;

/** The inverse of problemKey; null for every other key, and for problems of kinds that this version does not know. */
export function problemPlace(key: string): Required<ProblemPlace> | null {
  const place = parseObjectKey(key);
  if (place?.kind !== 'alert') return null;
  const [, name, set = '-', of = '-'] = /^([^.]+)\.([^.]+)\.(.+)$/.exec(place.problem) ?? [];
  const kind = PROBLEM_KINDS.find((one) => one === name);
  if (kind === undefined) return null;
  const owner = of === '-' ? null : of;
  const isOfPolicy = kind === 'not-dispatched';
  return {
    kind,
    set: set === '-' ? null : set,
    host: isOfPolicy ? null : owner,
    policy: isOfPolicy ? owner : null,
  };
}
