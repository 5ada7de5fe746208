/** rustic: https://rustic.cli.rs. The format of restic 2; zstd level 3 is its default. */

import { join } from 'node:path';
import type { Contender, Place, S3Place, Session } from '../contender.ts';
import { type Command, isThere, run } from '../measure.ts';

export function rustic(): Contender | null {
  if (!isThere('rustic')) return null;
  const version = /rustic (\S+)/.exec(run({ words: ['rustic', '--version'] }))?.[1] ?? 'unknown';
  return { name: 'rustic', version, setting: 'alike', speaksS3: 'direct', prepare };
}

function prepare({ store, home, s3 }: Place, source: string): Session {
  const env = {
    ...(s3 === null ? { RUSTIC_REPOSITORY: store } : bucketOf(s3)),
    RUSTIC_PASSWORD: 'bench',
    RUSTIC_CACHE_DIR: join(home, 'cache'),
    RUSTIC_NO_PROGRESS: 'true',
    RUSTIC_LOG_LEVEL: 'error',
  };
  const rustic = (...words: string[]): Command => ({ words: ['rustic', ...words], env });
  run(rustic('init', '--set-compression', '3'));
  return {
    full: () => rustic('backup', source),
    incremental: () => rustic('backup', source),
    restoreAll: (target) => rustic('restore', 'latest', target),
    restoreOne: (file, target) => rustic('restore', `latest:${file}`, join(target, 'one')),
    // A whole snapshot lands below its absolute paths; a single file is put under the name that is given.
    restored: (file, target) => join(target, file),
  };
}

/** OpenDAL's options of its service s3, as rustic takes them from the environment. */
function bucketOf({ endpoint, bucket, prefix, accessKey, secretKey }: S3Place): Record<string, string> {
  return {
    RUSTIC_REPOSITORY: 'opendal:s3',
    OPENDAL_ENDPOINT: endpoint,
    OPENDAL_REGION: 'us-east-1',
    OPENDAL_BUCKET: bucket,
    OPENDAL_ROOT: `/${prefix}`,
    OPENDAL_ACCESS_KEY_ID: accessKey,
    OPENDAL_SECRET_ACCESS_KEY: secretKey,
  };
}
