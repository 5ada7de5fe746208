/** Which stack a command of the fleet is about, by the store: one on AWS for a bucket, the embedded one for a directory. */

import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { OffsiteError } from '../contract/errors.ts';
import { FleetArchive } from '../functions/lib/fleet-archive.ts';
import type { Embedded } from '../local/embedded.ts';
import type { NodesPort, SchedulesPort } from '../operator/fleet-nodes.ts';
import type { RunPort } from '../operator/fleet-run.ts';
import type { TeardownPort } from '../operator/fleet-teardown.ts';
import type { TestAlertPort } from '../operator/test-alert.ts';
import type { ObjectStore } from '../store/port.ts';
import { parseStoreUrl } from '../store/url.ts';
import { environmentVariable, wholeEnvironment } from '../system/environment.ts';
import type { Context, KeyOptions } from './context.ts';

export interface EmbeddedOptions {
  hosts?: string;
  outbox?: string;
}

export interface HandsOptions extends EmbeddedOptions, KeyOptions {
  stack?: string;
}

/** `--hosts`, `--outbox`: where the embedded stack has what AWS has elsewhere. */
export function addEmbeddedOptions(command: Command): Command {
  return command
    .option('--hosts <DIR>', 'with a file:// store: a folder of host configs, NODE.yml (else $OFFSITE_HOSTS)')
    .option(
      '--outbox <DIR>',
      'with a file:// store: where messages are kept (else $OFFSITE_OUTBOX, else beside hosts)',
    );
}

/** `--stack`: for when the store holds no fleet file that names it. */
export function addStackOption(command: Command): Command {
  return command.option('--stack <NAME>', "the stack's name (default: the one in the fleet file in force)");
}

/** What commands do with a stack, wherever it is. */
export type Hands = RunPort & TestAlertPort & TeardownPort & NodesPort & SchedulesPort;

export interface OpenHands {
  readonly hands: Hands;
  /** The same, where the stack is this process. */
  readonly embedded: Embedded | null;
  /** What people call it. */
  readonly name: string;
}

/**
 * The hands for the store's stack. `judges` where the embedded stack is to judge runs, for which it needs the operator's
 * public key and the hosts; `lists` where it needs the hosts. Throws `usage` where something is not said.
 */
export async function openHands(
  context: Context,
  store: ObjectStore,
  options: HandsOptions,
  { judges, lists = judges }: { judges: boolean; lists?: boolean },
): Promise<OpenHands> {
  const location = parseStoreUrl(store.url);
  if (location.kind === 'directory') {
    const { hosts, outbox } = foldersOf(options, { hostsNeeded: lists });
    // Stacks of either kind are loaded for those alone who need them: every command starts with this file.
    const [{ Embedded }, { hostsIn }] = await Promise.all([
      import('../local/embedded.ts'),
      import('../local/hosts.ts'),
    ]);
    const read = async () => (lists && hosts !== null ? hostsIn(hosts) : new Map<string, string>());
    await read();
    const embedded = new Embedded({
      store,
      clock: context.clock,
      anchor: judges ? await context.anchor(options) : [],
      hosts: read,
      outbox,
      environment: wholeEnvironment,
    });
    return { hands: embedded, embedded, name: 'the embedded stack' };
  }
  const stack = options.stack ?? (await stackInForce(context, store));
  const { AwsHands } = await import('../operator/aws/hands.ts');
  const hands = new AwsHands({ stack, ...(location.region === undefined ? {} : { region: location.region }) });
  return { hands, embedded: null, name: `the stack ${stack}` };
}

async function stackInForce({ clock }: Context, store: ObjectStore): Promise<string> {
  const { rulings } = await new FleetArchive(store).history(clock.now());
  const stack = rulings[0]?.fleet.stack;
  if (stack !== undefined) return stack;
  throw new OffsiteError('fleet-missing', `${store.url} holds no fleet file that names the stack`, {
    hint: 'Give --stack NAME, or apply a fleet file with `offsite fleet apply`.',
  });
}

/** Folders of the embedded stack, absolute. Throws `usage` where one is needed and not named. */
export function foldersOf(
  options: EmbeddedOptions,
  { hostsNeeded }: { hostsNeeded: boolean },
): { hosts: string | null; outbox: string } {
  const hosts = options.hosts ?? environmentVariable('OFFSITE_HOSTS');
  const outbox = options.outbox ?? environmentVariable('OFFSITE_OUTBOX');
  if (hosts === undefined && (hostsNeeded || outbox === undefined)) {
    throw new OffsiteError('usage', 'with a file:// store, give --hosts DIR or set $OFFSITE_HOSTS', {
      hint: 'It is a folder with one host config for each host, NODE.yml, where NODE is its node in the fleet file.',
    });
  }
  const beside = hosts === undefined ? '' : join(dirname(resolve(hosts)), 'outbox');
  return {
    hosts: hosts === undefined ? null : resolve(hosts),
    outbox: outbox === undefined ? beside : resolve(outbox),
  };
}
