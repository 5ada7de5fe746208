import { Argument, type Command, InvalidArgumentError } from 'commander';
import { displayPath } from '../../contract/byte-path.ts';
import { OffsiteError, toOffsiteError } from '../../contract/errors.ts';
import { isUploadLimit } from '../../contract/host-config.ts';
import { decodeJob } from '../../contract/job.ts';
import { parseSize } from '../../contract/units.ts';
import { hostNameOf } from '../../host-agent/config.ts';
import { exitCodeOf, type RunResult } from '../../host-agent/run/outcome.ts';
import { runJson } from '../../operator/runs.ts';
import { monotonicMilliseconds } from '../../system/clock.ts';
import { environmentVariable } from '../../system/environment.ts';
import { Context } from '../context.ts';
import { ExitCode } from '../exit-code.ts';
import { count, formatBytes, formatDuration } from '../ui/format.ts';
import type { Output } from '../ui/output.ts';
import { ProgressLine } from '../ui/progress.ts';

interface Options {
  set?: string[];
  job?: string;
  dryRun?: boolean;
  extraVerify?: boolean;
  limitUpload?: number;
}

export function addBackup(offsite: Command): void {
  offsite
    .command('backup')
    .description('back up: a run of each set')
    .addArgument(
      new Argument('[type]', 'auto: incremental where the base is there, else full')
        .choices(['auto', 'full', 'incremental'])
        .default('auto'),
    )
    .option('--set <NAME...>', 'these sets only')
    .option('--job <BASE64URL>', 'what the stack asks for; sets and type come from it')
    .option('--dry-run', 'scan and count, write nothing to the store')
    .option('--extra-verify', 'open and compare every part before it is uploaded')
    .option(
      '--limit-upload <RATE>',
      'bytes per second of all uploads together, such as 500KB or 2MB; 0: no limit (else the config)',
      parseRate,
    )
    .addHelpText(
      'after',
      `
Examples:
  offsite backup
  offsite backup full --set etc
  offsite backup --limit-upload 2MB
  offsite backup --quiet          (in cron: prints nothing unless something is wrong)`,
    )
    .action((type: 'auto' | 'full' | 'incremental', options: Options, command: Command) =>
      backup(type, options, Context.of(command)),
    );
}

async function backup(type: 'auto' | 'full' | 'incremental', options: Options, context: Context): Promise<void> {
  // Loaded when it is needed: other commands start without it.
  const { backupSets } = await import('../../host-agent/backup-sets.ts');
  const { output, clock, signal } = context;
  if (context.options.store !== undefined) {
    throw new OffsiteError('usage', '--store goes without backup: a host backs up to the store of its config');
  }
  const config = context.config();
  const job = options.job === undefined ? null : decodeJob(options.job);
  if (job !== null && options.set !== undefined)
    throw new OffsiteError('usage', '--set goes without --job: the job names the sets');
  const began = monotonicMilliseconds();
  let progress = new ProgressLine(output, '');
  const results = await backupSets(
    {
      type,
      ...(options.set === undefined ? {} : { sets: options.set }),
      job,
      node: environmentVariable('AWS_SSM_INSTANCE_ID') ?? hostNameOf(config),
      dryRun: options.dryRun ?? false,
      extraVerify: options.extraVerify ?? false,
    },
    {
      config,
      recipients: await context.recipients(config),
      openStore: () => context.openStore(config.store, { limitUpload: options.limitUpload ?? config.limitUpload }),
      clock,
      signal,
      notice: (text) => output.warning(text),
      onSet: (set) => {
        progress.end();
        progress = new ProgressLine(output, set);
      },
      onWarning: ({ code, path, detail }) => output.message(`  ${code}: ${displayPath(path)}: ${detail}`),
      onProgress: (figures) => progress.update({ ...figures, also: `${formatBytes(figures.newBytes)} new` }),
    },
  );
  progress.end();
  output.json({ runs: results.map((result) => resultJson(job === null ? result : withoutPaths(result))) });
  for (const result of results) describe(job === null ? result : withoutPaths(result), output);
  if (results.length === 0) output.message('the job is not for this host; nothing to do');
  else output.message(`done in ${formatDuration(monotonicMilliseconds() - began)}`);
  const code = exitCodeOf(results);
  if (code !== 0) throw new ExitCode(code);
}

function parseRate(text: string): number {
  const bytes = parseSize(text);
  if (bytes === null || !isUploadLimit(bytes))
    throw new InvalidArgumentError('It must be 0 or a size of at least 16KB, such as 500KB or 2MB.');
  return bytes;
}

function resultJson({ set, run, outcome, manifest, error }: RunResult): object {
  const shown = error === null ? null : { code: error.code, message: error.message };
  if (manifest === null) return { run, set, outcome, error: shown };
  return { ...runJson(manifest), run, outcome, error: shown };
}

/** What a command prints is kept by AWS: an error of a job says its code and nothing of what lies on the host. */
function withoutPaths(result: RunResult): RunResult {
  const { error, set, run } = result;
  if (error === null) return result;
  return {
    ...result,
    error: new OffsiteError(error.code, `run ${run} of set ${set}: ${error.code} (see docs/errors.md)`),
  };
}

function describe({ set, run, outcome, manifest, error }: RunResult, output: Output): void {
  if (error !== null && outcome !== 'dry-run') {
    output.failure(toOffsiteError(error));
    return;
  }
  if (outcome === 'duplicate') {
    output.message(`${set}: run ${run} was made already`);
    return;
  }
  if (manifest === null) return;
  const { counts, actual, promoted, gates } = manifest;
  const name = outcome === 'dry-run' ? 'would be a run' : `run ${run}`;
  const figures = [
    `${count(counts.files, 'file')}, ${formatBytes(counts.bytes)}`,
    `${count(counts.changedFiles, 'changed file')}`,
    `${formatBytes(counts.newBytes)} new`,
    `${formatBytes(counts.storedBytes)} stored`,
  ];
  output.result(
    `${set}: ${name} (${actual}${promoted === null ? '' : `, because ${promoted.reason}`}) ${outcome}: ${figures.join(', ')}`,
  );
  if (outcome === 'suspect') {
    for (const gate of gates.filter(({ ok }) => !ok)) {
      output.warning(`${set}: gate ${gate.gate} failed: expected at least ${gate.expected}, found ${gate.found}`);
    }
  }
  for (const { code, count: times } of manifest.warnings) {
    if (code === 'unreadable')
      output.warning(`${set}: ${count(times, 'entry').replace('entrys', 'entries')} could not be read`);
  }
}
