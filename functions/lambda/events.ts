/** The events that functions are started with, as far as they are read; whatever else they hold is of no interest. */

import * as z from 'zod';
import { field } from '../../contract/document.ts';

const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const slotType = z.enum(['full', 'incremental']);

/** From a rule `<stack>-s-…`: see functions/aws/schedules.ts. */
const firing = z.object({ policy: field.policy, type: slotType, time: instant });

/** From `offsite fleet run`, which invokes dispatch itself. */
const manual = z.object({
  manual: z.object({
    host: field.host,
    sets: z.array(field.set).min(1).optional(),
    type: slotType,
    deadline: instant,
    due: instant.optional(),
  }),
});

export const dispatchEvent = z.union([firing, manual], {
  error: 'neither a firing {policy, type, time} nor {manual: {host, sets, type, deadline, due}}',
});

/** "Object Created" of S3. Keys are not URL-encoded here, unlike in S3's own notifications. */
const objectCreated = z.object({
  source: z.literal('aws.s3'),
  'detail-type': z.literal('Object Created'),
  detail: z.object({ bucket: z.object({ name: z.string() }), object: z.object({ key: z.string() }) }),
});

/** "EC2 Command Invocation Status-change Notification" of SSM; for hybrid nodes too. It has no exit code and no comment. */
const commandEnded = z.object({
  source: z.literal('aws.ssm'),
  detail: z.object({ 'command-id': z.string().min(1), 'instance-id': z.string().min(1), status: z.string() }),
});

export const completeEvent = z.union([objectCreated, commandEnded], {
  error: 'neither an S3 "Object Created" event nor the status of an SSM command on one node',
});

/** From `offsite fleet test-alert`, which invokes audit itself; audit looks at everything, whatever else an event says. */
export const auditEvent = z.looseObject({ testAlert: z.strictObject({}).optional() });

/** Reconcile looks at everything, whatever the event says. */
export const anyEvent = z.looseObject({});
