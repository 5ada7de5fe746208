/**
 * One S3 server for everybody: MinIO, `go install github.com/minio/minio@latest`, with `--no-compat`, so that it computes
 * no MD5 that nobody asked for, and with its objects in memory where there is a file system for that: neither its hashing
 * nor its disk shall be what is measured. What it sustains is measured first and printed, for a slow server would make all
 * its users alike. Beside it, two ways to the same server: one more hop, and one more hop on which every answer waits.
 */

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { wholeEnvironment } from '../system/environment.ts';
import { bytesBelow } from './changes.ts';
import type { S3Place, Way } from './contender.ts';
import { isThere, run } from './measure.ts';

const PORTS: Record<Way, number> = { direct: 18_014, near: 18_015, far: 18_016 };
/** Milliseconds that each call takes longer on the far way. */
export const LATENCY = 50;
/** A file system in memory: statfs(2), TMPFS_MAGIC. */
const MEMORY = { folder: '/dev/shm', type: 0x01021994, leastBytes: 12e9 };

export interface Server extends Disposable {
  /** MiB per second of PUT that it took. */
  readonly throughput: number;
  /** The bucket by one way or another. */
  at(way: Way, prefix: string): S3Place;
  /** Bytes that it keeps under a prefix, with what it adds to objects itself, some bytes in a thousand. */
  bytesOf(prefix: string): number;
  /** Ends it and forgets its objects. */
  [Symbol.dispose](): void;
}

/** Starts it, empty; below `folder` where memory is no place. Throws where the program is not on PATH. */
export function startServer(folder: string): Server {
  if (!isThere('minio')) throw new Error('minio is not on PATH: go install github.com/minio/minio@latest');
  const kept = mkdtempSync(join(isRoomy() ? MEMORY.folder : folder, 'offsite-bench-s3-'));
  const [accessKey, secretKey, bucket] = ['AKBENCH', 'bench-secret', 'bench'];
  const at = (way: Way, prefix: string): S3Place => {
    return { endpoint: `http://127.0.0.1:${PORTS[way]}`, bucket, prefix, accessKey, secretKey };
  };
  const own = { MINIO_ROOT_USER: accessKey, MINIO_ROOT_PASSWORD: secretKey, MINIO_BROWSER: 'off', MINIO_UPDATE: 'off' };
  const data = join(kept, 'data');
  mkdirSync(data);
  const words = ['--no-compat', 'server', '--quiet', '--address', `127.0.0.1:${PORTS.direct}`, data];
  // It refuses the disk of the machine's root otherwise.
  const env = { ...wholeEnvironment(), ...own, MINIO_CI_CD: '1' };
  const processes = [
    spawn('minio', words, { stdio: 'ignore', env }),
    ...(['near', 'far'] as const).map((way) => {
      const later = way === 'far' ? LATENCY : 0;
      const proxy = [join(import.meta.dirname, 'slow-way.ts'), PORTS[way], PORTS.direct, later].map(String);
      return spawn(process.execPath, proxy, { stdio: 'ignore' });
    }),
  ];
  run({ words: ['sleep', '2'] });
  const speed = join(import.meta.dirname, 'put-speed.ts');
  const keys = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
  const throughput = Number(run({ words: [process.execPath, speed, urlOf(at('direct', 'speed'))], env: keys }));
  rmSync(join(data, bucket, 'speed'), { recursive: true });
  return {
    ...{ throughput, at },
    bytesOf: (prefix) => bytesBelow(join(data, bucket, prefix)),
    [Symbol.dispose]: () => {
      for (const one of processes) one.kill();
      run({ words: ['sleep', '1'] });
      rmSync(kept, { recursive: true, force: true });
    },
  };
}

function isRoomy(): boolean {
  try {
    const { type, bavail, bsize } = statfsSync(MEMORY.folder);
    return type === MEMORY.type && bavail * bsize >= MEMORY.leastBytes;
  } catch {
    return false;
  }
}

/** As Offsite names it. */
export function urlOf({ endpoint, bucket, prefix }: S3Place): string {
  return `s3://${bucket}/${prefix}?region=us-east-1&endpoint=${encodeURIComponent(endpoint)}`;
}
