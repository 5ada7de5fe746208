import type { Command } from 'commander';
import { OffsiteError } from '../../contract/errors.ts';
import { stackToTearDown } from '../../operator/fleet-teardown.ts';
import { Context } from '../context.ts';
import { addEmbeddedOptions, addStackOption, type HandsOptions, openHands } from '../fleet-hands.ts';
import { confirm, isInteractive } from '../ui/prompt.ts';

interface Options extends HandsOptions {
  yes?: boolean;
  dryRun?: boolean;
}

export function addFleetTeardown(fleet: Command): void {
  const command = fleet
    .command('teardown')
    .description("take away the schedules' rules, before the stack is removed; backups stay")
    .option('--dry-run', 'show what would be removed, and remove nothing')
    .option('--yes', 'do not ask');
  addEmbeddedOptions(addStackOption(command))
    .addHelpText(
      'after',
      `
From then on nobody is asked for backups. As long as the stack is deployed, it finds out that they are missing, and
makes the rules anew within a day: so remove it next, with the command that is printed.

Example:
  offsite fleet teardown --stack offsite --store s3://my-backups?region=eu-central-1`,
    )
    .action((options: Options, sub: Command) => teardown(options, Context.of(sub)));
}

async function teardown(options: Options, context: Context): Promise<void> {
  const { output, clock } = context;
  const store = await context.openStore();
  const isEmbedded = store.url.startsWith('file:');
  const stack =
    isEmbedded && options.stack === undefined ? undefined : await stackToTearDown(store, options.stack, clock.now());
  const { hands, name } = await openHands(context, store, stack === undefined ? options : { ...options, stack }, {
    judges: false,
  });
  const found = await hands.leftovers();
  for (const one of found) output.message(`to remove: ${one}`);
  const isDry = options.dryRun === true;
  if (found.length > 0 && !isDry) {
    await assertMeant(options, `Remove these ${found.length} of ${name}?`);
    await hands.removeLeftovers();
  }
  output.json({
    stack: stack ?? null,
    dryRun: isDry,
    removed: isDry ? [] : found,
    found,
    stays: hands.stays,
    next: hands.next,
  });
  output.result(
    found.length === 0
      ? `${name} has nothing to remove`
      : isDry
        ? 'Nothing was removed.'
        : `removed ${found.length} of ${name}`,
  );
  output.message(`What stays: ${hands.stays.join('; ')}.`);
  if (hands.next.length > 0) output.message(`Next:\n${hands.next.map((command) => `  ${command}`).join('\n')}`);
}

async function assertMeant({ yes }: Options, question: string): Promise<void> {
  if (yes === true) return;
  if (!isInteractive()) throw new OffsiteError('usage', 'not a terminal: look at what would be removed and give --yes');
  if (!(await confirm(question))) throw new OffsiteError('usage', 'nothing was removed');
}
