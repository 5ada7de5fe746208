/**
 * A day of the stack with its real functions, its real agent and the fake AWS: everything that any of them asks of AWS
 * is asked once. What they answer is looked at in lambdas.test.ts; what they asked for in rights.test.ts.
 */

import { execFile } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FLEET_POINTER_KEY } from '../../contract/fleet-store.ts';
import { instantText } from '../../contract/ids.ts';
import { encodeJob } from '../../contract/job.ts';
import { generateOperatorKey } from '../../pgp/keys.ts';
import { putFleet } from '../../repository/fleet.ts';
import { openStore } from '../../store/wire.ts';
import { FakeAws } from './fake-aws.ts';
import { packagedByDefault, temporaryFolder } from './packaged.ts';
import { ACCOUNT, REGION, type Resource, resolved } from './template.ts';

const run = promisify(execFile);
const AGENT = fileURLToPath(new URL('../../bin/offsite', import.meta.url));
const FUNCTIONS = ['dispatch', 'complete', 'audit', 'reconcile'] as const;
type Name = (typeof FUNCTIONS)[number];

export const NODE = 'mi-0123456789abcdef0';
const CLOUD_NODE = 'i-0123456789abcdef0';
export const USER_ID = `AROAEXAMPLEID:${NODE}`;
const CONTEXT = {
  functionName: 'test',
  awsRequestId: '1',
  memoryLimitInMB: '512',
  invokedFunctionArn: 'arn',
  getRemainingTimeInMillis: () => 60_000,
};

export interface Scenario {
  readonly aws: FakeAws;
  /** What was asked of the heartbeat's URL. */
  readonly heartbeats: readonly string[];
  readonly resources: Record<string, Resource>;
  /** What each step answered, by its name. */
  readonly answers: Readonly<Record<string, unknown>>;
}

export async function scenario(): Promise<Scenario> {
  const { template } = await packagedByDefault();
  const resources = resolved(template);
  const bucket = String(resources.Bucket?.Properties.BucketName);
  const aws = await FakeAws.start(bucket);
  const folder = temporaryFolder('scenario');
  const operator = await generateOperatorKey({ name: 'Jo Doe', email: 'jo@example.org', now: new Date('2020-01-01') });
  writeFileSync(join(folder, 'operator.asc'), operator.publicArmored);
  process.env.AWS_ENDPOINT_URL = aws.endpoint;
  process.env.AWS_ACCESS_KEY_ID = 'test';
  process.env.AWS_SECRET_ACCESS_KEY = 'test';
  process.env.AWS_REGION = REGION;
  process.env.POWERTOOLS_DEV = 'false';
  for (const name of FUNCTIONS) Object.assign(process.env, environmentOf(resources, name));
  process.env.OFFSITE_OPERATOR_KEY = operator.publicArmored;

  const invoke = async (name: Name, event: unknown): Promise<unknown> => {
    const { handler } = await HANDLERS[name]();
    aws.principal = name;
    try {
      return await handler(event, CONTEXT);
    } finally {
      aws.principal = 'nobody';
    }
  };
  const offsite = async (argv: string[], env: Record<string, string> = {}, principal = 'host') => {
    aws.principal = principal;
    const config = join(folder, 'config.yml');
    const ran = run(AGENT, [...argv, '--config', config], { env: { ...process.env, ...env } });
    // 3: done, and suspect.
    const { stdout } = await ran.catch((error: { code: number; stdout: string }) => {
      if (error.code !== 3) throw error;
      return error;
    });
    aws.principal = 'nobody';
    return stdout;
  };
  const heartbeats: string[] = [];
  const outside = createServer(({ method, url }, response) => {
    heartbeats.push(`${method} ${url}`);
    response.end();
  });
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
  const heartbeat = `http://127.0.0.1:${(outside.address() as AddressInfo).port}/ping`;
  const { fingerprint } = operator;
  const answers = await playThrough({ aws, folder, bucket, fingerprint, heartbeat, invoke, offsite });
  outside.closeAllConnections();
  outside.close();
  return { aws, heartbeats, resources, answers };
}

interface Play {
  readonly aws: FakeAws;
  readonly folder: string;
  readonly bucket: string;
  readonly fingerprint: string;
  /** URL. */
  readonly heartbeat: string;
  readonly invoke: (name: Name, event: unknown) => Promise<unknown>;
  readonly offsite: (argv: string[], env?: Record<string, string>, principal?: string) => Promise<string>;
}

async function playThrough({ aws, folder, bucket, fingerprint, heartbeat, invoke, offsite }: Play) {
  const url = `s3://${bucket}?region=${REGION}`;
  aws.identity = { UserId: USER_ID, Arn: `arn:aws:sts::${ACCOUNT}:assumed-role/offsite-host/${NODE}` };
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data/file.txt'), 'something worth keeping');
  const init = ['init', '--aws', '--store', url, '--recipient', join(folder, 'operator.asc'), '--host', 'carcosa'];
  await offsite([...init, '--path', join(folder, 'data'), '--state', join(folder, 'state')]);
  // Never as many files as it expects: suspect, so that its acceptance is looked for.
  const gated = `  gated: { paths: [${join(folder, 'data')}], expect: { minFiles: 100 } }\n`;
  appendFileSync(join(folder, 'config.yml'), gated);

  const now = new Date();
  const store = await openStore(url);
  const minute = (ago: number) => new Date(Math.floor(now.getTime() / 60_000 - ago) * 60_000);
  const cron = (at: Date) => `cron(${at.getUTCMinutes()} ${at.getUTCHours()} * * ? *)`;
  const fleet = (hosts: object, policies: object) =>
    ({ store: url, stack: 'offsite', recipients: [fingerprint], hosts, policies, heartbeat }) as never;
  const carcosa = { node: NODE, sets: ['data', 'gated'] };
  const hosts = {
    carcosa,
    cloud: { node: CLOUD_NODE, sets: ['data'] },
    purr: { node: 'mi-00000000000000000', sets: ['data'] },
  };
  const nightly = { hosts: Object.keys(hosts), full: cron(minute(1)), deadline: '8h' };
  const due = minute(30);
  const unseen = { hosts: ['carcosa'], full: cron(due), deadline: '10m' };
  const silent = { hosts: ['cloud'], full: cron(due), deadline: '10m' };
  await putFleet(store, fleet(hosts, { nightly, unseen, silent }), minute(120));

  aws.nodes.add(NODE).add(CLOUD_NODE);
  const answers: Record<string, unknown> = {};
  answers.reconciled = await invoke('reconcile', { source: 'aws.s3' });
  const time = instantText(now);
  answers.dispatched = await invoke('dispatch', { policy: 'nightly', type: 'full', time });
  answers.again = await invoke('dispatch', { policy: 'nightly', type: 'full', time });
  const [command] = aws.sent;
  const asNode = { AWS_SSM_INSTANCE_ID: NODE };
  await offsite(['backup', '--job', command?.Parameters.payload[0] ?? '', '--json'], asNode);
  const manifests = () => aws.keys.filter((key) => key.endsWith('/manifest.json'));
  const asked = manifests();
  const verdicts: unknown[] = [];
  for (const key of asked) verdicts.push(await invoke('complete', created(bucket, key)));
  answers.completed = { runs: verdicts.flatMap((one) => (one as { runs: unknown[] }).runs) };
  answers.ended = await invoke('complete', ended('command-0'));
  const manual = { host: 'carcosa', type: 'incremental', deadline: new Date(now.getTime() + 3_600_000).toISOString() };
  answers.manual = await invoke('dispatch', { manual });
  answers.failed = await invoke('complete', ended('command-1'));

  // Without a job the agent also reads its own manifests, which is no right of the stack's hosts.
  await offsite(['backup', 'full', '--set', 'data', '--json'], {}, 'nobody');
  const unasked = manifests().find((key) => !asked.includes(key)) ?? '';
  answers.unasked = await invoke('complete', created(bucket, unasked));
  // Two more that nobody tells complete of: audit finds them, the second by itself and the first by its ledger.
  await offsite(['backup', 'full', '--set', 'data', '--json'], {}, 'nobody');
  const sets = { data: { base: null, head: null }, gated: { base: null, head: null } };
  const job = {
    v: 1,
    policy: 'unseen',
    due: instantText(due),
    type: 'full',
    splay: 0,
    hosts: { [NODE]: sets },
  } as const;
  const deadline = instantText(new Date(now.getTime() + 3_600_000));
  await offsite(['backup', '--job', encodeJob({ ...job, deadline }), '--json'], asNode);
  answers.audited = await invoke('audit', {});
  answers.auditedAgain = await invoke('audit', {});
  answers.testedAlerts = await invoke('audit', { testAlert: {} });

  for (const name of FUNCTIONS)
    answers[`${name}Refused`] = await invoke(name, name === 'audit' || name === 'reconcile' ? null : { foo: 1 });
  await putFleet(store, fleet({ carcosa }, { nightly: { ...nightly, hosts: ['carcosa'] } }), now);
  answers.reconciledAgain = await invoke('reconcile', {});
  const { etag } = await store.head(FLEET_POINTER_KEY);
  await store.put(FLEET_POINTER_KEY, Buffer.from('damaged'), { condition: { etag } });
  answers.reconciledDamaged = await invoke('reconcile', {});
  answers.damaged = await invoke('dispatch', { policy: 'nightly', type: 'full', time });
  return answers;
}

export const created = (bucket: string, key: string) => ({
  source: 'aws.s3',
  'detail-type': 'Object Created',
  detail: { bucket: { name: bucket }, object: { key, size: 1 }, reason: 'PutObject' },
});

const ended = (command: string) => ({
  source: 'aws.ssm',
  detail: { 'command-id': command, 'instance-id': NODE, status: 'Failed' },
});

const HANDLERS = {
  dispatch: () => import('../../functions/lambda/dispatch.ts'),
  complete: () => import('../../functions/lambda/complete.ts'),
  audit: () => import('../../functions/lambda/audit.ts'),
  reconcile: () => import('../../functions/lambda/reconcile.ts'),
} satisfies Record<Name, () => Promise<{ handler: (event: unknown, context: unknown) => Promise<unknown> }>>;

function environmentOf(resources: Record<string, Resource>, name: Name): Record<string, string> {
  const id = `${name.charAt(0).toUpperCase()}${name.slice(1)}LambdaFunction`;
  const environment = resources[id]?.Properties.Environment as { Variables: Record<string, string> } | undefined;
  if (environment === undefined) throw new Error(`${name} has no environment in the template`);
  return environment.Variables;
}
