/** rustic: https://rustic.cli.rs. The format of restic 2; zstd level 3 is its default. */

import { join } from 'node:path';
import type { Contender, Place, Session } from '../contender.ts';
import { type Command, isThere, run } from '../measure.ts';

export function rustic(): Contender | null {
  if (!isThere('rustic')) return null;
  const version = /rustic (\S+)/.exec(run({ words: ['rustic', '--version'] }))?.[1] ?? 'unknown';
  return { name: 'rustic', version, setting: 'alike', speaksS3: null, prepare };
}

function prepare({ store, home }: Place, source: string): Session {
  const env = {
    RUSTIC_REPOSITORY: store,
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
