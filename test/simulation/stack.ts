/** The stack of a simulated world: all functions as they are, over a store in memory, and manifests that need no key. */

import { FleetArchive } from '../../functions/lib/fleet-archive.ts';
import type { Notifier } from '../../functions/ports/notifier.ts';
import type { Stack } from '../../functions/stack.ts';
import type { ObjectStore } from '../../store/port.ts';
import type { Clock } from '../../system/clock.ts';
import { PlainEvidence } from './evidence.ts';

export function simulatedStack(store: ObjectStore, clock: Clock, notifier: Notifier): Stack {
  const events = { emit: async () => {} };
  return { store, clock, notifier, events, evidence: new PlainEvidence(store), fleets: new FleetArchive(store) };
}
