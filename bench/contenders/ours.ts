/** Offsite itself, from this checkout. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERSION } from '../../contract/version.ts';
import type { Contender, Place, Session } from '../contender.ts';
import { type Command, run } from '../measure.ts';
import { LATENCY, urlOf } from '../s3.ts';

const OFFSITE = join(import.meta.dirname, '../../bin/offsite');
const CORES = join(import.meta.dirname, '../cores.ts');

export interface Setting {
  /** `memory` of the config; its default where it is not given. */
  readonly memory?: string | undefined;
  /** As many cores the program takes the machine to have; as it has where it is not given. */
  readonly cores?: string | undefined;
}

export function ours(setting: Setting = {}): Contender {
  return {
    ...{ name: 'offsite', version: VERSION, setting: 'alike', speaksS3: 'direct' },
    prepare: (place, source) => prepare(place, source, setting),
  };
}

/**
 * The same with one more hop to the store, and with one on which every call takes so much longer. The ratio of the second
 * is of the throughput that is left: what the hop itself costs is in both.
 */
export function oursFurtherAway(setting: Setting): Contender[] {
  const near = 'offsite (one more hop)';
  return [
    { ...ours(setting), name: near, setting: 'defaults', speaksS3: 'near' },
    { ...ours(setting), name: `offsite (hop of ${LATENCY} ms)`, speaksS3: 'far', besides: near },
  ];
}

function prepare({ store, home, s3 }: Place, source: string, { memory, cores }: Setting): Session {
  mkdirSync(home, { recursive: true });
  const keys = join(home, 'keys');
  const config = join(home, 'config.yml');
  const url = s3 === null ? `file://${store}` : urlOf(s3);
  const env: Record<string, string> = { OFFSITE_CONFIG: config, OFFSITE_KEY: join(keys, 'private.asc') };
  if (s3 !== null) {
    env.AWS_ACCESS_KEY_ID = s3.accessKey;
    env.AWS_SECRET_ACCESS_KEY = s3.secretKey;
  }
  if (cores !== undefined) Object.assign(env, { NODE_OPTIONS: `--import="${CORES}"`, BENCH_CORES: cores });
  const offsite = (...words: string[]): Command => ({ words: [OFFSITE, ...words], env });
  const recipient = join(keys, 'public.asc');
  run(offsite('keys', 'generate', '--name', 'Bench', '--email', 'bench@example.org', '--out', keys));
  run(offsite('init', '--store', url, '--recipient', recipient, '--host', 'bench', '--state', join(home, 'state')));
  const written = join(home, 'init.yml');
  writeFileSync(
    written,
    [
      'host: bench',
      `store: ${JSON.stringify(url)}`,
      `recipients: [${JSON.stringify(recipient)}]`,
      `identity: ${join(home, 'state/identity')}`,
      `state: ${join(home, 'state')}`,
      ...(memory === undefined ? [] : [`memory: ${memory}`]),
      `sets: { data: { paths: [${JSON.stringify(source)}] } }`,
    ].join('\n'),
  );
  env.OFFSITE_CONFIG = written;
  const prefix = run(offsite('trust', 'bench', '--yes', '--json', '--store', url));
  if (!prefix.includes('certified')) throw new Error(`trust said: ${prefix}`);
  return {
    full: () => offsite('backup', 'full', '--quiet'),
    incremental: () => offsite('backup', 'incremental', '--quiet'),
    restoreAll: (target) => offsite('restore', 'latest', '--to', target, '--quiet'),
    restoreOne: (file, target) => offsite('restore', 'latest', file, '--to', target, '--quiet'),
    restored: (file, target) => join(target, file),
  };
}
