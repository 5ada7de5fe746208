import type { Command } from 'commander';
import { pathFromText } from '../../contract/byte-path.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { type PlanSummary, planRestore, ReadyThreads, type RestoreReport, restore } from '../../host-agent/restore.ts';
import { ManifestReader } from '../../repository/manifests.ts';
import { RunReader } from '../../repository/run-reader.ts';
import { isBelieved, selectRun } from '../../repository/select-run.ts';
import { monotonicMilliseconds } from '../../system/clock.ts';
import { Context, type KeyOptions } from '../context.ts';
import { ExitCode } from '../exit-code.ts';
import { addKeyOptions, addRunOptions, addTrustOption, queryOf, type RunOptions } from '../options.ts';
import { count, formatBytes, formatDuration, formatInstant } from '../ui/format.ts';
import type { Output } from '../ui/output.ts';
import { ProgressLine } from '../ui/progress.ts';

interface Options extends KeyOptions, RunOptions {
  to: string;
  dryRun?: boolean;
  overwrite?: boolean;
}

export function addRestore(offsite: Command): void {
  const command = offsite
    .command('restore')
    .description('restore files and directories, every byte verified')
    .argument('<run>', 'a run id, or latest')
    .argument('[path...]', 'paths as restored, such as etc/hosts; everything if none is given')
    .requiredOption('--to <DIR>', 'where to; an absolute source path /etc/hosts lands in DIR/etc/hosts')
    .option('--dry-run', 'print the plan and write nothing')
    .option('--overwrite', 'replace files that are there and differ; else they are kept');
  addTrustOption(addRunOptions(addKeyOptions(command)))
    .addHelpText(
      'after',
      `
An interrupted restore is continued by the same command. Exit 0 means: all that was asked for is there and verified.

Examples:
  offsite restore latest --host carcosa --set data --store s3://my-backups --key private.asc --to /restored
  offsite restore 20261121T040000Z-0123456789ab etc/hosts --key private.asc --to ./look`,
    )
    .action((run: string, paths: string[], options: Options, sub: Command) =>
      restoreRun(run, paths, options, Context.of(sub)),
    );
}

async function restoreRun(run: string, paths: string[], options: Options, context: Context): Promise<void> {
  const { output, signal } = context;
  const key = await context.privateKey(options);
  const believing = await context.believing(options, key);
  const signed = await selectRun(believing, queryOf(run, options));
  const manifests = new ManifestReader(believing.store, believing.trust?.trust ?? null);
  const reader = new RunReader({ store: believing.store, manifests, key }, signed);
  if (signed.certification.state === 'uncertified' && isBelieved(signed, believing)) {
    output.warning(`the host key ${signed.signer} is not certified: ${signed.certification.why}`);
  }
  // Who asks for everything needs the threads; of some paths nobody knows before the plan.
  const isAll = paths.length === 0 && options.dryRun !== true;
  await using threads = new ReadyThreads(isAll ? extentOf(signed.manifest) : { parts: 0, bytes: 0 });
  const plan = await planRestore(
    reader,
    paths.map((path) => pathFromText(path)),
    { askStore: options.dryRun ?? false, signal },
  );
  const { name, set } = signed.manifest;
  output.message(`run ${signed.manifest.run} of ${name}, set ${set}, sequence ${plan.summary.sequence}`);
  output.message(
    `made ${formatInstant(plan.summary.started)} (${age(plan.summary, context)} ago), ${signed.manifest.outcome}`,
  );
  for (const line of planLines(plan.summary)) output.message(line);
  if (options.dryRun) {
    output.json({ plan: plan.summary, problems: plan.problems });
    for (const problem of plan.problems) output.warning(`${problem.path}: ${problem.message}`);
    return;
  }
  const began = monotonicMilliseconds();
  const progress = new ProgressLine(output, 'restored');
  const report = await restore({
    reader,
    plan,
    target: options.to,
    overwrite: options.overwrite ?? false,
    signal,
    threads,
    onProgress: ({ files, bytes, ofBytes }) => progress.update({ files, bytes, expectedBytes: ofBytes }),
  });
  progress.end();
  conclude(report, options.to, monotonicMilliseconds() - began, output);
}

/** What restoring all of a run comes to at least, or nearly. */
const extentOf = ({ objects }: Manifest) => ({
  parts: objects.length,
  bytes: objects.reduce((sum, [, size]) => sum + size, 0),
});

const age = ({ started }: PlanSummary, { clock }: Context) =>
  formatDuration(Math.max(0, clock.now().getTime() - Date.parse(started)));

function planLines(plan: PlanSummary): string[] {
  const links = plan.symlinks + plan.hardLinks;
  const what = [count(plan.files, 'file'), count(plan.directories, 'directory').replace('directorys', 'directories')];
  if (links > 0) what.push(count(links, 'link'));
  const cold =
    plan.coldParts === null || plan.coldParts === 0 ? '' : `; ${count(plan.coldParts, 'part')} must be thawed first`;
  return [
    `to restore: ${what.join(', ')}, ${formatBytes(plan.bytes)}; to fetch: ${count(plan.parts, 'part')}, ${formatBytes(plan.fetchBytes)}${cold}`,
  ];
}

const NOT_SET: Record<string, string> = {
  owner: 'owners could not be set (that needs root)',
  'owner-name': 'owners have another number for their name on this machine; the number was kept',
  'set-id': 'set-id bits were dropped, because the owner could not be set',
  mode: 'modes could not be set',
  mtime: 'times could not be set',
  xattrs: 'entries have extended attributes, which this version does not restore',
  'hard-link': 'hard links became files of their own',
  fifo: 'FIFOs could not be made',
  socket: 'sockets are not restored',
  device: 'devices could not be made (that needs root)',
};

function conclude(report: RestoreReport, to: string, elapsed: number, output: Output): void {
  output.json(report);
  for (const { what, count: times } of report.notSet) output.message(`${times} ${NOT_SET[what] ?? what}`);
  for (const { path, message } of report.errors) output.warning(`${path}: ${message}`);
  output.result(
    `${count(report.files, 'file')}, ${formatBytes(report.bytes)} restored and verified in ${to} (${formatDuration(elapsed)})`,
  );
  if (report.errors.length > 0) {
    output.warning(
      `${count(report.errors.length, 'entry').replace('entrys', 'entries')} not restored as asked; run the command again to continue`,
    );
    throw new ExitCode(3);
  }
}
