/** What the functions stand on, handed in by whoever runs them: functions/aws on AWS, local/ on one machine, or a test. */

import type { PublicKey } from '../pgp/keys.ts';
import { Evidence } from '../repository/evidence.ts';
import type { ObjectStore } from '../store/port.ts';
import type { Clock } from '../system/clock.ts';
import { FleetArchive } from './lib/fleet-archive.ts';
import type { Events } from './ports/events.ts';
import type { EvidenceSource } from './ports/evidence.ts';
import type { Notifier } from './ports/notifier.ts';

/** What all three functions need. */
export interface Stack {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly notifier: Notifier;
  readonly events: Events;
  readonly evidence: EvidenceSource;
  readonly fleets: FleetArchive;
}

export interface Ports {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly notifier: Notifier;
  readonly events: Events;
  /** The operator's public keys: a deploy parameter or a file at home, never an object of the store. */
  readonly anchor: readonly PublicKey[];
}

/** The stack over its ports. It may be kept for as long as the process lives: what it remembers never changes in the store. */
export function stackOf({ store, clock, notifier, events, anchor }: Ports): Stack {
  return { store, clock, notifier, events, evidence: new Evidence(store, anchor), fleets: new FleetArchive(store) };
}
