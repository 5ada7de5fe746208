/** What nobody may do, each with the reason why somebody would try. */

import type { Attempt } from './policies.ts';
import { NODE, USER_ID } from './scenario.ts';
import { ACCOUNT, REGION } from './template.ts';

export interface Attack extends Attempt {
  readonly who: string;
  readonly what: string;
}

const BUCKET = `arn:aws:s3:::offsite-${ACCOUNT}-${REGION}`;
const OTHER = 'AROAEXAMPLEID:mi-fffffffffffffffff';
const RUN = 'data/20261121T040000Z-0123456789ab';
const ABSENT = { 's3:if-none-match': '*' };
const TAGGED = { 'ssm:resourceTag/offsite': 'offsite' };
const arn = (service: string, rest: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
const own = (top: string) => `${BUCKET}/${top}/${USER_ID}/${RUN}/file`;
const WRITTEN = ['hosts', 'data', 'meta', 'runs'];

const byHost: Omit<Attack, 'who'>[] = [
  ...WRITTEN.flatMap((top) => [
    { what: `reads what it wrote in ${top}`, action: 's3:GetObject', resource: own(top) },
    { what: `overwrites what it wrote in ${top}`, action: 's3:PutObject', resource: own(top) },
    {
      what: `replaces by etag in ${top}`,
      action: 's3:PutObject',
      resource: own(top),
      conditions: { 's3:if-match': 'e' },
    },
    { what: `deletes in ${top}`, action: 's3:DeleteObject', resource: own(top) },
    { what: `deletes a version in ${top}`, action: 's3:DeleteObjectVersion', resource: own(top) },
    {
      what: `writes under another host's prefix in ${top}`,
      action: 's3:PutObject',
      resource: `${BUCKET}/${top}/${OTHER}/${RUN}/file`,
      conditions: ABSENT,
    },
    {
      what: `writes under a prefix that its own begins in ${top}`,
      action: 's3:PutObject',
      resource: `${BUCKET}/${top}/${USER_ID}0/${RUN}/file`,
      conditions: ABSENT,
    },
  ]),
  ...[
    'config/fleet.json',
    'config/trust.json',
    'slots/x',
    'latest/x',
    'alerts/x',
    'accepted/x',
    'audit/state.json',
    'file',
  ].map((key) => ({
    what: `writes ${key}`,
    action: 's3:PutObject',
    resource: `${BUCKET}/${key}`,
    conditions: ABSENT,
  })),
  { what: "reads another host's backup", action: 's3:GetObject', resource: `${BUCKET}/data/${OTHER}/${RUN}/file` },
  { what: 'reads the fleet file', action: 's3:GetObject', resource: `${BUCKET}/config/fleet.json` },
  { what: 'lists the bucket', action: 's3:ListBucket', resource: BUCKET },
  { what: 'lists versions', action: 's3:ListBucketVersions', resource: BUCKET },
  { what: 'changes retention', action: 's3:PutObjectRetention', resource: own('data') },
  { what: 'tags objects', action: 's3:PutObjectTagging', resource: own('data') },
  { what: 'changes the lifecycle', action: 's3:PutLifecycleConfiguration', resource: BUCKET },
  { what: 'changes the policy', action: 's3:PutBucketPolicy', resource: BUCKET },
  { what: 'switches versioning off', action: 's3:PutBucketVersioning', resource: BUCKET },
  { what: 'restores cold objects', action: 's3:RestoreObject', resource: own('data') },
  { what: 'commands other hosts', action: 'ssm:SendCommand', resource: arn('ssm', 'document/offsite-backup') },
  { what: 'reads parameters', action: 'ssm:GetParameter', resource: arn('ssm', 'parameter/secret') },
  { what: 'tells people something', action: 'sns:Publish', resource: arn('sns', 'offsite-alerts') },
];

const byDispatch: Omit<Attack, 'who'>[] = [
  {
    what: 'runs any script',
    action: 'ssm:SendCommand',
    resource: arn('ssm', 'document/AWS-RunShellScript'),
  },
  { what: 'sends another document', action: 'ssm:SendCommand', resource: arn('ssm', 'document/offsite-other') },
  {
    what: 'commands a node that is not tagged',
    action: 'ssm:SendCommand',
    resource: arn('ssm', `managed-instance/${NODE}`),
  },
  {
    what: 'commands a node of another stack',
    action: 'ssm:SendCommand',
    resource: arn('ssm', `managed-instance/${NODE}`),
    conditions: { 'ssm:resourceTag/offsite': 'other' },
  },
  { what: 'changes its document', action: 'ssm:UpdateDocument', resource: arn('ssm', 'document/offsite-backup') },
  {
    what: 'opens a shell',
    action: 'ssm:StartSession',
    resource: arn('ssm', `managed-instance/${NODE}`),
    conditions: TAGGED,
  },
  { what: 'reads a backup', action: 's3:GetObject', resource: own('data') },
  { what: 'applies a fleet file', action: 's3:PutObject', resource: `${BUCKET}/config/fleet.json` },
];

const byReconcile: Omit<Attack, 'who'>[] = [
  {
    what: "changes the stack's own rules",
    action: 'events:PutRule',
    resource: arn('events', 'rule/offsite-audit-rule-1'),
  },
  { what: "deletes somebody's rule", action: 'events:DeleteRule', resource: arn('events', 'rule/payroll') },
  {
    what: "deletes another stack's schedule",
    action: 'events:DeleteRule',
    resource: arn('events', 'rule/other-s-nightly-full'),
  },
  {
    what: 'lets a schedule start something else',
    action: 'events:PutTargets',
    resource: arn('events', 'rule/offsite-s-nightly-full'),
    conditions: { 'events:TargetArn': arn('lambda', 'function:other') },
  },
];

const byJudges: Omit<Attack, 'who'>[] = [
  {
    what: 'speaks in the name of S3',
    action: 'events:PutEvents',
    resource: arn('events', 'event-bus/default'),
    conditions: { 'events:source': 'custom.s3' },
  },
  { what: 'schedules', action: 'events:PutRule', resource: arn('events', 'rule/offsite-s-nightly-full') },
  { what: 'changes what was expected', action: 's3:PutObject', resource: `${BUCKET}/slots/x/nightly/expected.json` },
];

const byEveryFunction = (who: string): Attack[] => [
  ...WRITTEN.flatMap((top) => [
    { who, what: `deletes in ${top}`, action: 's3:DeleteObject', resource: own(top) },
    { who, what: `writes in ${top}`, action: 's3:PutObject', resource: own(top), conditions: ABSENT },
  ]),
  { who, what: 'writes trust.json', action: 's3:PutObject', resource: `${BUCKET}/config/trust.json` },
  { who, what: 'accepts a run', action: 's3:PutObject', resource: `${BUCKET}/accepted/x`, conditions: ABSENT },
  { who, what: 'reads without TLS', action: 's3:GetObject', resource: `${BUCKET}/config/fleet.json`, tls: false },
  { who, what: 'decrypts', action: 'kms:Decrypt', resource: arn('kms', 'key/1') },
  { who, what: 'changes the lifecycle', action: 's3:PutLifecycleConfiguration', resource: BUCKET },
  { who, what: 'tells another topic', action: 'sns:Publish', resource: arn('sns', 'other') },
  { who, what: 'subscribes somebody', action: 'sns:Subscribe', resource: arn('sns', 'offsite-alerts') },
  { who, what: 'changes who is told', action: 'sns:SetSubscriptionAttributes', resource: arn('sns', 'offsite-alerts') },
  { who, what: 'changes a topic', action: 'sns:SetTopicAttributes', resource: arn('sns', 'offsite-alarms') },
  ...(who === 'audit'
    ? []
    : [{ who, what: 'raises alarms', action: 'sns:Publish', resource: arn('sns', 'offsite-alarms') }]),
  { who, what: 'reads dead letters', action: 'sqs:ReceiveMessage', resource: arn('sqs', 'offsite-dead-letters') },
  { who, what: 'takes dead letters away', action: 'sqs:DeleteMessage', resource: arn('sqs', 'offsite-dead-letters') },
  ...(who === 'dispatch'
    ? []
    : [
        {
          who,
          what: 'commands hosts',
          action: 'ssm:SendCommand',
          resource: arn('ssm', `managed-instance/${NODE}`),
          conditions: TAGGED,
        },
      ]),
];

/** Somebody with all rights in the account who is not the operator: what the bucket's own policy has to hold off. */
const byAdministrator: Omit<Attack, 'who'>[] = WRITTEN.flatMap((top) => [
  { what: `deletes in ${top}`, action: 's3:DeleteObject', resource: own(top) },
  { what: `deletes a version in ${top}`, action: 's3:DeleteObjectVersion', resource: own(top) },
  { what: `overwrites in ${top}`, action: 's3:PutObject', resource: own(top) },
  { what: `shortens retention in ${top}`, action: 's3:BypassGovernanceRetention', resource: own(top) },
  { what: `writes in ${top} without TLS`, action: 's3:PutObject', resource: own(top), conditions: ABSENT, tls: false },
  { what: `reads in ${top} without TLS`, action: 's3:GetObject', resource: own(top), tls: false },
]);

const as = (who: string, attacks: readonly Omit<Attack, 'who'>[]): Attack[] =>
  attacks.map((attack) => ({ who, ...attack }));

export const FUNCTIONS = ['dispatch', 'complete', 'audit', 'reconcile'] as const;

export const ATTACKS: readonly Attack[] = [
  ...as('host', byHost),
  {
    who: 'host',
    what: 'writes without TLS',
    action: 's3:PutObject',
    resource: own('data'),
    conditions: ABSENT,
    tls: false,
  },
  ...as('dispatch', byDispatch),
  ...as('reconcile', byReconcile),
  ...as('complete', byJudges),
  ...as('audit', byJudges),
  ...FUNCTIONS.flatMap(byEveryFunction),
  ...as('administrator', byAdministrator),
];

/** With an operator named, whoever else has all rights may not take the protection itself away. */
export const ATTACKS_ON_PROTECTION: readonly Attack[] = as('administrator', [
  { what: 'deletes the policy', action: 's3:DeleteBucketPolicy', resource: BUCKET },
  { what: 'changes the policy', action: 's3:PutBucketPolicy', resource: BUCKET },
  { what: 'changes the lifecycle', action: 's3:PutLifecycleConfiguration', resource: BUCKET },
  { what: 'switches versioning off', action: 's3:PutBucketVersioning', resource: BUCKET },
  { what: 'takes the lock off', action: 's3:PutBucketObjectLockConfiguration', resource: BUCKET },
  { what: 'opens it to the public', action: 's3:PutBucketPublicAccessBlock', resource: BUCKET },
  { what: 'deletes the bucket', action: 's3:DeleteBucket', resource: BUCKET },
]);
