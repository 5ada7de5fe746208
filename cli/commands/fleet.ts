/** `offsite fleet …`: the operator's side of the stack. */

import type { Command } from 'commander';
import { addFleetApply } from './fleet-apply.ts';
import { addFleetDiscover } from './fleet-discover.ts';
import { addFleetRun } from './fleet-run.ts';
import { addFleetStatus } from './fleet-status.ts';
import { addFleetSubscribe } from './fleet-subscribe.ts';
import { addFleetTeardown } from './fleet-teardown.ts';
import { addFleetTestAlert } from './fleet-test-alert.ts';
import { addFleetWatch } from './fleet-watch.ts';

export function addFleet(offsite: Command): void {
  const fleet = offsite
    .command('fleet')
    .description("the operator's side of the stack: who is backed up, when, and who is told")
    .addHelpText(
      'after',
      '\nExamples:\n  offsite fleet apply fleet.yml\n  offsite fleet status\n  offsite fleet run carcosa --store s3://my-backups\n  offsite fleet test-alert',
    );
  for (const add of [
    addFleetApply,
    addFleetStatus,
    addFleetDiscover,
    addFleetRun,
    addFleetTestAlert,
    addFleetSubscribe,
    addFleetTeardown,
    addFleetWatch,
  ])
    add(fleet);
}
