/**
 * One S3 server for everybody: s3s-fs, which keeps objects as files (`cargo install s3s-fs --features binary`). What it
 * sustains is measured first and printed, for a slow server would make all its users alike. Beside it, a way to the same
 * server on which every request waits.
 */

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { S3Place } from './contender.ts';
import { isThere, run } from './measure.ts';

const PORT = 18_014;
const SLOW_PORT = 18_015;
/** Milliseconds that each request waits on the slow way. */
export const LATENCY = 50;

export type Endpoint = Omit<S3Place, 'prefix'>;

export interface Server {
  readonly direct: Endpoint;
  /** The same bucket, each request later. */
  readonly slow: Endpoint;
  /** MiB per second of PUT that it took. */
  readonly throughput: number;
  stop(): void;
}

/** Starts it below `folder`. Throws where the program is not on PATH. */
export function startServer(folder: string): Server {
  if (!isThere('s3s-fs')) throw new Error('s3s-fs is not on PATH: cargo install s3s-fs --features binary');
  const endpointAt = (port: number): Endpoint => {
    return { endpoint: `http://127.0.0.1:${port}`, bucket: 'bench', accessKey: 'AKBENCH', secretKey: 'bench-secret' };
  };
  const direct = endpointAt(PORT);
  mkdirSync(join(folder, direct.bucket), { recursive: true });
  const { accessKey, secretKey } = direct;
  const keys = ['--access-key', accessKey, '--secret-key', secretKey];
  const server = spawn('s3s-fs', [...keys, '--host', '127.0.0.1', '--port', String(PORT), folder], { stdio: 'ignore' });
  const slowWay = [join(import.meta.dirname, 'slow-way.ts'), String(SLOW_PORT), String(PORT), String(LATENCY)];
  const proxy = spawn(process.execPath, slowWay, { stdio: 'ignore' });
  run({ words: ['sleep', '1'] });
  const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
  const speed = join(import.meta.dirname, 'put-speed.ts');
  const throughput = Number(run({ words: [process.execPath, speed, urlOf({ ...direct, prefix: 'speed' })], env }));
  return {
    ...{ direct, slow: endpointAt(SLOW_PORT), throughput },
    stop: () => {
      server.kill();
      proxy.kill();
    },
  };
}

/** As Offsite names it. */
export function urlOf({ endpoint, bucket, prefix }: S3Place): string {
  return `s3://${bucket}/${prefix}?region=us-east-1&endpoint=${encodeURIComponent(endpoint)}`;
}
