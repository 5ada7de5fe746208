/**
 * One audit of a fleet of thousands, with time added to each call of the store: after a night in which every host missed,
 * or every backup was made and nobody judged it, or everything was judged; and the audit that repeats and sends the digest.
 */

import { runIdForSlot } from '../../contract/ids.ts';
import { audit } from '../../functions/audit.ts';
import { complete } from '../../functions/complete.ts';
import { dispatch } from '../../functions/dispatch.ts';
import { FleetArchive } from '../../functions/lib/fleet-archive.ts';
import type { CommandSender } from '../../functions/ports/commands.ts';
import { putFleet } from '../../repository/fleet.ts';
import { MemoryStore } from '../../store/memory.ts';
import { monotonicMilliseconds } from '../../system/clock.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { PlainEvidence } from './evidence.ts';
import { DAY, HOUR, MINUTE, type PlannedFleet, written } from './fleet-plan.ts';
import { instant, Machine, RECIPIENT } from './machine.ts';
import { Topics } from './notifier.ts';
import { Dice } from './random.ts';
import { slowStore } from './slow-store.ts';
import { simulatedStack } from './stack.ts';

export const NIGHTS = ['missed', 'unjudged', 'judged', 'repeat'] as const;
/** What has become of all hosts when audit comes. */
export type NightOf = (typeof NIGHTS)[number];

export interface Measured {
  readonly night: NightOf;
  readonly hosts: number;
  /** Calls of the store, pages of lists among them. */
  readonly calls: number;
  /** Seconds: waiting for the store where that is only counted, and what the audit took besides. */
  readonly waited: number;
  readonly worked: number;
  /** Bytes of the whole process. */
  readonly memory: number;
  /** Messages that reached people, and runs judged. */
  readonly messages: number;
  readonly judged: number;
}

const FROM = Date.parse('2026-11-19T12:00:00Z');
const DUE = Date.parse('2026-11-20T04:00:00Z');

export async function measure(
  night: NightOf,
  { hosts, milliseconds, isCounted }: { hosts: number; milliseconds: number; isCounted: boolean },
): Promise<Measured> {
  const clock = new FakeClock(new Date(FROM));
  const store = new MemoryStore({ clock });
  const topics = new Topics(new Dice('never'), { refused: 0, unheard: 0 });
  const near = simulatedStack(store, clock, topics);
  const machines = Array.from({ length: hosts }, (_, i) => new Machine(store, `mi-${String(i).padStart(17, '0')}`));
  for (const machine of machines) await machine.register();
  await putFleet(store, written(fleetOf(machines), RECIPIENT), clock.now());
  await audit(near);

  clock.set(new Date(DUE + MINUTE));
  const commands: CommandSender = {
    knownNodes: async (nodes) => new Set(nodes),
    send: async () => ({ command: 'command' }),
  };
  const fire = (time: number) =>
    dispatch(near, commands, { policy: 'nightly', type: 'incremental', time: new Date(time) });
  await fire(DUE);
  if (night === 'unjudged' || night === 'judged') {
    clock.set(new Date(DUE + HOUR));
    for (const [i, machine] of machines.entries()) {
      const key = await machine.publish(taskOf(i, machine), 'complete', DUE + HOUR);
      if (night === 'judged') await complete(near, { kind: 'object', key });
    }
  }
  clock.set(new Date(DUE + 8 * HOUR + 5 * MINUTE));
  if (night === 'repeat') {
    await audit(near);
    clock.set(new Date(DUE + DAY + MINUTE));
    await fire(DUE + DAY);
    clock.set(new Date(DUE + DAY + 8 * HOUR + 10 * MINUTE));
  }
  topics.take();

  const { store: far, waits } = slowStore(store, { milliseconds, isCounted });
  const stack = { ...near, store: far, evidence: new PlainEvidence(far), fleets: new FleetArchive(far) };
  const begun = monotonicMilliseconds();
  const { slots, errors } = await audit(stack);
  const worked = (monotonicMilliseconds() - begun) / 1000;
  if (errors.length > 0) throw errors[0];
  return {
    ...{ night, hosts, calls: waits.calls, waited: waits.waited / 1000, worked, memory: process.memoryUsage.rss() },
    messages: topics.take().length,
    judged: slots.reduce((sum, slot) => sum + slot.judged, 0),
  };
}

const hostName = (i: number) => `h${String(i).padStart(5, '0')}`;

function fleetOf(machines: readonly Machine[]): PlannedFleet {
  const hosts = machines.map(({ node }, i) => [hostName(i), { node, sets: ['data'] }] as const);
  const policy = { hosts: hosts.map(([name]) => name), incremental: 'cron(0 4 * * ? *)', deadline: 8 };
  return { hosts: Object.fromEntries(hosts), policies: { nightly: policy } };
}

function taskOf(i: number, { node }: Machine) {
  const run = runIdForSlot({ policy: 'nightly', due: new Date(DUE), node, set: 'data' });
  const due = instant(DUE);
  return { set: 'data', run, name: hostName(i), policy: 'nightly', due, type: 'full', base: null } as const;
}
