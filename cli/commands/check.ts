import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from '../../contract/units.ts';
import { checkAll } from '../../operator/check.ts';
import { Context, type KeyOptions } from '../context.ts';
import { ExitCode } from '../exit-code.ts';
import { addTrustOption } from '../options.ts';
import { formatDuration, table } from '../ui/format.ts';

interface Options extends KeyOptions {
  maxAge?: number;
  trust?: string[];
}

export function addCheck(offsite: Command): void {
  const command = offsite
    .command('check')
    .description('what should have been backed up by now, and was it; exit 1 where it was not')
    .option('--max-age <DURATION>', 'go by age alone, such as 26h; for stores without a fleet file', parseMaxAge)
    .option('--operator <FILE>', "the operator's public key, if there is no config")
    .option('--key <FILE>', 'or the private key (else $OFFSITE_KEY)');
  addTrustOption(command)
    .addHelpText('after', '\nExample:\n  offsite check --max-age 26h --store s3://my-backups --operator public.asc')
    .action((options: Options, sub: Command) => check(options, Context.of(sub)));
}

function parseMaxAge(text: string): number {
  const duration = parseDuration(text);
  if (duration === null) throw new InvalidArgumentError('It is no duration like 26h or 2d.');
  return duration;
}

async function check(options: Options, context: Context): Promise<void> {
  const { output, clock } = context;
  const checked = await checkAll(await context.believing(options), clock.now(), options.maxAge ?? null);
  const problems = checked.filter(({ problem }) => problem !== null);
  output.json({ ok: problems.length === 0, sets: checked });
  const rows = checked.map(({ host, set, newest, problem }) => [
    host,
    set,
    newest === null ? 'none' : `${formatDuration(newest.ageSeconds * 1000)} old`,
    newest?.run ?? '',
    problem === null ? 'ok' : problem,
  ]);
  if (rows.length > 0) output.result(table([['HOST', 'SET', 'NEWEST GOOD', 'RUN', ''], ...rows]));
  for (const { host, set, problem } of problems) output.warning(`${host}, set ${set}: ${problem}`);
  if (checked.length === 0) output.warning('nothing is watched: the store holds no runs');
  if (problems.length > 0 || checked.length === 0) throw new ExitCode(1);
}
