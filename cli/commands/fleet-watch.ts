import type { Command } from 'commander';
import { OffsiteError } from '../../contract/errors.ts';
import type { Clock } from '../../system/clock.ts';
import { Context } from '../context.ts';
import { addEmbeddedOptions, type HandsOptions, openHands } from '../fleet-hands.ts';
import { count, formatInstant } from '../ui/format.ts';

/** Milliseconds after which a new fleet file, or a run that came by itself, is seen at the latest. */
const EVERY = 10_000;
const HOUR = 3_600_000;

export function addFleetWatch(fleet: Command): void {
  const command = fleet
    .command('watch')
    .description('the embedded stack: dispatches and audits on this machine until stopped')
    .option('--operator <FILE>', "the operator's public key, if there is no config")
    .option('--key <FILE>', 'or the private key (else $OFFSITE_KEY)');
  addEmbeddedOptions(command)
    .addHelpText(
      'after',
      `
For stores of this machine (file://), which have no stack on AWS: it asks the hosts of the folder for their backups when
the fleet file says so, judges what comes, and writes messages into the outbox. Let a service manager keep it running.
Stopping it stops no backup; what was due while it was stopped is asked for, or told as missed, when it starts again.

Example:
  offsite fleet watch --store file:///backups --hosts /etc/offsite/hosts --operator /etc/offsite/operator.asc`,
    )
    .action((options: HandsOptions, sub: Command) => watchFleet(options, Context.of(sub)));
}

async function watchFleet(options: HandsOptions, context: Context): Promise<void> {
  const { output, clock, signal } = context;
  const store = await context.openStore();
  const { embedded } = await openHands(context, store, options, { judges: true });
  if (embedded === null) {
    throw new OffsiteError('usage', `${store.url} is watched by its stack on AWS; this is for file:// stores`);
  }
  const [{ watch }, { HttpHeartbeat }] = await Promise.all([
    import('../../local/watch.ts'),
    import('../../functions/aws/heartbeat.ts'),
  ]);
  output.message(`watching ${store.url}; messages go to ${embedded.outbox}`);
  await watch({
    stack: embedded.stack,
    agents: embedded.agents,
    clock,
    signal,
    every: EVERY,
    heartbeat: new HttpHeartbeat(clock),
    onDispatched: ({ policy, type, due }, nodes) =>
      output.message(`${formatInstant(due)}: ${type} of ${policy}, asked ${count(nodes, 'host')}`),
    onAudited: (slots, open) => {
      if (slots > 0) output.message(`${formatInstant(clock.now())}: audited ${count(slots, 'slot')}, ${open} open`);
    },
    onError: onceAnHour((text) => output.warning(text), clock),
  });
  output.message('stopped; agents that run go on');
}

/** What goes on failing is tried every few seconds, and must not fill a log: the same words are said once an hour. */
function onceAnHour(say: (text: string) => void, clock: Clock): (error: unknown) => void {
  const said = new Map<string, number>();
  return (error) => {
    const text = error instanceof Error ? error.message : String(error);
    const now = clock.now().getTime();
    for (const [known, at] of said) if (now - at >= HOUR) said.delete(known);
    if (said.has(text)) return;
    said.set(text, now);
    say(text);
  };
}
