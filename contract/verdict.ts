/** Documents of the stack: slots and what was sent for them, verdicts, the newest runs of a set, and audit's place. */

import * as z from 'zod';
import { type DocumentOf, documentKind, field } from './document.ts';

const VERDICT_OUTCOMES = ['complete', 'partial', 'suspect', 'failed', 'missed'] as const;
export type VerdictOutcome = (typeof VERDICT_OUTCOMES)[number];

/**
 * What a verdict rests on, the weakest first. A verdict is replaced by one that rests on more, never by one that rests
 * on less: the deadline passed in silence, a command that failed, the manifest, the operator's acceptance of it.
 */
export const WITNESSES = ['silence', 'command', 'manifest', 'acceptance'] as const;

/** A reason: a stable code, and a text for people that holds no path of a host. */
export const reasonSchema = z.object({
  code: z.string().max(64),
  text: z.string().max(2000),
  /** The same in a few words, for subjects and SMS; where there is none, the code speaks. */
  brief: z.string().max(80).optional(),
  /** The last lines of a script, where its set's config lets them out. */
  detail: z.string().max(4096).optional(),
});
export type Reason = z.infer<typeof reasonSchema>;

/** How much of what was there before a run has, and has anew. What was only added is in neither figure. */
const changeSchema = z.object({
  /** Regular files that were read, as the manifest counts them: new ones, and those that were written to or renamed. */
  changedFiles: field.count,
  /** The same, less as many files as the run has more than the one before; null of a full, which reads all. */
  replacedFiles: field.count.nullable(),
  /** Content bytes that were not there before, less what the run has more than the one before; null of a full. */
  replacedBytes: field.count.nullable(),
  /** Bytes of every object that the manifest names, those of interrupted attempts included. */
  objectBytes: field.count,
});
export type Change = z.infer<typeof changeSchema>;

export const verdictKind = documentKind('verdict', {
  maxBytes: 4 * 1024 * 1024,
  shape: {
    host: field.host,
    set: field.set,
    run: field.run,
    /** Of the slot that asked for the run; null for unasked runs. */
    policy: field.policy.nullable(),
    due: field.instant.nullable(),
    deadline: field.instant.nullable(),
    /** What the run stands for in time: the due minute, or of an unasked run its start, never later than `received`. */
    at: field.instant,
    outcome: z.enum(VERDICT_OUTCOMES),
    witness: z.enum(WITNESSES),
    /** True for complete and partial runs, and for suspect ones with the operator's signed acceptance. */
    accepted: z.boolean(),
    reasons: z.array(reasonSchema).max(1000),
    /** Worth a line in the digest, no reason to doubt the run. */
    notices: z.array(reasonSchema).max(1000),
    judged: field.instant,
    /** When the problem that this verdict makes was recorded under `alerts/`; null until then, and where it makes none. */
    recorded: field.instant.nullable(),
    /** How it moves `latest`, decided once, so that doing it twice is doing it once. */
    moves: z.object({
      head: z.boolean(),
      base: z.boolean(),
      good: z.boolean(),
      /** After a fork: no run up to this sequence may be a base any more. */
      baseAbove: field.sequence.nullable(),
    }),
    /** From here on of the manifest, where there is a valid one. */
    prefix: field.prefix.nullable(),
    payload: field.sha256.nullable(),
    sequence: field.sequence.nullable(),
    backup: z.enum(['full', 'incremental']).nullable(),
    promoted: z.string().max(64).nullable(),
    /** When the store received the manifest, by the store's clock. */
    received: field.instant.nullable(),
    configHash: field.sha256.nullable(),
    newBytes: field.count.nullable(),
    storedBytes: field.count.nullable(),
    bytes: field.count.nullable(),
    files: field.count.nullable(),
    /** How much it changed; null without a valid manifest, and in verdicts older than this field. */
    change: changeSchema.nullable().default(null),
  },
});
export type Verdict = DocumentOf<typeof verdictKind>;

const pointer = field.runAndPayload.extend({ sequence: field.sequence, received: field.instant });
const measured = pointer.extend({ bytes: field.count, files: field.count });

/** Runs of one type that were accepted on one day, as what later ones are measured against. */
const daySchema = z.object({
  /** `YYYY-MM-DD` of `received`. */
  day: z.string().regex(/^\d{4}-\d\d-\d\d$/),
  backup: z.enum(['full', 'incremental']),
  /** True where the operator's acceptance made one of them count. */
  byOperator: z.boolean(),
  /** Of the last of them. */
  received: field.instant,
  files: field.count,
  bytes: field.count,
  /** The largest of each. */
  replacedFiles: field.count,
  replacedBytes: field.count,
  /** Of a full all its content and objects; else of the incremental with the most new bytes. */
  newBytes: field.count,
  storedBytes: field.count,
});
export type DayFigures = z.infer<typeof daySchema>;

export const latestKind = documentKind('latest', {
  maxBytes: 64 * 1024,
  shape: {
    host: field.host,
    set: field.set,
    /** Of the ledger that head and base are of. */
    prefix: field.prefix,
    /** The last valid published manifest, of any outcome. */
    head: pointer.nullable(),
    /** The newest accepted run: what the next incremental builds on; null after a fork. */
    base: measured.nullable(),
    /** A base has a higher sequence than this: 0, or where the ledger forked. */
    baseAbove: field.count,
    /** The newest complete or operator-accepted run. */
    good: measured.extend({ prefix: field.prefix, at: field.instant }).nullable(),
    /** The accepted run that stands for the newest time (see `at` of verdicts): what closes problems. */
    accepted: z.object({ run: field.run, at: field.instant }).nullable(),
    /** SHA-256 of the set's config in the last valid manifest. */
    configHash: field.sha256.nullable(),
    /** The newest days with accepted runs, the newest first, of both types: see functions/rules/recent.ts. */
    recent: z.array(daySchema).max(100).default([]),
    /** The last run with other content than usual: until a run of its sequence or a higher one is base, fulls are doubted. */
    doubted: z.object({ run: field.run, sequence: field.sequence }).nullable().default(null),
  },
});
export type Latest = DocumentOf<typeof latestKind>;

const asked = z.object({ host: field.host, node: z.string(), sets: z.array(field.set) });

export const expectedKind = documentKind('expected', {
  maxBytes: 16 * 1024 * 1024,
  shape: {
    policy: field.policy,
    due: field.instant,
    deadline: field.instant,
    /** `type` is every document's own. */
    backup: z.enum(['full', 'incremental']),
    /** Seconds over which the hosts spread their starts. */
    splay: z.int().min(0).max(86_400),
    /** SHA-256 of the fleet file version that it was made from. */
    fleet: field.sha256,
    /** In batches of at most fifty, as they are sent. */
    batches: z.array(z.array(asked).max(50)),
  },
});
export type Expected = DocumentOf<typeof expectedKind>;

export const sentKind = documentKind('sent', {
  maxBytes: 1024 * 1024,
  shape: {
    at: field.instant,
    commands: z.array(z.object({ command: z.string(), nodes: z.array(z.string()) })),
    /** Nodes that the command service does not know or may not command, and what it said. */
    unknown: z.array(z.object({ node: z.string(), why: z.string().max(500) })),
  },
});
export type Sent = DocumentOf<typeof sentKind>;

export const closedKind = documentKind('closed', { maxBytes: 4096, shape: { at: field.instant } });
export type Closed = DocumentOf<typeof closedKind>;

const waitingRun = z.object({ host: field.host, set: field.set, run: field.run });

const openSlot = z.object({
  policy: field.policy,
  due: field.instant,
  /** The runs that are not judged, or were not followed up to the end; null where these are too many, or not known. */
  waiting: z.array(waitingRun).max(1000).nullable().default(null),
});
export type OpenSlot = z.infer<typeof openSlot>;

export const auditStateKind = documentKind('audit-state', {
  maxBytes: 16 * 1024 * 1024,
  shape: {
    /** Every slot whose deadline is not after this instant has been judged, or is in `open`. */
    cursor: field.instant,
    /** Slots past their deadline in which something is still to be judged. */
    open: z.array(openSlot),
    /** Every problem recorded before this instant, by the store's clock, has been told. */
    told: field.instant,
    /** The last digest that was sent: when it was due, and up to when it said what was judged; null before the first audit. */
    digest: z.object({ due: field.instant, upTo: field.instant }).nullable().default(null),
    /** When the dead-letter queue was last looked at; null before the first time. */
    deadLetters: field.instant.nullable().default(null),
    /** By when all problems are to be looked at: something is due to be repeated. Null where that is not known. */
    nextLook: field.instant.nullable().default(null),
  },
});
export type AuditState = DocumentOf<typeof auditStateKind>;
