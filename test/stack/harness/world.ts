/** Everything that the stack's tests stand on: the emulator behind its gateway, SSM's stand-in, and an operator. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentVariable, wholeEnvironment } from '../../../system/environment.ts';
import { SsmStandIn } from '../ssm/server.ts';
import { Aws } from './aws.ts';
import { runToEnd } from './children.ts';
import { Gateway } from './gateway.ts';
import { type Ministack, REGION, ROOT_KEY, startMinistack } from './ministack.ts';
import { ROOT } from './python.ts';

export interface World {
  readonly folder: string;
  readonly gateway: Gateway;
  readonly ministack: Ministack;
  readonly ssm: SsmStandIn;
  readonly aws: Aws;
  readonly operator: Operator;
  /** Of the events that get lost, doubled and swapped. */
  readonly seed: number;
  /** The folder in which a stack's Lambdas find how much ahead of the machine's their clock is; see time.ts. */
  readonly clocks: string;
  stop(): Promise<void>;
}

export interface Operator {
  readonly publicKey: string;
  readonly privateKey: string;
  readonly fingerprint: string;
}

/** Where the recorded calls are kept for the policy simulator, from the project's root. Git ignores it. */
export const RECORDING = '.offsite/recorded-calls.jsonl';

export async function startWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'offsite-stack-'));
  const seed = Number(environmentVariable('OFFSITE_SEED') ?? Math.floor(Math.random() * 2 ** 31));
  mkdirSync(join(ROOT, '.offsite'), { recursive: true });
  rmSync(join(ROOT, RECORDING), { force: true });
  const gateway = await Gateway.start(join(ROOT, RECORDING));
  const aws = new Aws(gateway.endpoint);
  const ssm = new SsmStandIn(seed, async (event) => {
    const { detail, 'detail-type': DetailType, resources: Resources } = event;
    const entry = { Source: 'aws.ssm', DetailType, Resources, Detail: JSON.stringify(detail) };
    await aws.json('events', 'AWSEvents.PutEvents', { Entries: [entry] });
  });
  // The SDK of this process, for looking into the bucket as the operator does.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: gateway.endpoint,
    AWS_ACCESS_KEY_ID: ROOT_KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ROOT_KEY.secretAccessKey,
    AWS_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: 'true',
  });
  const clocks = join(folder, 'clocks');
  const ministack = await startMinistack({ gateway: gateway.endpoint, folder, clocks });
  gateway.passOnTo(ministack.port, ssm.answer);
  const operator = await makeOperator(join(folder, 'operator'));
  return {
    folder,
    gateway,
    ministack,
    ssm,
    aws,
    operator,
    seed,
    clocks,
    stop: async () => {
      await ministack.stop();
      await gateway.close();
      if (environmentVariable('OFFSITE_KEEP') === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function makeOperator(folder: string): Promise<Operator> {
  await offsite(['keys', 'generate', '--name', 'Jo Doe', '--email', 'jo@example.org', '--out', folder]);
  const { readPublicKeys } = await import('../../../pgp/keys.ts');
  const publicKey = join(folder, 'public.asc');
  const [key] = await readPublicKeys(readFileSync(publicKey), publicKey);
  if (key === undefined) throw new Error('no operator key was made');
  return { publicKey, privateKey: join(folder, 'private.asc'), fingerprint: key.fingerprint };
}

/** Runs the command line as somebody types it; by default as the operator. */
export function offsite(words: readonly string[], environment: Record<string, string> = wholeEnvironment()) {
  return runToEnd(join(ROOT, 'bin/offsite'), words, { cwd: ROOT, limit: 60_000, env: environment });
}
