/** Options that several commands share. */

import { type Command, InvalidArgumentError } from 'commander';
import { OffsiteError } from '../contract/errors.ts';
import type { RunQuery } from '../repository/select-run.ts';

/** `--key`, `--passphrase-file`. */
export function addKeyOptions(command: Command): Command {
  return command
    .option('--key <FILE>', 'the private key (else $OFFSITE_KEY)')
    .option('--passphrase-file <FILE>', 'its passphrase (else $OFFSITE_PASSPHRASE_FILE; a terminal is asked)');
}

/** `--host`, `--set`, `--at`: which run is meant. */
export function addRunOptions(command: Command): Command {
  return command
    .option('--host <NAME>', 'the host')
    .option('--set <NAME>', 'the set')
    .option(
      '--at <TIME>',
      'with latest: the newest run at or before this time, such as 2026-11-21 or 2026-11-21T04:00Z',
      parseTime,
    );
}

/** `--trust`: host keys that are believed without trust.json. */
export function addTrustOption(command: Command): Command {
  return command.option('--trust <FPR...>', 'believe this host key although trust.json does not certify it');
}

export interface RunOptions {
  host?: string;
  set?: string;
  at?: Date;
  trust?: string[];
}

export function queryOf(run: string, { host, set, at }: RunOptions): RunQuery {
  if (at !== undefined && run !== 'latest') throw new OffsiteError('usage', '--at goes with latest alone');
  return { run, host, set, at };
}

/** A time on the command line; a date alone means its end. UTC unless it says otherwise. */
function parseTime(text: string): Date {
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?$/.test(text);
  const hasZone = /(Z|[+-]\d\d:\d\d)$/.test(text);
  const time = new Date(isDate ? `${text}T23:59:59Z` : hasZone ? text : `${text}Z`);
  if ((!isDate && !isTime) || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('It is no time like 2026-11-21T04:00Z.');
  return time;
}
