import type { Command } from 'commander';
import { OffsiteError } from '../../contract/errors.ts';
import { type ListedRun, listRuns } from '../../operator/runs.ts';
import { Context, type KeyOptions } from '../context.ts';
import { addTrustOption } from '../options.ts';
import { formatBytes, formatInstant, table } from '../ui/format.ts';

interface Options extends KeyOptions {
  host?: string;
  set?: string;
  trust?: string[];
}

export function addRuns(offsite: Command): void {
  const command = offsite
    .command('runs')
    .description('list runs, newest last, with outcome and sizes; needs no private key')
    .option('--host <NAME>', 'of this host only')
    .option('--set <NAME>', 'of this set only')
    .option('--operator <FILE>', "the operator's public key, if there is no config")
    .option('--key <FILE>', 'or the private key (else $OFFSITE_KEY)');
  addTrustOption(command)
    .addHelpText('after', '\nExample:\n  offsite runs --store s3://my-backups --operator public.asc --host carcosa')
    .action((options: Options, sub: Command) => runs(options, Context.of(sub)));
}

async function runs(options: Options, context: Context): Promise<void> {
  const { output } = context;
  const listed = await listRuns(await context.believing(options), options);
  if (listed.length === 0)
    throw new OffsiteError('run-not-found', 'the store holds no runs, or none of that host and set');
  output.json({ runs: listed.map(({ json }) => json) });
  output.answer(table([HEAD, ...listed.map(row)], [6, 7, 8]));
}

const HEAD = ['HOST', 'SET', 'RUN', 'STARTED', 'TYPE', 'OUTCOME', 'FILES', 'SIZE', 'STORED'];

function row({ host, set, run, manifest, note }: ListedRun): string[] {
  if (manifest === null) return [host, set, run, '', '', note];
  const { started, actual, counts } = manifest;
  const sizes =
    manifest.outcome === 'failed'
      ? ['', '', '']
      : [String(counts.files), formatBytes(counts.bytes), formatBytes(counts.storedBytes)];
  return [host, set, run, formatInstant(started), actual, note, ...sizes];
}
