/**
 * MiniStack as the harness runs it: on the loopback interface alone, with IAM policies enforced (its `AUTH`), Lambdas
 * run by this Node, and every call of a Lambda led through the gateway.
 */

import { createWriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { wholeEnvironment } from '../../../system/environment.ts';
import { startChild, stopChild } from './children.ts';
import { freePort, listenersOf } from './ports.ts';
import { pythonWithMinistack, ROOT } from './python.ts';

export const REGION = 'eu-central-1';
export const ACCOUNT = '000000000000';
/** The account's root, as MiniStack knows it. */
export const ROOT_KEY = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface Ministack {
  readonly port: number;
  /** What it listens on, as `address:port`. */
  listeners(): string[];
  stop(): Promise<void>;
}

const READY_WITHIN = 60_000;

interface MinistackOptions {
  /** The endpoint that Lambdas are given for AWS. */
  readonly gateway: string;
  /** For its log and its own temporary files. */
  readonly folder: string;
  /** Where Lambdas look for their time; see time.ts. */
  readonly clocks: string;
}

export async function startMinistack({ gateway, folder, clocks }: MinistackOptions): Promise<Ministack> {
  const python = await pythonWithMinistack();
  const port = await freePort();
  const { PATH = '' } = wholeEnvironment();
  const child = startChild(python, ['-m', 'ministack'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      // The first Node on the path runs the Lambdas: the one that runs this.
      PATH: [dirname(process.execPath), join(ROOT, 'node_modules/.bin'), PATH].join(':'),
      HOME: folder,
      TMPDIR: folder,
      PYTHONPATH: join(ROOT, 'test/stack/shim'),
      PYTHONPYCACHEPREFIX: join(ROOT, 'node_modules/.cache/offsite-stack/pycache'),
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      MINISTACK_REGION: REGION,
      MINISTACK_ACCOUNT_ID: ACCOUNT,
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
      DOCKER_HOST: 'unix:///nonexistent',
      LAMBDA_EXECUTOR: 'local',
      LOG_LEVEL: 'INFO',
      AUTH: 'true',
      AWS_ACCESS_KEY_ID: ROOT_KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ROOT_KEY.secretAccessKey,
      AWS_ENDPOINT_URL: gateway,
      OFFSITE_STACK_CLOCKS: clocks,
      NODE_OPTIONS: `--import=${join(ROOT, 'test/stack/shim/lambda-preload.ts')}`,
    },
  });
  const log = createWriteStream(join(folder, 'ministack.log'));
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  await readyWithin(READY_WITHIN, port, () => child.exitCode !== null, join(folder, 'ministack.log'));
  return { port, listeners: () => listenersOf(child.pid ?? 0), stop: () => stopChild(child) };
}

async function readyWithin(limit: number, port: number, hasEnded: () => boolean, log: string): Promise<void> {
  const until = performance.now() + limit;
  while (performance.now() < until && !hasEnded()) {
    const answer = await fetch(`http://127.0.0.1:${port}/_ministack/ready`).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return;
    await sleep(100);
  }
  throw new Error(`MiniStack was not ready within ${limit / 1000} s; see ${log}`);
}
