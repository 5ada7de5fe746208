/** Hosts with the agent, and the fleet file that asks them for backups. */

import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Json } from '../../../contract/canonical.ts';
import { putFleet } from '../../../repository/fleet.ts';
import { SimulatedHost } from '../ssm/host.ts';
import type { DeployedStack } from './stack.ts';
import { offsite } from './world.ts';

const MINUTE = 60_000;

interface EnrolOptions {
  readonly name: string;
  readonly node: string;
  readonly agentVersion?: string;
  /** Set `data` alone, unless they are named. All have the same paths and script. */
  readonly sets?: readonly string[];
  /** Of the host's one script, in each of its sets. */
  readonly script?: string;
}

/** A host that SSM knows, with its own role session, the agent and a config. */
export async function enrol(stack: DeployedStack, options: EnrolOptions): Promise<SimulatedHost> {
  const { world } = stack;
  const { name, node, agentVersion, script, sets = ['data'] } = options;
  const host = knownToSsm(stack, node, agentVersion);
  await renewCredentials(stack, host);
  const data = join(host.root, 'srv/data');
  mkdirSync(data, { recursive: true });
  writeFileSync(join(data, 'hello.txt'), `of ${name}\n`);
  const store = stack.outputs.Store ?? '';
  const state = join(host.root, 'var/lib/offsite');
  const recipient = join(host.root, 'etc/offsite/operator.asc');
  const { copyFileSync } = await import('node:fs');
  copyFileSync(world.operator.publicKey, recipient);
  const words = ['init', '--host', name, '--store', store, '--recipient', recipient, '--state', state];
  await offsite([...words, '--config', host.config], host.environment());
  const scripts = join(host.root, 'etc/offsite/scripts');
  mkdirSync(scripts);
  const set = { paths: [data], ...(script === undefined ? {} : { scripts, alertOutput: true }) };
  if (script !== undefined) writeScript(host, script);
  const identity = join(state, 'identity');
  writeFileSync(
    host.config,
    stringify({
      ...{ host: name, store, recipients: [recipient], identity, state },
      sets: Object.fromEntries(sets.map((one) => [one, set])),
    }),
  );
  return host;
}

/** The one script of a host. */
export function writeScript(host: SimulatedHost, body: string): void {
  const file = join(host.root, 'etc/offsite/scripts/10-dump');
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
}

/** A node that SSM knows, without any agent: for hosts that are switched off in all of a test. */
export function knownToSsm({ world }: DeployedStack, node: string, agentVersion?: string): SimulatedHost {
  const folder = join(world.folder, 'hosts');
  rmSync(join(folder, node), { recursive: true, force: true });
  const { endpoint } = world.gateway;
  const host = new SimulatedHost(folder, { node, endpoint, ...(agentVersion === undefined ? {} : { agentVersion }) });
  world.ssm.hosts.set(node, host);
  return host;
}

/** What the SSM agent does about twice an hour; the old ones still hold for a while. */
export async function renewCredentials(stack: DeployedStack, host: SimulatedHost): Promise<void> {
  host.giveCredentials(await stack.world.aws.assumeRole(stack.outputs.HostRoleName ?? '', host.node));
}

/** Certifies the signing keys of these nodes, as the operator at home. */
export async function trust(stack: DeployedStack, nodes: readonly string[]): Promise<void> {
  const { privateKey } = stack.world.operator;
  await offsite(['trust', ...nodes, '--yes', '--store', stack.outputs.Store ?? '', '--key', privateKey]);
}

/** Puts a fleet file into force that was applied at `applied`, which may be past. */
export async function applyFleet(
  stack: DeployedStack,
  fleet: { hosts: Record<string, Json>; policies: Record<string, Json>; digest?: string; heartbeat?: string },
  applied: Date,
): Promise<void> {
  const { fingerprint } = stack.world.operator;
  const whole = { store: stack.outputs.Store ?? '', stack: stack.name, recipients: [fingerprint], ...fleet };
  await putFleet(stack.store, whole, applied);
}

/** The minute that an instant is in. */
export const minuteOf = (instant: number): Date => new Date(Math.floor(instant / MINUTE) * MINUTE);

/** A schedule that is due once a day, at the minute of this instant. */
export const dailyAt = (due: Date): string => `cron(${due.getUTCMinutes()} ${due.getUTCHours()} * * ? *)`;
