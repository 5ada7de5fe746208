/** duplicity: https://duplicity.gitlab.io. gpg with a passphrase and gzip: its defaults, which cannot be made alike. */

import { join } from 'node:path';
import type { Contender, Place, Session } from '../contender.ts';
import { type Command, isThere, run } from '../measure.ts';

export function duplicity(): Contender | null {
  if (!isThere('duplicity')) return null;
  const version = /duplicity (\S+)/.exec(run({ words: ['duplicity', '--version'] }))?.[1] ?? 'unknown';
  return {
    name: 'duplicity',
    version,
    setting: 'defaults',
    speaksS3: null,
    prepare: (place, source) => prepare(place, source, version),
  };
}

function prepare({ store, home }: Place, source: string, version: string): Session {
  // Renamed in 2.0.0.
  const onlyPath = Number.parseInt(version, 10) < 2 ? '--file-to-restore' : '--path-to-restore';
  const url = `file://${store}`;
  const env = { PASSPHRASE: 'bench', GNUPGHOME: home };
  const common = ['--archive-dir', join(home, 'archive'), '--verbosity', 'error'];
  const duplicity = (...words: string[]): Command => ({ words: ['duplicity', ...words, ...common], env });
  return {
    full: () => duplicity('full', source, url),
    incremental: () => duplicity('incremental', source, url),
    restoreAll: (target) => duplicity('restore', '--force', url, target),
    restoreOne: (file, target) =>
      duplicity('restore', onlyPath, file.slice(source.length + 1), url, join(target, 'one')),
    restored: (file, target) => join(target, file.slice(source.length)),
  };
}
