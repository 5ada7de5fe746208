/** restic: https://restic.readthedocs.io. Its `auto` compression is zstd at its default level, 3, so defaults are alike. */

import { join } from 'node:path';
import type { Contender, Place, Session } from '../contender.ts';
import { type Command, isThere, run } from '../measure.ts';

export function restic(): Contender | null {
  if (!isThere('restic', 'version')) return null;
  const version = /restic (\S+)/.exec(run({ words: ['restic', 'version'] }))?.[1] ?? 'unknown';
  return { name: 'restic', version, setting: 'alike', speaksS3: 'direct', prepare };
}

function prepare({ store, home, s3 }: Place, source: string): Session {
  const repository = s3 === null ? store : `s3:${s3.endpoint}/${s3.bucket}/${s3.prefix}`;
  const env: Record<string, string> = {
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: 'bench',
    RESTIC_CACHE_DIR: join(home, 'cache'),
  };
  if (s3 !== null) {
    env.AWS_ACCESS_KEY_ID = s3.accessKey;
    env.AWS_SECRET_ACCESS_KEY = s3.secretKey;
  }
  const restic = (...words: string[]): Command => ({ words: ['restic', '--quiet', ...words], env });
  run(restic('init', '--repository-version', '2'));
  return {
    full: () => restic('backup', source),
    incremental: () => restic('backup', source),
    restoreAll: (target) => restic('restore', 'latest', '--target', target),
    restoreOne: (file, target) => restic('restore', 'latest', '--target', target, '--include', file),
    restored: (file, target) => join(target, file),
  };
}
