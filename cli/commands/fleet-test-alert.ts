import type { Command } from 'commander';
import type { Subscription } from '../../operator/fleet-subscribe.ts';
import { type TestedAlert, testAlerts } from '../../operator/test-alert.ts';
import { Context } from '../context.ts';
import { ExitCode } from '../exit-code.ts';
import { addEmbeddedOptions, addStackOption, type HandsOptions, type OpenHands, openHands } from '../fleet-hands.ts';
import { table } from '../ui/format.ts';

export function addFleetTestAlert(fleet: Command): void {
  const command = fleet
    .command('test-alert')
    .description('let the stack send a TEST to everybody who is told when a backup is missing');
  addEmbeddedOptions(addStackOption(command))
    .addHelpText(
      'after',
      `
It goes all the way: the function that finds missing backups publishes it, with its own rights, to the topics of real
alerts. It is marked critical, so that phones get it too. Exit code 1 where nobody but phones would hear of it.

Example:
  offsite fleet test-alert --store s3://my-backups?region=eu-central-1`,
    )
    .action((options: HandsOptions, sub: Command) => test(options, Context.of(sub)));
}

async function test(options: HandsOptions, context: Context): Promise<void> {
  const { output } = context;
  const store = await context.openStore();
  const open = await openHands(context, store, options, { judges: false });
  const tested = await testAlerts(open.hands);
  output.json({ ...tested, ...(open.embedded === null ? {} : { outbox: open.embedded.outbox }) });
  tell(tested, open, context);
  if (!tested.isHeard) throw new ExitCode(1);
}

function tell(
  { told, unheard, confirmed, unconfirmed, isHeard }: TestedAlert,
  { embedded, name }: OpenHands,
  { output }: Context,
): void {
  if (told.length > 0) output.message(`${name} has published a TEST to ${told.join(' and ')}`);
  if (embedded !== null) output.result(`It is in ${embedded.outbox}, where every message is kept: nothing is sent.`);
  if (confirmed !== null && confirmed.length > 0) output.result(`Should get it now:\n${shown(confirmed)}`);
  for (const topic of unheard) output.warning(`nobody but phones listens to ${topic}: nothing was published there`);
  if (unconfirmed.length > 0) {
    output.warning(
      `not confirmed, so they get nothing:\n${shown(unconfirmed)}\n  Whoever it is opens the link in the mail "AWS Notification - Subscription Confirmation", within 3 days.`,
    );
  }
  if (!isHeard) {
    output.warning('nobody hears of missing backups: offsite fleet subscribe --email ADDRESS');
  }
}

const shown = (all: readonly Subscription[]) =>
  table(all.map(({ protocol, address, topic }) => ['', protocol, address, topic]));
