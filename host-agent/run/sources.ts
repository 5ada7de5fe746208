/** What of this machine a run looks at, and when it began to. */

import { statSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BytePath } from '../../contract/byte-path.ts';
import type { SetConfig } from '../../contract/host-config.ts';
import type { RunTally } from '../engine/tally.ts';
import { compileExcludes } from '../source/exclude.ts';
import { rootOfPath, type ScanOptions, type ScanRoot } from '../source/scan.ts';
import { asStateError } from '../state/files.ts';

interface Sources {
  readonly set: SetConfig;
  /** The staging folder; null where the set has no scripts and commands. */
  readonly stage: string | null;
  /** Folders that are never backed up. */
  readonly never: readonly string[];
}

/** The staged output and the configured paths. */
export function rootsOf({ set, stage }: Sources): ScanRoot[] {
  const staged: ScanRoot[] =
    stage === null ? [] : [{ path: '.stage' as BytePath, at: stage as BytePath, root: '.stage' }];
  return [...staged, ...set.paths.map(rootOfPath)];
}

export function scanOptions({ set, never }: Sources, tally: RunTally): ScanOptions {
  return {
    oneFileSystem: set.oneFileSystem,
    never: new Set(never.flatMap(identityOf)),
    isExcluded: compileExcludes(
      set.exclude,
      set.paths.map((path) => rootOfPath(path).path),
    ),
    onVanished: (path) => tally.warn('vanished', path, 'gone between listing and lstat'),
  };
}

function identityOf(folder: string): string[] {
  const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? [] : [`${stat.dev}:${stat.ino}`];
}

/** Configured paths that are mount points now. */
export function mountPoints(paths: readonly string[]): string[] {
  const deviceOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.dev;
  return paths.filter((path) => deviceOf(path) !== undefined && deviceOf(path) !== deviceOf(dirname(path)));
}

/** The time by the clock that stamps ctimes: of a file made just now. Nanoseconds since 1970. */
export async function fileSystemNow(folder: string): Promise<bigint> {
  const file = join(folder, 'scan-start');
  return asStateError(file, async () => {
    const handle = await open(file, 'w', 0o600);
    try {
      await handle.writeFile('.');
      return (await handle.stat({ bigint: true })).ctimeNs;
    } finally {
      await handle.close();
      await unlink(file);
    }
  });
}
