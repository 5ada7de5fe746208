import type { Command } from 'commander';
import { isOffsiteError } from '../../contract/errors.ts';
import { instantText } from '../../contract/ids.ts';
import { currentHeads, type FleetStatus, fleetStatus, isWell, scheduleFaults } from '../../operator/fleet-status.ts';
import type { Subscription } from '../../operator/fleet-subscribe.ts';
import type { ObjectStore } from '../../store/port.ts';
import { parseStoreUrl } from '../../store/url.ts';
import { Context } from '../context.ts';
import { ExitCode } from '../exit-code.ts';
import { openHands } from '../fleet-hands.ts';
import { fleetText, ownerOf, problemLines } from '../ui/fleet-table.ts';
import { formatDuration } from '../ui/format.ts';

interface Options {
  all?: boolean;
  heads?: boolean;
  storeOnly?: boolean;
}

/** What the stack says beside the store; null where there is nothing to ask. */
interface StackAnswer {
  readonly missing: readonly string[];
  readonly surplus: readonly string[];
  readonly unconfirmed: readonly Subscription[];
  readonly confirmed: number;
}

/** Reconcile makes rules a moment after a fleet file was applied. */
const RULES_ARE_MADE = 10 * 60_000;

export function addFleetStatus(fleet: Command): void {
  fleet
    .command('status')
    .description('how every host and set stands; exit 1 while a problem is open')
    .argument('[host]', 'this host alone')
    .option('--all', 'every set, also of a fleet of more than 40')
    .option('--heads', "the newest run of each set, in the lines that the daily digest has: 'host/set sequence hash'")
    .option('--store-only', 'ask the store alone, not the stack for its rules and subscriptions')
    .addHelpText(
      'after',
      `
NEWEST GOOD is the newest complete or accepted backup; CHAIN is the age of the full that the next incremental builds on,
and how many runs a restore reads. No key is needed: this is the stack's own word. 'offsite check' believes signatures.

Exit codes: 0 all is well; 1 a problem is open, or audit has not run for 45 minutes; 2 unknown host.

Examples:
  offsite fleet status --store s3://my-backups?region=eu-central-1
  offsite fleet status carcosa --json
  offsite fleet status --heads | sha256sum     # to compare with a digest's`,
    )
    .action((host: string | undefined, options: Options, sub: Command) => status(host, options, Context.of(sub)));
}

async function status(host: string | undefined, options: Options, context: Context): Promise<void> {
  const { output, clock } = context;
  const store = await context.openStore();
  const now = clock.now();
  if (options.heads === true) {
    const lines = await currentHeads(store, now, host);
    output.json({ heads: lines });
    if (lines.length > 0) output.answer(lines.join('\n'));
    return;
  }
  const found = await fleetStatus(store, { now, ...(host === undefined ? {} : { host }) });
  const asked = options.storeOnly === true ? null : await askStack(store, found, context);
  const isRuled = asked === null || asked.missing.length === 0 || +now - +found.ruling.applied < RULES_ARE_MADE;
  const ok = isWell(found) && isRuled;
  output.json(jsonOf(found, asked, ok));
  output.result(fleetText(found, { all: options.all === true }));
  // Whoever reads no listing is told what is wrong all the same.
  if (output.options.quiet) for (const line of problemLines(found.problems)) output.warning(line);
  warn(found, { asked, store, output });
  if (!ok) throw new ExitCode(1);
}

/** Whoever may only read the store gets all that is in it, and hears what was not looked at. */
async function askStack(store: ObjectStore, { ruling }: FleetStatus, context: Context): Promise<StackAnswer | null> {
  if (parseStoreUrl(store.url).kind === 'directory') return null;
  try {
    const { hands } = await openHands(context, store, { stack: ruling.fleet.stack }, { judges: false });
    const [schedules, subscriptions] = [await hands.schedules(), await hands.subscriptions()];
    const faults = schedules === null ? { missing: [], surplus: [] } : scheduleFaults(ruling.fleet, schedules);
    const unconfirmed = subscriptions?.filter(({ isConfirmed }) => !isConfirmed) ?? [];
    return { ...faults, unconfirmed, confirmed: (subscriptions?.length ?? 0) - unconfirmed.length };
  } catch (error) {
    if (!isOffsiteError(error, 'stack-absent', 'stack-denied', 'stack-throttled', 'stack-failed', 'usage')) throw error;
    context.output.warning(`rules and subscriptions were not looked at: ${error.message}`);
    return null;
  }
}

function warn(
  { audit, trouble, at, unread }: FleetStatus,
  { asked, store, output }: { asked: StackAnswer | null; store: ObjectStore; output: Context['output'] },
): void {
  if (trouble !== null) output.warning(`${trouble.text}; the last usable fleet file rules meanwhile`);
  if (audit.isLate) {
    const since = audit.cursor === null ? 'has never run' : `has not run for ${formatDuration(+at - +audit.cursor)}`;
    const isHere = parseStoreUrl(store.url).kind === 'directory';
    const next = isHere ? 'offsite fleet watch' : 'see the log of the function audit, docs/deploy.md';
    output.warning(`audit ${since}, so nobody looks for missed backups: ${next}`);
  }
  for (const key of unread) output.warning(`${key} cannot be read: what it says is not told here`);
  for (const one of asked?.missing ?? [])
    output.warning(`the rule of the schedule ${one} is not there: it is never due (apply the fleet file again)`);
  for (const one of asked?.surplus ?? [])
    output.warning(`the rule of ${one} is there, and no policy has that schedule`);
  for (const { topic, address } of asked?.unconfirmed ?? [])
    output.warning(`${address} has not confirmed the subscription to ${topic}, and gets nothing`);
}

function jsonOf(status: FleetStatus, asked: StackAnswer | null, ok: boolean) {
  const { at, ruling, trouble, nextDigest, audit, problems, sets, unread } = status;
  const text = (instant: Date | null) => (instant === null ? null : instantText(instant));
  return {
    ok,
    at: instantText(at),
    fleet: { applied: instantText(ruling.applied), sha256: ruling.sha256, stack: ruling.fleet.stack, trouble },
    audit: { cursor: text(audit.cursor), late: audit.isLate },
    nextDigest: text(nextDigest),
    problems: problems.map((one) => {
      const { kind, host, set, policy, began, furtherCount, recorded, told, under, reasons } = one;
      return {
        kind,
        of: ownerOf(one),
        host,
        set,
        policy,
        since: began.at,
        times: furtherCount + 1,
        recorded,
        told,
        under,
        reasons,
      };
    }),
    sets: sets.map(({ next, ...one }) => ({
      ...one,
      next: next === null ? null : { ...next, due: instantText(next.due) },
    })),
    stack: asked,
    unread,
  };
}
