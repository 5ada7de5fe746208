import type { Command } from 'commander';
import { OffsiteError } from '../../contract/errors.ts';
import { Verified } from '../../host-agent/verify.ts';
import { type VerifiedRun, verifyAll, verifyOne } from '../../operator/verify.ts';
import { selectRun } from '../../repository/select-run.ts';
import { Context, type KeyOptions } from '../context.ts';
import { ExitCode } from '../exit-code.ts';
import { addKeyOptions, addRunOptions, addTrustOption, queryOf, type RunOptions } from '../options.ts';
import { count, formatBytes } from '../ui/format.ts';
import type { Output } from '../ui/output.ts';
import { ProgressLine } from '../ui/progress.ts';

interface Options extends KeyOptions, RunOptions {
  all?: boolean;
  readData?: boolean;
}

export function addVerify(offsite: Command): void {
  const command = offsite
    .command('verify')
    .description('check signatures, and presence, size and SHA-256 of every object; exit 1 where anything is wrong')
    .argument('[run]', 'a run id, or latest', 'latest')
    .option('--all', 'every run, and that none is missing between them')
    .option('--read-data', 'decrypt and check everything down to the content of each file; needs --key')
    .option('--operator <FILE>', "the operator's public key, if there is neither --key nor a config");
  addTrustOption(addRunOptions(addKeyOptions(command)))
    .addHelpText(
      'after',
      `
With --key the listing is read too, and errors name the files that are hurt.

Examples:
  offsite verify --all --store s3://my-backups --operator public.asc
  offsite verify latest --host carcosa --set data --read-data --key private.asc`,
    )
    .action((run: string, options: Options, sub: Command) => verify(run, options, Context.of(sub)));
}

async function verify(run: string, options: Options, context: Context): Promise<void> {
  const { output, signal } = context;
  if (options.readData && !context.hasKey(options))
    throw new OffsiteError('usage', '--read-data needs the private key: --key FILE');
  if (options.all && run !== 'latest') throw new OffsiteError('usage', '--all goes without a run');
  const key = context.hasKey(options) ? await context.privateKey(options) : null;
  const believing = await context.believing(options, key ?? undefined);
  const progress = new ProgressLine(output, 'verified');
  let [objects, bytes] = [0, 0];
  const onProgress = (more: number) => {
    objects++;
    bytes += more;
    progress.update({ files: objects, bytes, expectedBytes: null });
  };
  const depth = { key, readData: options.readData ?? false, onProgress, signal };
  let results: VerifiedRun[];
  if (options.all) {
    results = await verifyAll(believing, options, depth, () => new Verified());
    if (results.length === 0)
      throw new OffsiteError('run-not-found', 'the store holds no runs, or none of that host and set');
  } else {
    const signed = await selectRun(believing, queryOf(run, options));
    const { name: host, set, run: id } = signed.manifest;
    results = [{ host, set, run: id, report: await verifyOne(believing, signed, depth), problems: [] }];
  }
  progress.end();
  conclude(results, output);
}

function conclude(results: readonly VerifiedRun[], output: Output): void {
  const isGood = ({ report, problems }: VerifiedRun) => problems.length === 0 && (report === null || report.verified);
  output.json({ verified: results.every(isGood), runs: results });
  for (const result of results) {
    const { host, set, run, report, problems } = result;
    const what =
      report === null ? 'holds no backup' : `${count(report.objects, 'object')}, ${formatBytes(report.bytes)}`;
    const files = report?.files == null ? '' : `, ${count(report.files, 'file')}`;
    output.result(`${isGood(result) ? 'good' : 'BAD '}  ${host}  ${set}  ${run}  ${what}${files}`);
    for (const problem of problems) output.warning(`${run}: ${problem}`);
    for (const { object, message, files: hurt } of report?.errors ?? []) {
      output.warning(
        `${run}: ${object === null ? '' : `${object}: `}${message}${hurt === undefined ? '' : hurtFiles(hurt)}`,
      );
    }
  }
  if (!results.every(isGood)) throw new ExitCode(1);
}

function hurtFiles(files: readonly string[]): string {
  if (files.length === 0) return '';
  const shown = files.slice(0, 10).join(', ');
  return `; hurt: ${shown}${files.length > 10 ? ` and ${files.length - 10} more` : ''}`;
}
