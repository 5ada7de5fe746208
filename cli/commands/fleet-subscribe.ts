import type { Command } from 'commander';
import { OffsiteError } from '../../contract/errors.ts';
import {
  type Subscribed,
  type Subscription,
  subscribeAll,
  wantedSubscriptions,
} from '../../operator/fleet-subscribe.ts';
import { Context } from '../context.ts';
import { addEmbeddedOptions, addStackOption, type HandsOptions, type OpenHands, openHands } from '../fleet-hands.ts';
import { table } from '../ui/format.ts';

interface Options extends HandsOptions {
  email?: string[];
  sms?: string[];
  list?: boolean;
}

export function addFleetSubscribe(fleet: Command): void {
  const command = fleet
    .command('subscribe')
    .description('who is told: add email addresses and phones, or list them')
    .option('--email <ADDRESS...>', 'gets every alert, and the alarms of the stack itself')
    .option('--sms <NUMBER...>', 'gets the critical alerts alone; with the country, as +491701234567')
    .option('--list', 'show who is subscribed, and who has not confirmed');
  addEmbeddedOptions(addStackOption(command))
    .addHelpText(
      'after',
      `
Whoever is added by email opens the link in the mail that comes, within 3 days; until then nothing else comes. A phone
need not confirm, but an account in the SMS sandbox sends only to numbers that were verified in its console. Adding
somebody twice does nothing, or, where it is not confirmed, sends that mail again.

Examples:
  offsite fleet subscribe --email jo@example.org --sms +491701234567
  offsite fleet subscribe --list --store s3://my-backups?region=eu-central-1`,
    )
    .action((options: Options, sub: Command) => subscribe(options, Context.of(sub)));
}

async function subscribe(options: Options, context: Context): Promise<void> {
  const { output } = context;
  const wanted = wantedSubscriptions({ emails: options.email ?? [], phones: options.sms ?? [] });
  if (wanted.length === 0 && options.list !== true) {
    throw new OffsiteError('usage', 'nobody is named: give --email ADDRESS or --sms NUMBER, or --list');
  }
  const store = await context.openStore();
  const open = await openHands(context, store, options, { judges: false });
  const done = await subscribeAll(open.hands, wanted);
  const listed = options.list === true ? await open.hands.subscriptions() : undefined;
  const outbox = open.embedded === null ? {} : { outbox: open.embedded.outbox };
  output.json({ subscribed: done, ...(listed === undefined ? {} : { subscriptions: listed }), ...outbox });
  for (const one of done) output.result(words(one));
  if (done.some(({ protocol, was }) => protocol === 'email' && was !== 'confirmed')) {
    output.message('A mail with a link is on its way for each: nothing else comes before it is opened, within 3 days.');
  }
  if (listed !== undefined) list(listed, open, context);
}

function words({ protocol, address, topic, was }: Subscribed): string {
  const what = `${protocol} ${address}, ${topic}`;
  if (was === 'confirmed') return `${what}: was there already`;
  if (was === 'unconfirmed') return `${what}: not confirmed yet, asked again`;
  return `${what}: subscribed`;
}

function list(all: readonly Subscription[] | null, { embedded, name }: OpenHands, { output }: Context): void {
  if (all === null) {
    output.answer(`Nobody is subscribed to ${name}: its messages are files in ${embedded?.outbox}`);
    return;
  }
  const rows = all.map(({ protocol, address, topic, isConfirmed }) => [
    ...[topic, protocol, address],
    isConfirmed ? 'confirmed' : 'not confirmed: gets nothing',
  ]);
  if (rows.length > 0) output.answer(table([['TOPIC', 'BY', 'ADDRESS', ''], ...rows]));
  const listens = ({ topic, protocol, isConfirmed }: Subscription) =>
    topic === 'alerts' && protocol !== 'sms' && isConfirmed;
  if (!all.some(listens)) output.warning('nobody hears of missing backups: offsite fleet subscribe --email ADDRESS');
}
