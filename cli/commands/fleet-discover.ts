import type { Command } from 'commander';
import { instantText } from '../../contract/ids.ts';
import { FleetArchive } from '../../functions/lib/fleet-archive.ts';
import { discovered, hostLines } from '../../operator/fleet-discover.ts';
import type { ManagedNode } from '../../operator/fleet-nodes.ts';
import { Context } from '../context.ts';
import { addEmbeddedOptions, addStackOption, type HandsOptions, openHands } from '../fleet-hands.ts';
import { formatDuration, table } from '../ui/format.ts';

export function addFleetDiscover(fleet: Command): void {
  const command = fleet
    .command('discover')
    .description('machines that could be backed up and are not in the fleet file');
  addEmbeddedOptions(addStackOption(command))
    .addHelpText(
      'after',
      `
On AWS these are the managed nodes of SSM in the stack's account and region; with a file:// store, the host configs of
a folder. What is printed below the table can be pasted into the fleet file: look at names and sets.

Examples:
  offsite fleet discover --store s3://my-backups?region=eu-central-1
  offsite fleet discover --stack offsite --json`,
    )
    .action((options: HandsOptions, sub: Command) => discover(options, Context.of(sub)));
}

async function discover(options: HandsOptions, context: Context): Promise<void> {
  const { output, clock } = context;
  const store = await context.openStore();
  const { hands, name } = await openHands(context, store, options, { judges: false, lists: true });
  const nodes = await hands.nodes();
  const { rulings } = await new FleetArchive(store).history(clock.now());
  const fleet = rulings[0]?.fleet ?? null;
  const found = discovered(nodes, fleet);
  const lines = hostLines(found.fresh, fleet);
  output.json({
    nodes: found.nodes,
    fresh: found.fresh.map(jsonOf),
    unknown: found.unknown,
    untagged: found.untagged,
    yaml: lines.length === 0 ? null : `hosts:\n${lines.join('\n')}\n`,
  });
  if (found.fresh.length > 0) {
    const rows = found.fresh.map((one) => [one.node, one.name, one.platform, seen(one, clock.now()), TAGS[one.tag]]);
    output.answer(table([['NODE', 'NAME', 'PLATFORM', 'SEEN', 'TAG'], ...rows]));
    output.answer(`\n# for the fleet file; then: offsite fleet apply FILE --tag\nhosts:\n${lines.join('\n')}`);
  } else if (found.nodes > 0) {
    output.result(`All ${found.nodes} nodes of ${name} are in the fleet file.`);
  } else {
    output.warning(`${name} knows no node at all`);
  }
  for (const { host, node } of found.unknown)
    output.warning(`${host}: the command service does not know its node ${node}`);
  for (const { host, node } of found.untagged)
    output.warning(`${host}: its node ${node} lacks the stack's tag, so that it cannot be asked (fleet apply --tag)`);
}

const TAGS = { ours: "this stack's", other: "another stack's", none: 'none' } as const;

function seen({ online, lastSeen }: ManagedNode, now: Date): string {
  if (online) return 'online';
  return lastSeen === null ? 'not online' : `${formatDuration(Math.max(0, +now - +lastSeen))} ago`;
}

function jsonOf({ node, name, platform, online, lastSeen, tag, own }: ManagedNode) {
  const last = lastSeen === null ? null : instantText(lastSeen);
  return { node, name, platform, online, lastSeen: last, tag, sets: own?.sets ?? null };
}
