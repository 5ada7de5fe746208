/** The rules that make schedules fire. On AWS these are EventBridge rules `<stack>-s-…` that start dispatch. */

import type { SlotType } from '../rules/slots.ts';

/** The version of the fleet file that a rule was made by. */
export interface MadeBy {
  readonly applied: string;
  readonly sha256: string;
}

/** One schedule of a policy. */
export interface Schedule {
  readonly policy: string;
  readonly type: SlotType;
}

export interface WantedSchedule extends Schedule {
  /** As EventBridge takes it: `Cron.text`. */
  readonly cron: string;
  /** Milliseconds after which a firing is of no use to anybody. */
  readonly deadline: number;
  readonly madeBy: MadeBy;
}

/** A rule that is there. */
export interface FoundSchedule extends Schedule {
  /** Null where it cannot be told. */
  readonly madeBy: MadeBy | null;
}

export interface Schedules {
  /** Rules of this stack's schedules; never one that something else made, whatever it is called. */
  list(): Promise<FoundSchedule[]>;
  /** Makes the rule, or makes it so. Idempotent. Throws where a rule of that name is somebody else's. */
  put(schedule: WantedSchedule): Promise<void>;
  /** Removes the rule, present or not. */
  remove(schedule: Schedule): Promise<void>;
}
