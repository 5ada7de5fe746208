/** What happens in a simulated world, as whoever watches it is told: facts of hosts, operators and functions, no judgement. */

import type { Publication } from '../../functions/ports/notifier.ts';
import type { PlannedFleet } from './fleet-plan.ts';
import type { Said } from './machine.ts';

/** A run of a machine; `run` is its id. */
export interface OfRun {
  readonly node: string;
  readonly set: string;
  readonly run: string;
}

export interface PublishedRun extends OfRun {
  /** What its manifest calls the host. */
  readonly name: string;
  readonly says: Said;
}

export interface DispatchedSlot {
  readonly policy: string;
  readonly due: number;
  readonly deadline: number;
  /** Its nodes. */
  readonly asked: readonly string[];
  /** Nodes in batches that are marked as sent, and those of them that the command service did not know. */
  readonly sent: readonly string[];
  readonly unknown: readonly string[];
}

export type Invocation = (
  | { readonly of: 'complete'; readonly about: OfRun }
  | {
      readonly of: 'command';
      readonly node: string;
      readonly policy: string;
      readonly due: number;
      readonly code: number;
    }
  | { readonly of: 'audit' }
  | { readonly of: 'dispatch'; readonly slot: DispatchedSlot | null }
) & {
  /** It ended, and said that nothing went wrong. */
  readonly isGood: boolean;
  /** It was killed, or a publication failed in it. */
  readonly isDisturbed: boolean;
  /** What reached people. */
  readonly messages: readonly Publication[];
  /** Keys that it wrote. */
  readonly written: ReadonlySet<string>;
};

export interface Witness {
  applied(at: number, fleet: PlannedFleet): void;
  noted(at: number, kind: 'started' | 'alive' | 'skipped', of: OfRun): void;
  published(at: number, run: PublishedRun): void;
  accepted(at: number, of: OfRun): void;
  /** Somebody, or nobody, listens from now on. */
  listens(at: number, isHeard: boolean): void;
  invoked(at: number, invocation: Invocation): Promise<void>;
}
