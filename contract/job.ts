/** The job: what a slot asks of a batch of hosts, in one base64url parameter that a shell cannot misread. */

import * as z from 'zod';
import { decodeUtf8, parseJson } from './canonical.ts';
import { field, firstIssue } from './document.ts';
import { OffsiteError } from './errors.ts';
import { isNodeId } from './ids.ts';

/** SSM parameters and command lines stay well below their limits; a larger batch is split. */
export const MAX_JOB_BYTES = 16_384;

const setJob = z.object({
  base: field.runAndPayload.nullable(),
  head: field.runAndPayload.extend({ sequence: field.sequence }).nullable(),
});
/** What the stack knows of one host and set: the base to build on and the ledger's head. */
export type SetJob = z.infer<typeof setJob>;

const jobSchema = z.looseObject({
  v: z.literal(1),
  policy: field.policy,
  due: field.instant,
  type: z.enum(['full', 'incremental']),
  deadline: field.instant,
  /** Seconds over which the hosts spread their starts. */
  splay: z.int().min(0).max(86_400),
  hosts: z.record(z.string().refine(isNodeId, 'not a node id'), z.record(field.set, setJob)),
});
export type Job = z.infer<typeof jobSchema>;

/** The job as one base64url text. */
export function encodeJob(job: Job): string {
  return Buffer.from(JSON.stringify(job)).toString('base64url');
}

/** The inverse of encodeJob; throws `job-invalid`, also for versions this agent does not know. */
export function decodeJob(text: string): Job {
  const refuse = (why: string) => new OffsiteError('job-invalid', `the job is not valid: ${why}`);
  if (text.length > MAX_JOB_BYTES * 2) throw refuse('it is too long');
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw refuse('it is not base64url');
  let value: unknown;
  try {
    value = parseJson(decodeUtf8(Buffer.from(text, 'base64url'), 'the job'), 'the job');
  } catch {
    throw refuse('it is not JSON');
  }
  const result = jobSchema.safeParse(value);
  if (!result.success) throw refuse(firstIssue(result.error));
  return result.data;
}
