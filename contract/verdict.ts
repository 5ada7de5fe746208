/** Documents of the stack: verdicts, the newest runs of a set, slots, and problems told to people. */

import * as z from 'zod';
import { type DocumentOf, documentKind, field } from './document.ts';

export const VERDICT_OUTCOMES = ['complete', 'partial', 'suspect', 'failed', 'missed'] as const;
export type VerdictOutcome = (typeof VERDICT_OUTCOMES)[number];

/** A reason: a stable code, and a text for people that holds no file name. */
const reason = z.object({ code: z.string().max(64), text: z.string().max(2000) });
export type Reason = z.infer<typeof reason>;

export const verdictKind = documentKind('verdict', {
  maxBytes: 1024 * 1024,
  shape: {
    host: field.host,
    set: field.set,
    run: field.run,
    policy: field.policy.nullable(),
    due: field.instant.nullable(),
    outcome: z.enum(VERDICT_OUTCOMES),
    /** True where an operator's signed acceptance of a suspect run was found. */
    accepted: z.boolean(),
    reasons: z.array(reason).max(1000),
    /** Worth a line in the digest, no reason to doubt the run. */
    notices: z.array(reason).max(1000),
    judged: field.instant,
    /** Of the manifest, where there is one. */
    payload: field.sha256.nullable(),
    sequence: field.sequence.nullable(),
    /** When the store received the manifest. */
    received: field.instant.nullable(),
    newBytes: field.count.nullable(),
    storedBytes: field.count.nullable(),
    bytes: field.count.nullable(),
    files: field.count.nullable(),
  },
});
export type Verdict = DocumentOf<typeof verdictKind>;

const pointer = field.runAndPayload.extend({ sequence: field.sequence });

export const latestKind = documentKind('latest', {
  maxBytes: 64 * 1024,
  shape: {
    host: field.host,
    set: field.set,
    prefix: field.prefix,
    /** The last valid published manifest, of any outcome. */
    head: pointer.nullable(),
    /** The newest accepted run: what the next incremental builds on; null after a fork. */
    base: pointer.extend({ bytes: field.count, files: field.count }).nullable(),
    /** The newest complete or operator-accepted run. */
    good: pointer
      .extend({ due: field.instant.nullable(), finished: field.instant, received: field.instant })
      .nullable(),
    /** SHA-256 of the set's config in the last valid manifest. */
    configHash: field.sha256.nullable(),
  },
});
export type Latest = DocumentOf<typeof latestKind>;

export const expectedKind = documentKind('expected', {
  maxBytes: 16 * 1024 * 1024,
  shape: {
    policy: field.policy,
    due: field.instant,
    deadline: field.instant,
    type: z.enum(['full', 'incremental']),
    /** SHA-256 of the fleet file that it was made from. */
    fleet: field.sha256,
    /** In batches of at most fifty, as they are sent. */
    batches: z.array(z.array(z.object({ host: field.host, node: z.string(), sets: z.array(field.set) })).max(50)),
  },
});
export type Expected = DocumentOf<typeof expectedKind>;

export const sentKind = documentKind('sent', {
  maxBytes: 1024 * 1024,
  shape: {
    at: field.instant,
    commands: z.array(z.object({ command: z.string(), nodes: z.array(z.string()) })),
    /** Nodes that the command service does not know. */
    unknown: z.array(z.string()),
  },
});
export type Sent = DocumentOf<typeof sentKind>;

export const closedKind = documentKind('closed', { maxBytes: 4096, shape: { at: field.instant } });

const openSlot = z.object({ policy: field.policy, due: field.instant });

export const auditStateKind = documentKind('audit-state', {
  maxBytes: 16 * 1024 * 1024,
  shape: {
    /** Every slot whose deadline is not after this instant has been judged once. */
    cursor: field.instant,
    /** Slots judged once and not closed yet. */
    open: z.array(openSlot),
  },
});
export type AuditState = DocumentOf<typeof auditStateKind>;
