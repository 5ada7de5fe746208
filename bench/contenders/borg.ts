/** BorgBackup: https://borgbackup.readthedocs.io. Encrypted (repokey); at zstd 3 to be alike, and at its default, lz4. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender, Place, Session } from '../contender.ts';
import { type Command, isThere, run } from '../measure.ts';

export function borg(setting: Contender['setting']): Contender | null {
  if (!isThere('borg')) return null;
  const version = run({ words: ['borg', '--version'] })
    .replace('borg', '')
    .trim();
  const compression = setting === 'alike' ? ['--compression', 'zstd,3'] : [];
  const name = setting === 'alike' ? 'borg' : 'borg (defaults)';
  return { name, version, setting, speaksS3: null, prepare: (place, source) => prepare(place, source, compression) };
}

function prepare({ store, home }: Place, source: string, compression: string[]): Session {
  mkdirSync(home, { recursive: true });
  const env = {
    BORG_REPO: store,
    BORG_PASSPHRASE: 'bench',
    BORG_BASE_DIR: home,
    BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
  };
  const borg = (words: string[], cwd?: string): Command => ({
    words: ['borg', ...words],
    env,
    ...(cwd === undefined ? {} : { cwd }),
  });
  run(borg(['init', '--encryption', 'repokey-blake2']));
  let count = 0;
  const create = () => borg(['create', ...compression, `::run-${++count}`, source]);
  // It leaves the leading slash out and restores into the working directory.
  const extract = (target: string, ...paths: string[]) => borg(['extract', `::run-${count}`, ...paths], target);
  return {
    full: create,
    incremental: create,
    restoreAll: (target) => extract(target),
    restoreOne: (file, target) => extract(target, file.slice(1)),
    restored: (file, target) => join(target, file),
  };
}
