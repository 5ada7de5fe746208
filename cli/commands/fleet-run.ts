import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { instantText } from '../../contract/ids.ts';
import { parseDuration } from '../../contract/units.ts';
import { type Followed, type FollowedRun, follow, runsAskedFor } from '../../operator/fleet-follow.ts';
import { type Asked, askForRun } from '../../operator/fleet-run.ts';
import type { ObjectStore } from '../../store/port.ts';
import { Context } from '../context.ts';
import { ExitCode } from '../exit-code.ts';
import { addEmbeddedOptions, type HandsOptions, type OpenHands, openHands } from '../fleet-hands.ts';
import { endWords, followText } from '../ui/followed.ts';
import { formatInstant } from '../ui/format.ts';
import { LiveLine } from '../ui/live-line.ts';

interface Options extends HandsOptions {
  set?: string[];
  wait?: boolean;
  deadline: number;
}

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
/** Milliseconds between two looks into a bucket, and into a directory of this machine. */
const EVERY = { aws: 5000, embedded: 500 };

export function addFleetRun(fleet: Command): void {
  const command = fleet
    .command('run')
    .description('ask a host for backups now; the stack does the asking and judges what comes')
    .argument('<host>', 'its name in the fleet file')
    .addArgument(
      new Argument('[type]', 'auto is incremental: the host makes a full where there is no base')
        .choices(['auto', 'full', 'incremental'])
        .default('auto'),
    )
    .option('--set <NAME...>', 'these sets only')
    .option('--wait', 'follow the runs to their verdict')
    .addOption(
      new Option('--deadline <DURATION>', 'how long the host may take, asleep or not, such as 90m or 2d')
        .argParser(parseDeadline)
        .default(8 * 60 * MINUTE, '8h'),
    )
    .option('--operator <FILE>', "with a file:// store: the operator's public key, if there is no config")
    .option('--key <FILE>', 'or the private key (else $OFFSITE_KEY)');
  addEmbeddedOptions(command)
    .addHelpText(
      'after',
      `
The run is one of the policy 'manual': nobody is alerted when it does not come. Ctrl-C ends the waiting, not the run.
With a file:// store this command is the stack: it always waits, since nobody else would judge the run.

Exit codes: 0 asked, with --wait complete; 3 partial or suspect; 1 failed, or not there at the deadline; 75 another run
of the set was under way; 2 unknown host or set.

Examples:
  offsite fleet run carcosa --wait
  offsite fleet run carcosa full --set data --deadline 2d --store s3://my-backups?region=eu-central-1`,
    )
    .action((host: string, type: 'auto' | 'full' | 'incremental', options: Options, sub: Command) =>
      run(host, type === 'full' ? 'full' : 'incremental', options, Context.of(sub)),
    );
}

function parseDeadline(text: string): number {
  const duration = parseDuration(text);
  if (duration === null || duration < MINUTE || duration > 30 * DAY) {
    throw new InvalidArgumentError('It is no duration from 1m to 30d.');
  }
  return duration;
}

async function run(host: string, type: 'full' | 'incremental', options: Options, context: Context): Promise<void> {
  const { output, clock } = context;
  const store = await context.openStore();
  const open = await openHands(context, store, options, { judges: true });
  const now = clock.now();
  const deadline = new Date(now.getTime() + options.deadline);
  const asked = await askForRun(store, open.hands, { host, sets: options.set ?? [], type, deadline }, now);
  tellAsked(asked, context);
  if (options.wait !== true && open.embedded === null) {
    output.json({ ...jsonOf(asked), waited: null, runs: runsAskedFor(asked) });
    for (const { set, run: id } of runsAskedFor(asked)) output.result(`${set}: run ${id}`);
    output.message(`To see what becomes of it: offsite runs --host ${host} --store '${store.url}'`);
    return;
  }
  const followed = await wait(store, asked, { open, context, since: now });
  output.json({ ...jsonOf(asked), waited: followed.because, runs: followed.runs.map(runJson) });
  for (const one of followed.runs) for (const line of endWords(one)) output.result(line);
  tellWhy(followed, asked, { open, context });
  const code = exitCodeOf(followed);
  if (code !== 0) throw new ExitCode(code);
}

function tellAsked({ host, type, deadline, nodeState }: Asked, { output }: Context): void {
  output.message(
    `${host} was asked for ${type === 'full' ? 'a full' : 'an incremental'}, until ${formatInstant(deadline)}`,
  );
  if (nodeState?.online !== false) return;
  const last = nodeState.lastSeen === null ? '' : ` (last heard of ${formatInstant(nodeState.lastSeen)})`;
  output.warning(`${host} is not online${last}: it begins when it wakes up, if that is before the deadline`);
}

async function wait(
  store: ObjectStore,
  asked: Asked,
  { open, context, since }: { open: OpenHands; context: Context; since: Date },
): Promise<Followed> {
  const { output, clock, signal } = context;
  const line = new LiveLine(output);
  try {
    return await follow(store, asked, {
      clock,
      signal,
      every: open.embedded === null ? EVERY.aws : EVERY.embedded,
      isLast: async () => {
        open.embedded?.agents.check();
        return open.embedded !== null && !open.embedded.agents.isBusy;
      },
      onLook: (runs) => line.show(followText(runs, { now: clock.now(), since })),
    });
  } finally {
    line.end();
    open.embedded?.agents.leave();
  }
}

/** Why not all of it has a verdict, where that is so. */
function tellWhy({ because }: Followed, asked: Asked, { open, context }: { open: OpenHands; context: Context }): void {
  const { output } = context;
  const { host, node, deadline } = asked;
  if (because === 'deadline')
    output.warning(`the deadline, ${formatInstant(deadline)}, has passed: not waiting any longer`);
  if (because === 'left') {
    output.warning(
      `the agent of ${host} has ended and left no verdict; what it said: ${open.embedded?.agents.logOf(node)}`,
    );
  }
  if (because !== 'stopped') return;
  const judge = open.embedded === null ? '' : '; it is judged when `offsite fleet watch` runs';
  output.warning(`stopped waiting: the run itself goes on${judge}. See: offsite runs --host ${host}`);
}

const EXIT = {
  complete: 0,
  partial: 3,
  suspect: 3,
  skipped: 75,
  failed: 1,
  missed: 1,
  asked: 1,
  running: 1,
  published: 1,
} as const satisfies Record<FollowedRun['state'], number>;

/** Of several runs the worst speaks. */
function exitCodeOf({ runs }: Followed): number {
  const codes = runs.map(({ state }): number => EXIT[state]);
  return [1, 75, 3].find((code) => codes.includes(code)) ?? 0;
}

function jsonOf({ host, node, type, policy, due, deadline, nodeState }: Asked) {
  const lastSeen = nodeState?.lastSeen ?? null;
  return {
    ...{ host, node, type, policy },
    due: instantText(due),
    deadline: instantText(deadline),
    online: nodeState?.online ?? null,
    lastSeen: lastSeen === null ? null : instantText(lastSeen),
  };
}

function runJson({ set, run, state, started, alive, objects, bytes, busyWith, verdict }: FollowedRun) {
  const text = (instant: Date | null) => (instant === null ? null : instantText(instant));
  return {
    ...{ set, run, state, started: text(started), alive: text(alive), objects, bytes, busyWith },
    accepted: verdict?.accepted ?? null,
    reasons: verdict?.reasons ?? [],
    notices: verdict?.notices ?? [],
  };
}
