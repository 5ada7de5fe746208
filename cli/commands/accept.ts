import type { Command } from 'commander';
import { acceptRun } from '../../operator/accept.ts';
import { Context, type KeyOptions } from '../context.ts';
import { addKeyOptions, addRunOptions, addTrustOption, queryOf, type RunOptions } from '../options.ts';

interface Options extends KeyOptions, RunOptions {
  because: string;
}

export function addAccept(offsite: Command): void {
  const command = offsite
    .command('accept')
    .description('say that a suspect run was looked at and is good; signed with the operator key')
    .argument('<run>', 'a run id')
    .requiredOption('--because <TEXT>', 'why; kept with the signature');
  addTrustOption(addRunOptions(addKeyOptions(command)))
    .addHelpText(
      'after',
      "\nExample:\n  offsite accept 20261121T040000Z-0123456789ab --because 'the old dump was dropped on purpose' --key private.asc",
    )
    .action((run: string, options: Options, sub: Command) => accept(run, options, Context.of(sub)));
}

async function accept(run: string, options: Options, context: Context): Promise<void> {
  const key = await context.privateKey(options);
  const believing = await context.believing(options, key);
  const accepted = await acceptRun(believing, queryOf(run, options), options.because, {
    key,
    now: context.clock.now(),
  });
  context.output.json(accepted);
  context.output.result(`run ${accepted.run} of ${accepted.host}, set ${accepted.set}, is accepted`);
}
